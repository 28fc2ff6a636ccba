"""`bench replay FILE`: a capture of the user's own, whichever form it has."""

import gzip
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cryptopipe.capture.merge import Source, merge
from cryptopipe.capture.writer import Writer
from cryptopipe.cli import main
from cryptopipe.drivers.replay import packaged_files


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main(["bench", "replay", "--runs=1", "--json", *arguments]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def frames(path: Path) -> int:
    return sum(json.loads(line)["dir"] == "recv" for line in gzip.decompress(path.read_bytes()).splitlines())


def test_lines_of_a_venue(capsys: pytest.CaptureFixture[str]) -> None:
    path = packaged_files()[0]
    document = told(capsys, f"{path.name.partition('.')[0]}={path}")
    assert [row["n"] for row in document["rows"]] == [frames(path)] * 3
    assert document["rows"][1]["name"].startswith("gzipped JSON lines") and document["rows"][0]["value"] > 0
    assert document["corpus_sha256"] == sha256(path.read_bytes()).hexdigest()


@pytest.mark.long
def test_a_native_capture_names_its_venues(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = packaged_files()[:2]
    with Writer(tmp_path / "capture") as writer:
        for entry in merge([Source(path.name.partition(".")[0], path) for path in paths]):
            writer.append(entry)
    document = told(capsys, "capture")
    assert [row["n"] for row in document["rows"]] == [sum(map(frames, paths))] * 3
    assert document["rows"][1]["name"] == "as they are, counting strategy"
    segment = (tmp_path / "capture" / "000001.arrows").read_bytes()
    assert document["corpus_sha256"] == sha256(segment).hexdigest()


def test_what_it_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = packaged_files()[0]
    assert told(capsys, str(path), code=2)["error"]["fix"] == f"write VENUE={path}"
    assert "unknown exchange" in told(capsys, f"nowhere={path}", code=2)["error"]["message"]
    assert "no such file" in told(capsys, "nothing.jsonl", code=1)["error"]["message"]
    with Writer(tmp_path / "capture"):
        pass
    assert "no input of any venue" in told(capsys, "capture", code=2)["error"]["message"]
