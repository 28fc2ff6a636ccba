"""Real processes: killed writers, and a post-mortem beside a writing run."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

from cryptopipe.journal.reader import read
from cryptopipe.journal.runs import list_runs
from cryptopipe.postmortem.report import report

ROOT = Path(__file__).parents[2]

KILLED = """
    import json, os, random, signal, sys
    from pathlib import Path
    from cryptopipe.journal.log import Log

    def write(directory, pipe):
        log = Log.open(directory)
        seq = 0
        while True:
            for _ in range(random.randint(1, 4)):
                seq = log.append(seq, 1723161255088169167, "note", {"text": "x" * random.randint(0, 300)})
            log.sync()
            os.write(pipe, b"%d\\n" % seq)

    acknowledged = {}
    for child in range(50):
        directory = Path(sys.argv[1], f"{child:02d}")
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reader)
            try:
                write(directory, writer)
            finally:
                os._exit(1)
        os.close(writer)
        with open(reader, "rb") as answers:
            for _ in range(random.randint(1, 150)):
                last = answers.readline()
            os.kill(pid, signal.SIGKILL)
            rest = [line for line in answers if line.endswith(b"\\n")]
        os.waitpid(pid, 0)
        acknowledged[directory.name] = int((rest or [last])[-1])
    print(json.dumps(acknowledged))
"""

WRITING = """
    import sys, threading
    from pathlib import Path
    from cryptopipe.journal import runs
    from cryptopipe.journal.log import Log
    from cryptopipe.journal.records import Decided, RunStarted
    from cryptopipe.model.trading import Reason
    from decimal import Decimal as D

    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    run = runs.create(Path(sys.argv[1]), 1723161255088169167)
    with Log.open(run.journal, segment_bytes=100_000) as log:
        log.append(0, 1, "run_started", RunStarted("arbitrage", "f00d", {}, (), (), {}, "USDT"))
        log.sync()
        print("writing", flush=True)
        episode = 0
        while not stop.wait(0.0005):
            episode += 1
            edge = Decided(episode, episode, "open", "two_venue a:X b:X", (), D(5), D(-1), (), {}, D(-1), "USDT",
                           D(100), False, (Reason("net", False, "0 bp", "-1 bp"),), D(5), D(-1))
            log.append(episode, episode, edge.kind, edge)
            log.sync()
    print(episode)
"""


def start(program: str, directory: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", textwrap.dedent(program), str(directory)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_fifty_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    with start(KILLED, tmp_path) as nursery:
        told, _ = nursery.communicate(timeout=120)
    assert nursery.returncode == 0
    acknowledged = json.loads(told)
    assert len(acknowledged) == 50
    for name, last in acknowledged.items():
        found = [record.n for record in read(tmp_path / name)]
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= last > 0, f"writer {name}: {last} acknowledged, {len(found)} found"


def test_post_mortem_beside_a_writing_run(tmp_path: Path) -> None:
    found = [0]
    with start(WRITING, tmp_path) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        for _ in range(12):
            made = report(tmp_path, "arbitrage")
            assert [run.clean for run in made.runs] == [False]
            assert made.refusals.get("net", 0) == made.opportunities.found
            found.append(made.opportunities.found)
        written, _ = writer.communicate(timeout=60)
    assert writer.returncode == 0
    assert found == sorted(found)
    assert found[-1] > found[1]
    assert report(tmp_path, "arbitrage").opportunities.found == int(written)
    assert len(list(list_runs(tmp_path)[0].journal.glob("*.jsonl"))) > 1
