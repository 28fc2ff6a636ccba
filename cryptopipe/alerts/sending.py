"""One channel: an apprise URL, and what became of a message that went there.

Enters: a channel's name and URL, messages. Leaves: empty text for a message that arrived, else why it did not. Never: a
part of the URL in a message, an error or the log; an exception of somebody's service.
"""

import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from pydantic import SecretStr

from cryptopipe.alerts.message import Message
from cryptopipe.errors import ConfigError

if TYPE_CHECKING:
    from apprise import Apprise

_HIDDEN_FROM = 3
"""A part of a URL this long or longer is not repeated."""


class Channel:
    """A place where messages go. Raises `ConfigError` for what apprise does not know as one."""

    def __init__(self, name: str, url: SecretStr) -> None:
        self.name = name
        self._url = url
        self._service = _service(name, url)

    def send(self, message: Message) -> str:
        """Send it, which takes as long as the service takes to answer; empty, or why it did not arrive."""
        import apprise

        types = {"info": apprise.NotifyType.INFO, "warning": apprise.NotifyType.WARNING}
        with _overheard() as said:
            try:
                arrived = self._service.notify(
                    body=message.body,
                    title=message.title,
                    notify_type=types.get(message.severity, apprise.NotifyType.FAILURE),
                    body_format=apprise.NotifyFormat.TEXT,
                )
            except Exception as error:  # noqa: BLE001 -- somebody's service
                return self._hushed(type(error).__name__)
        return "" if arrived else self._hushed(said[-1] if said else "its service says no more")

    def _hushed(self, text: str) -> str:
        """Without any part of the URL, in one line."""
        parts = {one for one in re.split(r"[^A-Za-z0-9]+", self._url.get_secret_value()) if len(one) >= _HIDDEN_FROM}
        for part in sorted(parts, key=len, reverse=True):
            text = re.sub(re.escape(part), "***", text, flags=re.IGNORECASE)
        return " ".join(text.split())[:200]


def channels_of(urls: Mapping[str, SecretStr]) -> dict[str, Channel]:
    """The channels that are set. Raises `ConfigError` where there is none, and for each that cannot be one."""
    if not urls:
        raise ConfigError(
            "no channel is set, so nobody would be told",
            where="alerts.channels",
            fix="name one in config.yaml: alerts: {channels: {desk: json://localhost:8080/}}; docs/alerts.md",
        )
    return {name: Channel(name, url) for name, url in urls.items()}


def _service(name: str, url: SecretStr) -> "Apprise":
    with warnings.catch_warnings(), _overheard():
        warnings.simplefilter("ignore", DeprecationWarning)  # of modules that apprise's services import
        import apprise

        service = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False))
        known = service.add(url.get_secret_value())
    if not known:
        raise ConfigError(
            "not a URL that apprise knows (it is not shown)",
            where=f"alerts.channels.{name}",
            fix="see https://github.com/caronc/apprise/wiki for the form of each service",
        )
    return service


class _Ears(logging.Handler):
    """What apprise logs, for whoever listens in the context of a call; else it would be on stderr, URL and all."""

    def emit(self, record: logging.LogRecord) -> None:
        said = _SAID.get()
        if said is not None and record.levelno >= logging.WARNING:
            said.append(record.getMessage())


_EARS = _Ears()
_SAID: ContextVar[list[str] | None] = ContextVar("said", default=None)
"""Not of the thread: apprise hands the context to its own threads."""


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """The warnings of this context while it lasts."""
    logger = logging.getLogger("apprise")
    if _EARS not in logger.handlers:
        logger.addHandler(_EARS)
        logger.propagate = False
    said: list[str] = []
    token = _SAID.set(said)
    try:
        yield said
    finally:
        _SAID.reset(token)
