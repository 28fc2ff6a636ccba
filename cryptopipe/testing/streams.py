"""A legal stream of one book: the plugin's own frames in the order in which a connection brings them.

Enters: names of samples, or the plugin's simulated venue. Leaves: arrivals, and the book that must come of them. Never:
a clock; chance is seeded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from operator import itemgetter
from random import Random
from urllib.parse import urlsplit, urlunsplit

import msgspec

from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    Channel,
    ExchangePlugin,
    FeedCodec,
    HttpRequest,
    HttpResponse,
    Instrument,
    Nanos,
    Outgoing,
    SandboxSession,
    SandboxVenue,
    Say,
    Send,
    Side,
    StreamAuth,
    StreamSigner,
    Subscription,
)
from cryptopipe.sandbox.engine import Engine
from cryptopipe.testing.checks import require
from cryptopipe.testing.corpus import AT, Sample, codec_of, snapshots_of

_MILLISECOND: Nanos = 1_000_000
_STEP, _QUIET = 10 * _MILLISECOND, 50 * _MILLISECOND
_LEAST, _MOST_STEPS, _QUIET_STEPS = 24, 600, 60
_MIDDLE, _SPREAD, _ORDERS = 600_000, 60, 90
_ASKED_AFTER = 5


@dataclass(frozen=True)
class Arrival:
    """One frame, or the HTTP answer to the snapshot request of a symbol."""

    frame: bytes
    snapshot_of: str = ""
    name: str = ""


Rows = list[tuple[Decimal, Decimal]]


@dataclass(frozen=True)
class Stream:
    """Arrivals of one instrument's book. `truth`: the best bids and asks at the end, where somebody else knows them;
    `url`: what was connected to."""

    instrument: Instrument
    arrivals: tuple[Arrival, ...]
    dialect: str = ""
    truth: tuple[Rows, Rows] | None = None
    url: str = ""


def stream_of_samples(names: Sequence[str], samples: Sequence[Sample], instruments: Sequence[Instrument]) -> Stream:
    """The frames of a corpus that follow each other on one connection. Raises `AssertionError` for an absent one."""
    known = {sample.name: sample for sample in samples}
    missing = [name for name in names if name not in known]
    require(not missing, f"the stream names {missing}, which the corpus does not have")
    chosen = [known[name] for name in names]
    symbols = {told.get("symbol") for sample in chosen for told in sample.events or () if "bids" in told}
    found = next((one for one in instruments if one.symbol in symbols or one.book_of in symbols), None)
    if found is None:
        raise AssertionError(f"the stream is of {symbols}, the instruments are {[one.symbol for one in instruments]}")
    arrivals = tuple(Arrival(sample.frame, sample.snapshot_of, sample.name) for sample in chosen)
    return Stream(found, arrivals, chosen[0].dialect)


def stream_of_sandbox(plugin: ExchangePlugin, instrument: Instrument, channel: Channel, dialect: str = "") -> Stream:
    """What the plugin's simulated venue sends of random orders, seeded, until nothing changes any more."""
    market = _Market(instrument)
    assert plugin.sandbox is not None
    venue = plugin.sandbox({instrument.symbol: market.engine})
    wire = _Wire(plugin, venue, codec_of(plugin, dialect), Subscription(instrument, channel), market.at)
    asked = wire.codec.rule.snapshot_by_request
    for _ in range(_MOST_STEPS):
        if len(wire.arrivals) >= _LEAST and not asked:
            break
        market.step()
        wire.step(market.at)
        if asked and len(wire.arrivals) >= _ASKED_AFTER:
            wire.ask(dialect, market.at)
            asked = False
    for _ in range(_QUIET_STEPS):
        market.at += _QUIET
        wire.step(market.at)
    if not dialect:  # as the market chooses it
        first = wire.arrivals[0].frame if wire.arrivals else b""
        dialect = next((one.name for one in plugin.dialects if one.speaks(wire.url, first)), "")
    return Stream(instrument, tuple(wire.arrivals), dialect, market.truth(), wire.url)


