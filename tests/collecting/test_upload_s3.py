"""Upload to an S3 that is somebody else's code (moto), looked at by a third (boto3); its bad days through a proxy."""

import hashlib
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from collecting.shipped import judged
from collecting.unruly import unruly

from cryptopipe.cli import main
from cryptopipe.settings.upload import UploadSettings
from cryptopipe.shipping.destination import Destination, NameTaken, UploadError
from cryptopipe.shipping.stores import open_destination

KEY, SECRET = "AKIAOFTHETEST", "s3cr3t/of+the/test"
DOCS = Path(__file__).parent.parent.parent / "docs"
_buckets = count()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


@pytest.fixture
def s3(port: int, environment: None) -> Any:
    boto3 = pytest.importorskip("boto3")
    return boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"bucket-{next(_buckets)}"
    s3.create_bucket(Bucket=name)
    return name


def objects(s3: Any, bucket: str) -> dict[str, bytes]:
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {one["Key"]: s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in found}


def run(port: int, data_dir: Path, to: str, *more: str) -> int:
    endpoint = f"http://127.0.0.1:{port}"
    how = (f"upload.endpoint={endpoint}", "upload.allow_http=true", "upload.timeout=10s", "upload.concurrency=1")
    sets = [f"--set={one}" for one in how]
    return main(["upload", "--to", to, "--data-dir", str(data_dir), *sets, *more])


def local(data_dir: Path, prefix: str) -> dict[str, bytes]:
    top = data_dir / "collected"
    return {f"{prefix}{one.relative_to(top).as_posix()}": one.read_bytes() for one in top.rglob("*") if one.is_file()}


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


@pytest.mark.slow
def test_a_store_gets_each_file_once_with_its_hash(
    tmp_path: Path, port: int, s3: Any, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 4):
        judged(tmp_path, number, f"{number}\n")
    to = f"s3://{bucket}/crypto/desk"
    assert run(port, tmp_path, to, "--dry-run") == 0
    assert objects(s3, bucket) == {}
    assert run(port, tmp_path, to) == 0
    there = objects(s3, bucket)
    assert there == local(tmp_path, "crypto/desk/")
    for key, content in there.items():
        kept = s3.head_object(Bucket=bucket, Key=key)["Metadata"]
        assert kept == {"sha256": hashlib.sha256(content).hexdigest()}
    capsys.readouterr()
    assert run(port, tmp_path, to, "--json") == 0
    told = document(capsys)
    assert (told["counts"]["there"], told["counts"]["uploaded"], told["bytes"]) == (3, 0, 0)


