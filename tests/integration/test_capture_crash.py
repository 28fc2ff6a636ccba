"""A writing process is killed: no acknowledged input is lost, and what is left reads to its end."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from cryptopipe.capture.reader import Capture

CHILD = """
import sys
from itertools import count
from pathlib import Path
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.writer import Writer

writer = Writer(Path(sys.argv[1]), {"label": "crash"}, segment_bytes=40_000)
for seq in count(1):
    writer.append(Input(seq, seq, seq * 1_000_000, Direction.RECV, "a", "a#1", "", b'{"n":%d}' % seq * 9))
    if seq % 37 == 0:
        writer.sync(seq)
        print(seq, flush=True)
"""


@pytest.mark.parametrize("trial", range(10))
def test_kill_loses_nothing_acknowledged(tmp_path: Path, trial: int) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "c")], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    acknowledged = 0
    for _ in range(random.Random(trial).randrange(1, 60)):
        acknowledged = int(child.stdout.readline())
    child.kill()
    rest = child.stdout.read()
    child.stdout.close()
    child.wait()
    acknowledged = max([int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")] + [acknowledged])
    capture = Capture(tmp_path / "c")
    found = list(capture)
    assert [entry.seq for entry in found] == list(range(1, len(found) + 1))
    assert all(entry.payload == b'{"n":%d}' % entry.seq * 9 for entry in found)
    assert len(found) >= acknowledged
    assert not capture.complete
    assert capture.meta == {"label": "crash"}
