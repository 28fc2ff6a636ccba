"""Where the recorded frames are, and how a test reads them.

Enters: `CRYPTOPIPE_RECORDINGS` (default `../shared/fixtures` beside the repository). Leaves: lines and documents.
Never: a failure where the recordings are absent; such tests skip and say so.
"""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
RECORDINGS = Path(os.environ.get("CRYPTOPIPE_RECORDINGS", ROOT.parent / "shared" / "fixtures"))
REFERENCE = Path(os.environ.get("CRYPTOPIPE_REFERENCE", ROOT.parent / "shared" / "reference"))


def needs_recordings(test: Any) -> Any:
    """Mark a test that reads recordings; it skips where there are none."""
    absent = pytest.mark.skipif(
        not RECORDINGS.is_dir(), reason=f"no recordings at {RECORDINGS} (CRYPTOPIPE_RECORDINGS)"
    )
    return pytest.mark.recordings(absent(test))


def read_lines(name: str) -> Iterator[dict[str, str]]:
    """The lines of a recording, such as `binance/spot_btcusdt_20240808.jsonl.gz`."""
    with gzip.open(RECORDINGS / name, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def expected_tops() -> dict[str, Any]:
    """The checkpoints of an independent reconstruction."""
    return json.loads((RECORDINGS / "expected_top_of_book.json").read_text())  # type: ignore[no-any-return]