@pytest.mark.slow
def test_somebody_elses_object_is_refused_named_and_kept(
    tmp_path: Path, port: int, s3: Any, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = judged(tmp_path)
    key = path.relative_to(tmp_path / "collected").as_posix()
    s3.put_object(Bucket=bucket, Key=key, Body=bytes(path.stat().st_size))
    assert run(port, tmp_path, f"s3://{bucket}", "--json") == 1
    (told,) = document(capsys)["files"]
    assert (told["state"], told["file"]) == ("refused", key)
    assert objects(s3, bucket) == {key: bytes(path.stat().st_size)}


def opened(port: int, bucket: str, single: int) -> Destination:
    settings = UploadSettings(endpoint=f"http://127.0.0.1:{port}", allow_http=True, retry=0, timeout=10**10)
    one = open_destination(f"s3://{bucket}/big", settings)
    one._single = single
    return one


@pytest.mark.slow
def test_what_goes_in_parts_is_whole_or_not_there(tmp_path: Path, port: int, s3: Any, bucket: str) -> None:
    content = bytes(range(256)) * (17 << 12)  # 17 MiB: two parts
    path = tmp_path / "big"
    path.write_bytes(content)
    destination = opened(port, bucket, single=1 << 20)
    sha256 = hashlib.sha256(content).hexdigest()
    with pytest.raises(UploadError, match="its content has the SHA-256"):
        destination.put("big", path, "0" * 64)
    assert objects(s3, bucket) == {}
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket), "parts were left behind"
    destination.put("big", path, sha256)
    assert objects(s3, bucket) == {"big/big": content}
    assert destination.sha256("big") == sha256
    with pytest.raises(NameTaken):
        destination.put("big", path, sha256)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "took"),
    [
        (("pass", "cut 3000"), False),
        (("pass", "500"), False),
        (("pass", "lose"), True),
        (("pass", "pass", "cut 1"), True),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_store_that_fails_in_the_middle_is_gone_on_with(
    script: tuple[str, ...],
    took: bool,
    tmp_path: Path,
    port: int,
    s3: Any,
    bucket: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each connection carries one request: the first the listing, the second the first file, the third its verdict."""
    for number in range(1, 3):
        hashes = (hashlib.sha256(f"{number} {row}".encode()).hexdigest() for row in range(200))
        assert judged(tmp_path, number, "".join(f"{one}\n" for one in hashes)).stat().st_size > 6000
    to = f"s3://{bucket}"
    whole = local(tmp_path, "")
    with unruly(port, *script) as proxy:
        assert run(proxy.port, tmp_path, to, "--set=upload.retry=0s", "--json") == 75
        first, second = document(capsys)["files"]
        assert (first["state"], second["state"]) == ("failed", "uploaded")
        there = objects(s3, bucket)
        assert {key: whole[key] for key in there} == there, "half an object"
        assert (first["file"] in there, f"{first['file']}.json" in there) == (took, False)
    assert run(port, tmp_path, to) == 0
    assert objects(s3, bucket) == whole


@pytest.mark.long
@pytest.mark.parametrize("number", range(1, 15))
def test_an_upload_that_is_killed_is_gone_on_with(number: int, tmp_path: Path, port: int, s3: Any, bucket: str) -> None:
    """By -9, as its connection of that number begins: 13 are the listing and three objects of each of four files."""
    for one in range(1, 5):
        judged(tmp_path, one, f"{one}\n" * 5000)
    whole = local(tmp_path, "")
    children: list[subprocess.Popen[bytes]] = []

    def kill(connection: int) -> None:
        if connection == number:
            children[0].kill()

    with unruly(port, strike=kill) as proxy:
        how = (f"upload.endpoint=http://127.0.0.1:{proxy.port}", "upload.allow_http=true", "upload.concurrency=1")
        sets = [f"--set={one}" for one in how]
        arguments = ["upload", "--to", f"s3://{bucket}", "--data-dir", str(tmp_path), *sets]
        children.append(subprocess.Popen([sys.executable, "-m", "cryptopipe", *arguments], stdout=-1))
        children[0].communicate()
        assert (children[0].returncode == -9) == (number <= 13)
    there = objects(s3, bucket)
    assert {key: whole[key] for key in there} == there, "half an object"
    assert len(there) in (number - 2, number - 1) or number in (1, 14)
    assert run(port, tmp_path, f"s3://{bucket}") == 0
    assert objects(s3, bucket) == whole
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.slow
def test_errors_of_the_server_are_tried_again(tmp_path: Path, port: int, s3: Any, bucket: str) -> None:
    judged(tmp_path)
    with unruly(port, "500", "500") as proxy:
        assert run(proxy.port, tmp_path, f"s3://{bucket}") == 0
        assert proxy.connections >= 3
    assert objects(s3, bucket) == local(tmp_path, "")


def test_a_store_that_never_answers_ends_in_time_and_is_named(
    tmp_path: Path, environment: None, capsys: pytest.CaptureFixture[str]
) -> None:
    judged(tmp_path)
    with unruly(None, always="mute") as proxy:
        how = ("--set=upload.timeout=100ms", "--set=upload.retry=0s", "--json")
        assert run(proxy.port, tmp_path, "s3://bucket", *how) == 69
    told = capsys.readouterr()
    error = json.loads(told.out)["error"]
    assert error["code"] == "store_unavailable"
    assert SECRET not in told.out + told.err and KEY not in told.out + told.err


@pytest.mark.slow
def test_a_store_that_takes_nothing_more_is_not_asked_for_ever(
    tmp_path: Path, port: int, s3: Any, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 13):
        judged(tmp_path, number, f"{number}\n")
    with unruly(port, "pass", always="500") as proxy:
        assert run(proxy.port, tmp_path, f"s3://{bucket}", "--set=upload.retry=0s", "--json") == 75
    counts = document(capsys)["counts"]
    assert 3 <= counts["failed"] <= 5
    assert counts["failed"] + counts["not_tried"] == 12


@pytest.mark.parametrize(
    "body", ["<Code>InvalidAccessKeyId</Code><Message>no AKIAOFTHETEST</Message>", "s3cr3t/of+the/test"]
)
def test_what_a_server_says_is_told_without_the_key(
    body: str, tmp_path: Path, environment: None, capsys: pytest.CaptureFixture[str]
) -> None:
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Denying(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_given: object) -> None:
            """Silent."""

    judged(tmp_path)
    with HTTPServer(("127.0.0.1", 0), Denying) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert run(server.server_port, tmp_path, "s3://bucket", "--set=upload.retry=0s") in (69, 78)
        thread.join()
    told = capsys.readouterr()
    assert "***" in told.err
    assert SECRET not in told.out + told.err and KEY not in told.out + told.err


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_a_matter_of_configuration(
    tmp_path: Path, port: int, environment: None, capsys: pytest.CaptureFixture[str]
) -> None:
    judged(tmp_path)
    assert run(port, tmp_path, "s3://no-such-bucket") == 78
    assert "NoSuchBucket" in capsys.readouterr().err


@pytest.mark.slow
def test_the_documented_fields_are_the_printed_ones(
    tmp_path: Path, port: int, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    judged(tmp_path)
    assert run(port, tmp_path, f"s3://{bucket}", "--json") == 0
    told = document(capsys)
    page = (DOCS / "json.md").read_text(encoding="utf-8").split("\n## upload\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.+?`) \| ", page, re.MULTILINE)
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == set(told) - {"schema"}
    assert all(f"`{name}`" in page for name in [*told["files"][0], *told["counts"]])
