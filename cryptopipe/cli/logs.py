"""The log: events as dotted nouns, data in keys, to stderr.

Enters: how much is wanted. Leaves: a configured structlog. Never: a line on stdout, a local variable in a
traceback, a secret.
"""

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from cryptopipe.model.sealed import Hidden


def _unsaid(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Without a secret that was passed by mistake."""
    return {name: "…" if isinstance(value, Hidden) else value for name, value in event.items()}


def configure(verbose: int = 0) -> None:
    """Warnings only; with 1 the canonical lines, with 2 everything."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of each write to a socket that just broke
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _unsaid,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *name: structlog.PrintLogger(sys.stderr),  # stderr as it is when a line is written
        cache_logger_on_first_use=False,
    )
