"""Venues' answers, of now or recorded, as snapshots.

Enters: plugins, answers, captures, files. Leaves: `Snapshot`s, or why there is none. Never: an answer taken for all
that a venue lists where another one is missing, or a stranger's codec that stops the other venues.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from cryptopipe.capture.inputs import METADATA, Direction, Input
from cryptopipe.capture.reader import Capture
from cryptopipe.clock import Nanos, parse_epoch
from cryptopipe.errors import CaptureError, ProtocolError, UsageError, VenueError
from cryptopipe.market.strangers import as_refusal
from cryptopipe.model.contracts import ExchangePlugin, Listing, MetadataCodec
from cryptopipe.model.facts import TradingRules, TradingState, VenueId
from cryptopipe.model.stream import HttpRequest, HttpResponse
from cryptopipe.securities.compare import Snapshot, snapshot_of


def requests_of(plugin: ExchangePlugin) -> Sequence[HttpRequest]:
    """What a venue is to be asked. Raises `VenueError` where its plugin brings nothing to ask or to read."""
    try:
        asked = () if plugin.metadata is None else tuple(plugin.metadata.requests())
    except Exception as error:
        raise as_refusal(error) from error
    if not asked:
        raise VenueError("its plugin has no question about what it lists", where=plugin.venue)
    return asked


def snapshot(plugin: ExchangePlugin, answers: Sequence[HttpResponse], at: Nanos, missing: str = "") -> Snapshot:
    """All answers of one round, in the order of the requests, as one snapshot. Raises what codecs may raise."""
    codec = _codec(plugin)
    return snapshot_of(plugin.venue, at, [_read(plugin, codec, one) for one in answers], missing)


def _codec(plugin: ExchangePlugin) -> MetadataCodec:
    """One of its own: some remember an answer until the next one."""
    if plugin.metadata is None:
        raise VenueError("its plugin reads no answer about what it lists", where=plugin.venue)
    return copy(plugin.metadata)


def _read(plugin: ExchangePlugin, codec: MetadataCodec, answer: HttpResponse) -> Listing:
    try:
        listing = codec.read(answer)
        for one in listing.instruments:
            if not (isinstance(one.state, TradingState) and isinstance(one.rules, TradingRules | None)):
                raise TypeError(f"{one.symbol} is told as {one}")
        return listing
    except Exception as error:
        refusal = as_refusal(error)
        refusal.where = refusal.where or plugin.venue
        raise refusal from error


def from_capture(path: Path, plugins: Mapping[VenueId, ExchangePlugin]) -> Iterator[Snapshot | VenueError]:
    """The snapshots in a capture, in the order of its inputs: one each time that all of a venue's questions were
    answered. At the end one with `missing` for each venue that never had all. Raises `CaptureError`.
    """
    rounds: dict[VenueId, _Round] = {}
    for entry in Capture(path):
        venue = VenueId(entry.venue)
        if entry.direction is not Direction.HTTP or entry.status >= 400 or venue not in plugins:
            continue
        try:
            one = rounds.setdefault(venue, _Round(plugins[venue]))
            if one.take(entry):
                yield one.finished(entry.at)
        except VenueError as error:
            yield error
        except ProtocolError as error:
            yield VenueError(error.message, where=error.where or venue)
    if not any(one.answers or one.count for one in rounds.values()):
        raise CaptureError("holds no answer about what a venue lists", where=str(path), fix="name a longer capture")
    yield from (one.finished(one.last) for one in rounds.values() if one.answers and not one.count)


class _Round:
    """The latest answer to each of a venue's questions; of a round that is under way, those that came."""

    def __init__(self, plugin: ExchangePlugin) -> None:
        self._plugin = plugin
        self._asked = [_target(one.url) for one in requests_of(plugin)]
        self.answers: dict[str, HttpResponse] = {}
        self.last: Nanos = 0
        self.count = 0

    def take(self, entry: Input) -> bool:
        """Whether all questions are answered with it."""
        target = _target(entry.url)
        if target not in self._asked and entry.request != METADATA:
            return False
        self.answers[target] = HttpResponse(entry.status or 200, entry.payload, entry.url, dict(entry.headers))
        self.last = entry.at
        return all(one in self.answers for one in self._asked)

    def finished(self, at: Nanos) -> Snapshot:
        ordered = [self.answers[one] for one in self._asked if one in self.answers]
        absent = ", ".join(one for one in self._asked if one not in self.answers)
        self.answers, self.count = {}, self.count + 1
        return snapshot(self._plugin, ordered, at, f"no answer to {absent}" if absent else "")


def _target(url: str) -> str:
    """What was asked, wherever the venue was."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def from_files(plugin: ExchangePlugin, paths: Sequence[Path], now: Nanos) -> Snapshot:
    """The answers in files of one venue, taken for all that it lists: bodies as they came, arrays of `{"url", "ts",
    "response"}`, or JSON lines as in a capture. Its time is the latest that a file tells, else `now`.

    Of several answers to one question the last one holds. An answer that cannot be read makes the snapshot one with
    `missing`. Raises `UsageError` for a file that is none of these, `VenueError` or `ProtocolError` if no answer can be
    read.
    """
    codec, listings, stamps = _codec(plugin), list[Listing](), list[Nanos]()
    unread: list[str] = []
    answers = [one for path in paths for one in _answers(plugin, path)]
    latest = {answer.url or str(place): (answer, at) for place, (answer, at) in enumerate(answers)}
    for answer, at in latest.values():
        stamps += [at] if at else []
        try:
            listings.append(_read(plugin, codec, answer) if answer.url else _guessed(plugin, codec, answer.body))
        except (ProtocolError, VenueError) as error:
            unread.append(error.message)
    if not listings and unread:
        raise VenueError(f"{len(unread)} answers, none readable: {unread[0]}", where=plugin.venue)
    missing = f"{len(unread)} of {len(unread) + len(listings)} answers cannot be read: {unread[0]}" if unread else ""
    return snapshot_of(plugin.venue, max(stamps, default=now), listings, missing)


def _guessed(plugin: ExchangePlugin, codec: MetadataCodec, body: bytes) -> Listing:
    """A body of which nobody says what it answers: the first of the venue's questions by which it tells instruments."""
    refused: VenueError | ProtocolError = ProtocolError("answers none of the venue's questions", where=plugin.venue)
    for request in requests_of(plugin):
        try:
            listing = _read(plugin, codec, HttpResponse(200, body, request.url))
        except (ProtocolError, VenueError) as error:
            refused = error
            continue
        if listing.instruments:
            return listing
    raise refused


class _Kept(msgspec.Struct):
    url: str
    response: msgspec.Raw
    ts: str = ""


def _answers(plugin: ExchangePlugin, path: Path) -> Iterator[tuple[HttpResponse, Nanos]]:
    data = _bytes(path)
    try:
        kept = msgspec.json.decode(data, type=list[_Kept])
    except msgspec.MsgspecError:
        kept = []
    if kept:
        for one in kept:
            yield HttpResponse(200, bytes(one.response), one.url), parse_epoch(one.ts) if one.ts else 0
    elif data.startswith(b'{"ts"'):
        for entry in Capture(path, plugin.venue):
            if entry.direction is Direction.HTTP and entry.status < 400:
                yield HttpResponse(200, entry.payload, entry.url, dict(entry.headers)), entry.at
    else:
        yield HttpResponse(200, data, ""), 0


def _bytes(path: Path) -> bytes:
    import gzip
    import zlib

    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot be read: {why}", where=str(path), fix="--file VENUE=ANSWER.json") from error
