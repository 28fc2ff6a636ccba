"""A small writer of collected files, by the contract alone: what upload and load are tested with."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

VENUE, SYMBOL = "alpha", "BTC/USDT"
TRADES = (
    "1621484017026,BTC/USDT,851651093,39307.24000000,0.05838400,1621484017023,False\n"
    "1621484017030,BTC/USDT,851651094,39307.25000000,0.00000001,1621484017029,True\n"
)


def place(
    data_dir: Path, kind: str = "trade", hour: str = "20210520T04", number: int = 1, suffix: str = ".csv.gz"
) -> Path:
    """Where a file of that name belongs."""
    symbol = SYMBOL.replace("/", "-")
    name = f"{VENUE}-{symbol}-{kind}-{hour}Z-{number:03d}{suffix}"
    return data_dir / "collected" / VENUE / kind / symbol / name


def seal(path: Path, content: bytes, **facts: Any) -> Path:
    """Write a file and its manifest; `content` is what is in it, before gzip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0) if path.name.endswith(".gz") else content)
    data = path.read_bytes()
    kind = facts.pop("type", path.parent.parent.name.split("-")[0])
    manifest = {
        "schema": 1, "file": path.name, "venue": VENUE, "symbol": SYMBOL, "instrument": "BTC/USDT", "type": kind,
        "depth": None, "interval_ms": None, "header": False,
        "format": "csv" if path.name.endswith(".gz") else "parquet",
        "rows": content.count(b"\n"), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
        "first_event_ms": 1621484017026, "last_event_ms": 1621484017030,
        "first_received_at": "2021-05-20T04:13:37.026000000Z", "last_received_at": "2021-05-20T04:13:37.030000000Z",
        "session": "20210520T041300Z-abcdef", "capture": "raw/20210520T041300Z-abcdef", "first_seq": 1, "last_seq": 2,
        "complete": True, "gaps": [], "filled": [], "sealed_at": "2021-05-20T05:00:01.000000000Z", **facts,
    }  # fmt: skip
    path.with_name(path.name + ".json").write_text(json.dumps(manifest))
    return path


def judge(path: Path, verdict: str = "pass", sha256: str | None = None, at: str = "2021-05-20T05:30:00Z") -> Path:
    """Put a verdict beside a file, of its content unless another hash is given."""
    sha256 = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    checks = [{"name": "row_count", "ok": verdict == "pass", "severity": "warning", "detail": "", "count": 0}]
    told = {"schema": 1, "file": path.name, "sha256": sha256, "verdict": verdict, "checks": checks, "checked_at": at}
    path.with_name(path.name + ".verdict.json").write_text(json.dumps(told))
    return path


def judged(data_dir: Path, number: int = 1, content: str = TRADES, verdict: str = "pass") -> Path:
    """A sealed and judged file of trades."""
    return judge(seal(place(data_dir, number=number), content.encode()), verdict)
