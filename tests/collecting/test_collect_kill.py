"""A real collector over simulated venues is killed with SIGKILL again and again: nothing torn, doubled or lost."""

import gzip
import hashlib
import json
import random
import signal
from pathlib import Path

import pytest
from collecting.collect_stage import VENUE, files, traded
from longcapture import linger, spawn, wait_until

from cryptopipe.capture.reader import read
from cryptopipe.collect.sessions import Session, all_sessions

SYMBOLS = ("BTCUSDT", "ETHUSDT")
CELLS = {"trade": 7, "book": 6, "top": 7}


@pytest.mark.long
def test_a_hundred_kills(tmp_path: Path) -> None:
    _killed(tmp_path, 100, random.Random(20261121))


def _killed(data: Path, lives: int, chance: random.Random) -> None:
    for life in range(lives + 1):
        before = len(all_sessions(data, VENUE))
        child = spawn(
            "collect", f"--exchange={VENUE}", "--symbol", *SYMBOLS, "--data_type", "trade,book,top", "--interval=100ms",
            "--market=sandbox", f"--seed={life}", f"--data_dir={data}", "--json", "--set=collect.max_mb=1",
        )  # fmt: skip
        wait_until(child, lambda begun=before: _captures(data, begun))  # type: ignore[misc]
        if life < lives:
            assert linger(child, chance.choice([0.0, 0.01, 0.3, chance.uniform(0, 3)])), "it ended by itself"
            child.kill()
        else:
            assert linger(child, 3), "it ended by itself"
            child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=120)
        if life == lives:
            assert child.returncode == 130 and json.loads(out)["stopped_by"] == "interrupt", err
    _check(data, lives + 1)


def _captures(data: Path, begun: int) -> bool:
    """Whether a new session has written inputs."""
    sessions = all_sessions(data, VENUE)
    return len(sessions) > begun and any(path.stat().st_size for path in sessions[-1].path.glob("*.arrows"))


def _check(data: Path, lives: int) -> None:
    assert not list(data.rglob("*.part")) and not list(data.rglob("*.new"))
    told = [json.loads(path.with_name(path.name + ".json").read_text()) for path in files(data)]
    texts = []
    for path, one in zip(files(data), told, strict=True):
        raw = path.read_bytes()
        text = gzip.decompress(raw).decode()
        texts.append(text)
        body = text.splitlines()[one["type"] == "top" :]
        assert hashlib.sha256(raw).hexdigest() == one["sha256"] and len(body) == one["rows"] > 0
        assert text.endswith("\n") and {line.count(",") + 1 for line in body} == {CELLS[one["type"]]}
    sessions = all_sessions(data, VENUE)
    assert len(sessions) == lives and all(session.sealed() is not None for session in sessions)
    heard_until = 0
    for session in sessions:
        captured = list(read(session.path))
        for symbol in SYMBOLS:
            mine = [
                (one, text)
                for one, text in zip(told, texts, strict=True)
                if (one["session"], one["symbol"], one["type"]) == (session.id, symbol, "trade")
            ]
            written = [line.split(",")[2] for _, text in mine for line in text.splitlines()]
            assert written == _new(session, symbol, traded(captured, symbol)), session.id
            if heard_until and mine:
                closed = [gap for one, _ in mine for gap in one["gaps"] if gap["kind"] == "closed"]
                assert heard_until in {gap["from_ms"] for gap in closed}
        frames = [one.at for one in captured if one.direction.value == "recv"]
        heard_until = max(frames) // 1_000_000 if frames else heard_until


def _new(session: Session, symbol: str, ids: list[str]) -> list[str]:
    """Those that the session before did not have, each once."""
    facts = session.facts()
    assert facts is not None and facts.carried is not None
    carried = facts.carried.get(f"trade/{symbol}")
    known = set(carried.ids if carried is not None else ())
    return [one for one in dict.fromkeys(ids) if one not in known]
