"""One run of checks at a time on a data directory, and its times.

Enters: the data directory, intervals. Leaves: it, held for this process; a scheduler that calls back. Never: two
processes that write verdicts of one directory; a collector that waits for this.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.errors import ConfigError, CryptopipeError
from cryptopipe.locks import claim, holder

if TYPE_CHECKING:
    from apscheduler.schedulers.blocking import BlockingScheduler

LOCK = "quality.lock"


class QualityBusy(CryptopipeError):
    """Another process checks the files of this data directory."""

    exit_code = 75
    code = "quality_busy"


@contextmanager
def only_checker(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for one checker. Raises `QualityBusy`, and `ConfigError` where nothing can be written."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"no verdict can be kept here: {error.strerror or error}", where=f"data_dir {data_dir}",
            fix="name a directory that can be written: --data-dir DIR, or data_dir in config.yaml",
        ) from None  # fmt: skip
    with lock:
        if not claim(lock):
            pid = holder(lock)
            raise QualityBusy(
                "its files are being checked" + (f" by process {pid}" if pid else ""),
                where=str(data_dir), fix="wait for it, or stop it",
            )  # fmt: skip
        yield


def scheduler(
    every: Nanos, digest_at: str, check: Callable[[], None], digest: Callable[[], None], first: Nanos
) -> "BlockingScheduler":
    """Checks from `first` on and `every` so often, one digest a day. Both run one after another, in one thread beside
    the caller's; a run that is late for whatever reason is made once, not as often as it was missed.
    """
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.blocking import BlockingScheduler
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.interval import IntervalTrigger

    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns of each time that comes while a run goes on
    made = BlockingScheduler(executors={"default": ThreadPoolExecutor(1)}, timezone=UTC)
    once: dict[str, Any] = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    begin = datetime.fromtimestamp(first / SECOND, UTC)
    seconds = IntervalTrigger(seconds=max(1, every // SECOND), start_date=begin, timezone=UTC)
    made.add_job(check, seconds, id="check", name="check", next_run_time=begin, **once)
    hour, minute = digest_at.split(":")
    made.add_job(digest, CronTrigger(hour=hour, minute=minute, timezone=UTC), id="digest", name="digest", **once)
    return made
