"""One run at a time on a data directory.

Enters: the data directory. Leaves: it, held for this process while the context lasts. Never: two runs that write to one
directory, or a run that begins where nothing can be written.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from cryptopipe.errors import ConfigError, CryptopipeError
from cryptopipe.locks import claim, holder


class DataDirBusy(CryptopipeError):
    """Another run is using the data directory."""

    exit_code = 75
    code = "data_dir_busy"


@contextmanager
def only_run(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for one run. Raises `DataDirBusy` while another run of any process holds it, and
    `ConfigError` where nothing can be written.
    """
    with ExitStack() as opened:
        lock = opened.enter_context(_lock_file(data_dir))
        if not claim(lock):
            pid = holder(lock)
            raise DataDirBusy(
                "another run is using this data directory" + (f", process {pid}" if pid else ""),
                where=str(data_dir),
                fix="wait for it, stop it, or give this one its own: --data-dir DIR",
            )
        yield


def _lock_file(data_dir: Path) -> IO[str]:
    runs = data_dir / "runs"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if runs.exists() and not os.access(runs, os.W_OK | os.X_OK):
            raise PermissionError(0, "Permission denied: runs")
        return (data_dir / "run.lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"no run can be kept here: {error.strerror or error}",
            where=f"data_dir {data_dir}",
            fix="name a directory that can be written: --data-dir DIR, or data_dir in config.yaml",
        ) from None
