"""Every error of the framework, on one page.

Enters: what happened, where, and how to mend it. Leaves: an exception whose class carries its remedy; that attribute
alone decides what supervisor and executor do. Never: a secret in a message.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from enum import Enum
from typing import ClassVar


class Remedy(Enum):
    """What the part that catches an error must do about it."""

    FATAL = "fatal"  # stop the run: going on would be wrong
    RESYNC = "resync"  # discard the book and ask for a snapshot
    RECONNECT = "reconnect"  # close the connection and dial again
    RETRY_AFTER = "retry_after"  # wait as long as the venue says
    RECONCILE = "reconcile"  # the outcome is unknown: query, never send again
    REJECT = "reject"  # this one thing is refused; everything else goes on


class CryptopipeError(Exception):
    """Root of the tree. `where` is a file, line, key or object; `fix` is what the user can do."""

    remedy: ClassVar[Remedy] = Remedy.FATAL
    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class UsageError(CryptopipeError):
    """The command line asks for something that does not exist."""

    exit_code = 2
    code = "usage"


class ConfigError(CryptopipeError):
    """A setting is unknown, duplicated or out of range."""

    exit_code = 78
    code = "config"


class PluginError(CryptopipeError):
    """A plugin cannot be loaded or breaks its contract; the others go on."""

    remedy = Remedy.REJECT
    code = "plugin"


class CoreUnavailable(CryptopipeError):
    """The native core was asked for and is not built."""

    code = "core"


class ProtocolError(CryptopipeError):
    """A frame or answer is not what its documentation says. Codecs raise this or a `VenueError`, nothing else."""

    remedy = Remedy.RESYNC
    code = "protocol"


class ChecksumMismatch(ProtocolError):
    """The book does not have the checksum that the venue sent with the frame."""

    code = "checksum"


class CrossedBook(ProtocolError):
    """Best bid at or above best ask: the book is wrong, whatever its proof says."""

    code = "crossed"


class PrecisionError(ProtocolError):
    """A number finer than 10⁻¹², out of range, or without a kept text where a checksum needs one."""

    remedy = Remedy.REJECT
    code = "precision"


class VenueError(CryptopipeError):
    """The venue answered with an error of its own."""

    remedy = Remedy.REJECT
    code = "venue"


class VenueUnavailable(VenueError):
    """The venue cannot be reached, or is in maintenance."""

    remedy = Remedy.RECONNECT
    exit_code = 69
    code = "unavailable"


class RateLimited(VenueError):
    """Too many requests; the venue says when to come back."""

    remedy = Remedy.RETRY_AFTER
    exit_code = 75
    code = "rate_limited"


class UnknownOutcome(VenueError):
    """Sent, and the answer leaves execution open."""

    remedy = Remedy.RECONCILE
    code = "unknown_outcome"


class CaptureError(CryptopipeError):
    """A capture is missing, foreign, truncated or damaged."""

    code = "capture"


class WindowFileError(CryptopipeError):
    """A saved window is missing, foreign, truncated or damaged, or cannot be written."""

    remedy = Remedy.REJECT
    code = "window_file"


class JournalError(CryptopipeError):
    """The journal cannot be written, or a record in its middle is damaged."""

    code = "journal"


class LedgerError(CryptopipeError):
    """A posting does not balance. Nothing may be traded on such books."""

    code = "ledger"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'max_notional'?` for the nearest known name, empty where none is near."""
    near = get_close_matches(name.lower(), sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""
