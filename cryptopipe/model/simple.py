"""An exchange from three things: an address, a subscription message, a function that reads one message.

Enters: those, the markets and the fees. Leaves: an `ExchangePlugin` like any other, held to the same tests. Never: a
number that was a float on its way, an exception of the function that is no `ProtocolError`.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.errors import ProtocolError
from cryptopipe.model.contracts import API_VERSION, ExchangePlugin, Limit
from cryptopipe.model.events import BookDelta, FeedEvent, OrdersDelta
from cryptopipe.model.facts import FeeSchedule, Instrument, TradingRules, VenueId
from cryptopipe.model.identity import asset_of
from cryptopipe.model.stream import (
    Channel,
    Connect,
    Frame,
    Link,
    Proof,
    StreamAuth,
    Subscription,
    SyncRule,
    apply_always,
)

Subscribe = Callable[[str, Channel], str | None]
"""The text that subscribes to a channel of a symbol; None where the venue does not have it."""

Process = Callable[[Any], Iterable[FeedEvent]]
"""Reads one parsed message, whose numbers are text as the venue wrote them."""

Market = tuple[str, str, str, str]
"""Pair, the venue's symbol, tick, step: `("BTC/USDT", "btcusdt", "0.01", "0.0001")`."""

_parse = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str).decode
_WRONG = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
_WIDEST = 2**63


def raw(rows: Any) -> bytes:
    """Levels as JSON text for an event: `raw([["61837.63", "1.5000"]])`, each number with its own digits."""
    return json.dumps(rows, separators=(",", ":")).encode()


def numbered_by_one() -> SyncRule:
    """The rule of a stream whose snapshot comes first and whose differences are numbered one by one in `version`."""
    return SyncRule(Proof.SEQUENCE, _next, _next, snapshot_by_request=False)


def unnumbered() -> SyncRule:
    """The rule of a stream that shows nothing about lost frames: its books are never called proven."""
    return SyncRule(Proof.NONE, apply_always, apply_always, snapshot_by_request=False)


def _next(last: int, delta: BookDelta | OrdersDelta) -> Link:
    if delta.version <= last:
        return Link.SKIP
    return Link.APPLY if delta.version == last + 1 else Link.GAP


class SimpleFeed:
    """One connection: `process` under the rules that hold for every codec."""

    def __init__(self, venue: VenueId, url: str, subscribe: Subscribe, process: Process, rule: SyncRule) -> None:
        self.rule = rule
        self.subscribe, self.process = subscribe, process
        self._venue, self._url = venue, url

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """A text for each subscription that the venue has."""
        texts = (self.subscribe(one.instrument.symbol, one.channel) for one in subscriptions)
        return Connect(self._url, tuple(dict.fromkeys(text for text in texts if text is not None)))

    def decode(self, frame: Frame, received_at: Nanos) -> tuple[FeedEvent, ...]:
        """What `process` makes of one message. Raises `ProtocolError` for whatever it cannot read."""
        try:
            events = tuple(self.process(_parse(str(frame, "utf-8"))))
            for event in events:
                _check(event)
        except _WRONG as error:
            what = f"{type(error).__name__}: {error}"
            raise ProtocolError(f"unreadable frame: {what}, in {bytes(frame[:120])!r}", where=self._venue) from error
        return events


def _check(event: FeedEvent) -> None:
    """Raises `TypeError` or `ValueError` for a field of another type than the event's own, or wider than 64 bits."""
    hints = _hints(type(event))
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if not isinstance(value, hints[name]):
            raise TypeError(f"{name} of {type(event).__name__} is {value!r}")
        if isinstance(value, int) and not -_WIDEST <= value < _WIDEST:
            raise ValueError(f"{name} of {type(event).__name__} is {value}, which does not fit into 64 bits")
        if isinstance(value, str):
            value.encode()


@cache
def _hints(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {one.name: getattr(one.type, "__origin__", one.type) for one in msgspec.structs.fields(kind)}


class SimpleInstruments:
    """The markets of a table."""

    def __init__(self, venue: VenueId, markets: Sequence[Market]) -> None:
        self._venue = venue
        self._listed = tuple(_instrument(venue, market) for market in markets)

    def listed(self) -> Sequence[Instrument]:
        """All of them."""
        return self._listed

    def find(self, symbol: str) -> Instrument:
        """The one of this symbol. Raises `ProtocolError`."""
        for one in self._listed:
            if one.symbol == symbol:
                return one
        raise ProtocolError(f"not listed: {symbol}", where=self._venue)


def _instrument(venue: VenueId, market: Market) -> Instrument:
    pair, symbol, tick, step = market
    base, quote = pair.split("/")
    rules = TradingRules(Decimal(tick), Decimal(step), Decimal(step), Decimal(0))
    return Instrument(venue, symbol, asset_of(venue, base), asset_of(venue, quote), rules=rules)


def simple_exchange(
    name: str,
    *,
    url: str,
    subscribe: Subscribe,
    process: Process,
    markets: Sequence[Market],
    fees: FeeSchedule,
    docs: str,
    rule: SyncRule | None = None,
    dial_limits: Sequence[Limit] = (),
) -> ExchangePlugin:
    """A plugin from an address, a subscription and a function; without a `rule` its books are unproven.

    Several times slower than a codec of structs, and enough for a venue of some hundred messages a second.
    """
    venue, used = VenueId(name), rule or unnumbered()
    return ExchangePlugin(
        venue=venue,
        api_version=API_VERSION,
        docs=docs,
        feed=lambda: SimpleFeed(venue, url, subscribe, process, used),
        instruments=SimpleInstruments(venue, markets),
        fees=fees,
        dial_limits=dial_limits,
    )
