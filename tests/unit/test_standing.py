"""A sandbox is found by its file only while it serves, whatever the file says."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptopipe.cli.standing import FILE, announced, standing


@pytest.fixture
def port() -> Iterator[int]:
    """Where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def document(port: int, pid: object = None) -> dict[str, object]:
    return {
        "pid": os.getpid() if pid is None else pid,
        "venues": {"alpha": {"rest": f"http://127.0.0.1:{port}"}},
    }


def test_a_sandbox_that_serves_is_found(tmp_path: Path, port: int) -> None:
    with announced(tmp_path, document(port)):
        found = standing(tmp_path)
        assert found is not None and found.document == document(port)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "null", "\x00", '{"pid": 1e400}', '{"pid": 99999999999999999999}', '{"pid": true}',
        '{"pid": OURS}', '{"pid": OURS, "venues": {}}', '{"pid": OURS, "venues": []}',
        '{"pid": OURS, "venues": {"alpha": {}}}', '{"pid": OURS, "venues": {"alpha": {"rest": "nowhere"}}}',
        '{"pid": OURS, "venues": {"alpha": {"rest": "http://127.0.0.1:99999"}}}',
    ],
)  # fmt: skip
def test_a_file_that_no_sandbox_wrote_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text.replace("OURS", str(os.getpid())))
    assert standing(tmp_path) is None


@pytest.mark.parametrize("pid", [0, -1])
def test_a_number_that_is_no_process_is_not_taken_for_one(tmp_path: Path, port: int, pid: int) -> None:
    (tmp_path / FILE).write_text(json.dumps(document(port, pid)))
    assert standing(tmp_path) is None


def test_a_process_that_got_the_number_of_a_dead_sandbox_is_not_taken_for_it(tmp_path: Path) -> None:
    """This process lives, and nobody listens where the file says."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (tmp_path / FILE).write_text(json.dumps(document(port)))
    assert standing(tmp_path) is None


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE)
    assert standing(tmp_path) is None


def test_the_end_of_a_second_sandbox_leaves_the_first_one_found(tmp_path: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, announced(tmp_path, document(port)):
        second = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        with announced(tmp_path, document(other.getsockname()[1], second.pid)):
            found = standing(tmp_path)
            assert found is not None and found.document["pid"] == second.pid
        second.communicate()
        found = standing(tmp_path)
        assert found is not None and found.document == document(port)