class _Market:
    """Random orders of one engine."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument, self.at = instrument, AT
        self.engine = Engine(instrument)
        self._random = Random(8)
        self._resting: list[int] = []
        for _ in range(_ORDERS):
            self._rest()

    def step(self) -> None:
        """Two orders rest, one goes."""
        self.at += _STEP
        self._rest()
        self._rest()
        self.engine.cancel(self._resting.pop(self._random.randrange(len(self._resting))), self.at)

    def _rest(self) -> None:
        side = self._random.choice((Side.BUY, Side.SELL))
        away = self._random.randrange(1, _SPREAD) * (-1 if side is Side.BUY else 1)
        size = self._random.randrange(1_000, 900_000)
        self._resting.append(self.engine.limit(side, _MIDDLE + away, size, self.at).order_id)

    def truth(self) -> tuple[Rows, Rows]:
        rules = self.instrument.rules
        assert rules is not None
        bids, asks = (
            [(price * rules.tick, size * rules.step) for price, size in self.engine.levels(side, 10)]
            for side in (Side.BUY, Side.SELL)
        )
        return bids, asks


class _Wire:
    """One connection to the simulated venue."""

    def __init__(
        self, plugin: ExchangePlugin, venue: SandboxVenue, codec: FeedCodec, wanted: Subscription, at: Nanos
    ) -> None:
        self.arrivals: list[Arrival] = []
        self.codec = codec
        self._plugin, self._venue, self._instrument = plugin, venue, wanted.instrument
        connect = codec.connect([wanted], self._auth(wanted.channel, at), at)
        self.url = connect.url
        opened = venue.open(path_of(connect.url), at)
        if isinstance(opened, HttpResponse):
            raise AssertionError(
                f"the sandbox of {plugin.venue} refuses {connect.url}: {opened.status} {opened.body!r}"
            )
        self._session: SandboxSession = opened
        self._due: list[tuple[Nanos, str]] = []
        for text in connect.frames:
            self._take(self._session.receive(text, at), at)

    def _auth(self, channel: Channel, at: Nanos) -> StreamAuth | None:
        signer = self._plugin.signer
        if signer is None or channel not in signer.channels:
            return None
        return signer.auth(SANDBOX_CREDENTIALS, token_of_sandbox(self._plugin, signer, self._venue, at), at)

    def _answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        return self._venue.answer(msgspec.structs.replace(request, url=path_of(request.url)), at)

    def step(self, at: Nanos) -> None:
        """What is due."""
        self._take(self._session.publish(at), at)

    def ask(self, dialect: str, at: Nanos) -> None:
        """The snapshot, by a request."""
        snapshots = snapshots_of(self._plugin, dialect)
        if snapshots is None:
            raise AssertionError(f"{self._plugin.venue} has snapshots by request and no SnapshotCodec")
        response = self._answer(snapshots.request(self._instrument), at)
        self.arrivals.append(Arrival(response.body, self._instrument.symbol, "the snapshot asked for"))

    def _take(self, said: Iterable[Outgoing], at: Nanos) -> None:
        self._due += [(at + one.after, one.text) for one in said if isinstance(one, Say)]
        self._due.sort(key=itemgetter(0))
        while self._due and self._due[0][0] <= at:
            frame = self._due.pop(0)[1].encode()
            self.arrivals.append(Arrival(frame, name=f"frame {len(self.arrivals)} of its sandbox"))
            for event in self.codec.decode(frame, at):
                if isinstance(event, Send):
                    self._take(self._session.receive(event.text, at), at)


def token_of_sandbox(
    plugin: ExchangePlugin, signer: StreamSigner, venue: SandboxVenue | None = None, at: Nanos = AT
) -> HttpResponse | None:
    """What the simulated venue answers to the request of a token; None where the signer asks for none."""
    request = signer.request(SANDBOX_CREDENTIALS, at)
    return None if request is None else answer_of_sandbox(plugin, request, venue, at)


def answer_of_sandbox(
    plugin: ExchangePlugin, request: HttpRequest, venue: SandboxVenue | None = None, at: Nanos = AT
) -> HttpResponse | None:
    """What the simulated venue answers to a request; None where there is no such venue."""
    if plugin.sandbox is None:
        return None
    return (venue or plugin.sandbox({})).answer(msgspec.structs.replace(request, url=path_of(request.url)), at)


def path_of(url: str) -> str:
    """Path and query of a URL: what a simulated venue is asked by."""
    parts = urlsplit(url)
    return urlunsplit(("", "", parts.path or "/", parts.query, ""))


def without(stream: Stream, *places: int) -> Stream:
    """The stream in which these arrivals were lost."""
    return replace(stream, arrivals=tuple(one for at, one in enumerate(stream.arrivals) if at not in places))


def twice(stream: Stream, place: int) -> Stream:
    """The stream in which this arrival comes twice."""
    told = stream.arrivals
    return replace(stream, arrivals=(*told[: place + 1], *told[place:]))


def swapped(stream: Stream, place: int, other: int) -> Stream:
    """The stream in which these two arrivals come in the other order."""
    told = list(stream.arrivals)
    told[place], told[other] = told[other], told[place]
    return replace(stream, arrivals=tuple(told))
