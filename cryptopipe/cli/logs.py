"""The log: events as dotted nouns, data in keys, to stderr, and to files where that is wanted.

Enters: how much is wanted, and where. Leaves: a configured structlog. Never: a line on stdout, a local variable in a
traceback, a secret.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import structlog

from cryptopipe.model.sealed import Hidden

if TYPE_CHECKING:
    from cryptopipe.cli.log_files import LogFiles
    from cryptopipe.settings.logs import LogsSettings

_Event = MutableMapping[str, Any]
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}

log_option = click.option(
    "--log-dir",
    "--log_dir",
    "log_dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the log in files there, one for each component.",
)
"""Of the commands that run for long."""


class _Leveled(structlog.PrintLogger):
    """What writes to stderr; unlike a narrator's, not what is below the level that was asked for."""


def _unsaid(logger: Any, method: str, event: _Event) -> _Event:
    """Without a secret that was passed by mistake, or that is part of a URL."""
    from cryptopipe.capture.redact import redact_url

    said: _Event = {}
    for name, value in event.items():
        if isinstance(value, Hidden):
            said[name] = "…"
        elif isinstance(value, str) and ("=" in value or "@" in value):
            said[name] = redact_url(value)
        else:
            said[name] = value
    return said


def configure(verbose: int = 0, files: "LogFiles | None" = None, file_level: str = "info") -> None:
    """Warnings only; with 1 the canonical lines, with 2 everything. `files` get what is at `file_level` or above."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of each write to a socket that just broke
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _unsaid,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if files is None else [_to_files(files, _LEVELS[file_level]), _to_stderr(level)]),
            structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            level if files is None else min(level, _LEVELS[file_level])
        ),
        logger_factory=lambda *name: _Leveled(sys.stderr),  # stderr as it is when a line is written
        cache_logger_on_first_use=False,
    )


def _to_files(files: "LogFiles", least: int) -> Callable[[Any, str, _Event], _Event]:
    def put(logger: Any, method: str, event: _Event) -> _Event:
        if _number(event) >= least:
            files.put(structlog.processors.format_exc_info(logger, method, dict(event)))
        return event

    return put


def _to_stderr(least: int) -> Callable[[Any, str, _Event], _Event]:
    def drop(logger: Any, method: str, event: _Event) -> _Event:
        if isinstance(logger, _Leveled) and _number(event) < least:
            raise structlog.DropEvent
        return event

    return drop


def _number(event: _Event) -> int:
    return logging.getLevelNamesMapping().get(str(event.get("level", "")).upper(), logging.CRITICAL)


def keep_log(settings: "LogsSettings", log_dir: Path | None, real: bool, verbose: int) -> None:
    """Write the log to files until the command ends: if a directory is named, if that is set, or, where nothing is
    set, over `real` venues, which run unattended for long; who only tries something gets no files.
    """
    if log_dir is not None or settings.files == "on" or (settings.files == "auto" and real):
        click.get_current_context().with_resource(_kept(settings, log_dir, verbose))


@contextmanager
def _kept(settings: "LogsSettings", log_dir: Path | None, verbose: int) -> Iterator[None]:
    from platformdirs import user_state_path

    from cryptopipe.cli.log_files import LogFiles

    directory = log_dir or settings.dir or user_state_path("cryptopipe") / "log"
    files = LogFiles(directory, settings.format == "json", settings.max_mb << 20, settings.keep)
    configure(verbose, files, settings.level)
    try:
        yield
    finally:
        files.close()
        configure(verbose)
