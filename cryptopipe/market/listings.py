"""What the venues have told of themselves in this run: instruments, currencies, fees (docs/adr/0009).

Enters: answers as inputs, instruments as the plugins know them. Leaves: instruments as they are now, and the news of
each change. Never: a field that no answer spoke of, or an instrument that becomes another one while a run lasts.
"""

from collections.abc import Mapping
from copy import copy
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from cryptopipe.capture.inputs import Input
from cryptopipe.clock import Nanos, format_at
from cryptopipe.market.strangers import as_refusal
from cryptopipe.model.contracts import ExchangePlugin, Listing
from cryptopipe.model.facts import Asset, Currency, FeeSchedule, Instrument, TradingRules, TradingState, VenueId
from cryptopipe.model.money import plain
from cryptopipe.model.stream import HttpResponse

_RULES = ("tick", "step", "min_size", "min_notional")
_IDENTITY = ("base", "quote", "kind", "contract_size")


class InstrumentChange(msgspec.Struct, frozen=True):
    """One field of an instrument became another than it was. `told_by` is the number of the answer's input."""

    instrument: Instrument
    field: str
    old: str
    new: str
    told_by: int
    why: str = ""


class FeesTold(msgspec.Struct, frozen=True):
    """A venue told rates other than it told before, first other than its plugin states. `told_by` is the number of the
    answer's input.
    """

    venue: VenueId
    fees: FeeSchedule
    told_by: int


class _Row(NamedTuple):
    """An instrument as an answer told it, and that answer's input."""

    told: Instrument
    seq: int


class _Venue:
    """What one venue has told: the latest word on each symbol and code."""

    def __init__(self) -> None:
        self.rows: dict[str, _Row] = {}
        self.ends: dict[str, tuple[Nanos, int]] = {}
        """When trading ends, where an answer told that alone, and that answer's input."""
        self.currencies: dict[str, Currency] = {}
        self.strangers: dict[str, tuple[Asset, int]] = {}
        """By code, what is called like an asset and by its contract is not that asset; and that answer's input."""
        self.fees: FeeSchedule | None = None


class Listings:
    """`now` is asked for each instrument of the run as it appears; `read` then says which of them an answer changed."""

    def __init__(self, plugins: Mapping[VenueId, ExchangePlugin]) -> None:
        self._plugins = plugins
        self._codecs = {venue: copy(plugin.metadata) for venue, plugin in plugins.items()}
        """Some remember an answer until the next one: what one run told is nothing to another."""
        self._venues = {venue: _Venue() for venue in plugins}
        self._known: dict[str, Instrument] = {}
        """As the plugins know them, by id."""
        self._now: dict[str, Instrument] = {}
        self.refused: dict[str, str] = {}
        """By id, why an instrument that a venue tells to be another one is not traded in this run."""
        self.news: list[InstrumentChange | FeesTold] = []
        """Taken, and emptied, once a turn."""
        self.failure = ""
        """Why the last answer could not be used; empty if it was."""

    def now(self, instrument: Instrument) -> Instrument:
        """An instrument as its plugin knows it, with what its venue has told since. Raises `KeyError` for a venue that
        the run has not.
        """
        if instrument.id not in self._known:
            self._known[instrument.id] = self._now[instrument.id] = instrument
            self._renew(instrument.id)
        return self._now[instrument.id]

    def currencies(self, venue: VenueId) -> Mapping[str, Currency]:
        """By the venue's code, each as it was told last; empty until an answer told any."""
        kept = self._venues.get(venue)
        return {} if kept is None else kept.currencies

    def read(self, venue: VenueId, entry: Input) -> list[Instrument]:
        """The instruments of the run that this answer changed, as they are now; `failure` says if it is of no use."""
        self.failure = ""
        codec = self._codecs[venue]
        if codec is None or entry.status >= 400:
            said = entry.payload[:120].decode(errors="replace")
            self.failure = f"{venue} has no metadata" if codec is None else f"status {entry.status}: {said}"
            return []
        try:
            answer = HttpResponse(entry.status or 200, entry.payload, entry.url, dict(entry.headers))
            listing = _sound(codec.read(answer))
            rows = {one.symbol: _Row(one, entry.seq) for one in listing.instruments if one.venue == venue}
            currencies = {one.code: one for one in listing.currencies if one.venue == venue}
            ends = {symbol: (at, entry.seq) for symbol, at in listing.delists.items()}
        except Exception as error:  # noqa: BLE001 -- a stranger's codec
            self.failure = as_refusal(error).message
            return []
        self._keep(venue, listing, rows, currencies, entry.seq)
        self._venues[venue].ends.update(ends)
        ours = [id_ for id_, one in self._known.items() if one.venue == venue]
        touched, strangers = rows.keys() | ends.keys(), self._venues[venue].strangers.keys() & currencies.keys()
        concerned = [id_ for id_ in ours if self._known[id_].symbol in touched or strangers & _assets(self._known[id_])]
        changed = [id_ for id_ in concerned if self._renew(id_)]
        return [self._now[id_] for id_ in changed]

    def _keep(
        self, venue: VenueId, listing: Listing, rows: Mapping[str, _Row], currencies: Mapping[str, Currency], seq: int
    ) -> None:
        """An answer that names a currency without its networks does not say that it has none."""
        kept = self._venues[venue]
        for symbol, row in rows.items():
            before = kept.rows.get(symbol)
            kept.rows[symbol] = row if before is None else _Row(_word(before.told, row.told), seq)
        for code, told in currencies.items():
            known = kept.currencies.get(code)
            networks = told.networks or (known.networks if known is not None else ())
            kept.currencies[code] = msgspec.structs.replace(told, networks=networks)
            if told.asset.startswith(f"{code}@"):
                kept.strangers[code] = told.asset, seq
        fees, before_fees = listing.fees, kept.fees or self._plugins[venue].fees
        if fees is not None:
            kept.fees = fees
            if (fees.maker_rate, fees.taker_rate) != (before_fees.maker_rate, before_fees.taker_rate):
                self.news.append(FeesTold(venue, fees, seq))

    def _renew(self, id_: str) -> bool:
        """Whether the instrument is another than it was, by what is known now."""
        known, before = self._known[id_], self._now[id_]
        venue, now, why = self._venues[known.venue], known, self.refused.get(id_, "")
        row, (ends, told_by) = venue.rows.get(known.symbol), venue.ends.get(known.symbol, (0, 0))
        if row is not None:
            why = why or _another(known, row.told)
            now, told_by = _as_told(known, row.told), max(told_by, row.seq)
        for name in sorted(venue.strangers.keys() & _assets(known)):
            other, seq = venue.strangers[name]
            why, told_by = why or f"its {name} is told as {other}, by its contract", max(told_by, seq)
        earliest = min((at for at in (ends, now.delists_at) if at), default=0)
        now = msgspec.structs.replace(now, delists_at=earliest)
        if why:
            self.refused[id_] = why
            now = msgspec.structs.replace(now, state=TradingState.HALTED)
        if now == before:
            return False
        self._now[id_] = now
        self.news += _changes(before, now, told_by, why)
        return True


def _sound(listing: Listing) -> Listing:
    """Raises `TypeError` for a value that is not of its kind: whatever reads it later would trip over it."""
    for one in listing.instruments:
        kinds = ((one.state, TradingState), (one.delists_at, int), (one.rules, TradingRules | None))
        if not all(isinstance(value, kind) for value, kind in (*kinds, (one.contract_size, Decimal))):
            raise TypeError(f"{one.symbol} is told as {one}")
    values: list[tuple[object, Any]] = [(listing.fees, FeeSchedule | None)]
    values += [(at, int) for at in listing.delists.values()]
    values += [(one.asset, str) for one in listing.currencies]
    if not all(isinstance(value, kind) for value, kind in values):
        raise TypeError(f"told are {values[:3]}")
    return listing


def _assets(one: Instrument) -> set[str]:
    return {one.base, one.quote}


def _word(before: Instrument, told: Instrument) -> Instrument:
    """The latest word on an instrument. An answer without rules lists it at most: then only a state that is not the
    usual one is its word, and the rules told before hold.
    """
    silent = told.rules is None and told.state is TradingState.TRADING
    return msgspec.structs.replace(
        told,
        rules=told.rules or before.rules,
        state=before.state if silent else told.state,
        delists_at=told.delists_at or (before.delists_at if silent else 0),
    )


def _as_told(known: Instrument, told: Instrument) -> Instrument:
    """Where the plugin did not know the rules, it did not know the contract's size either."""
    word = _word(known, told)
    return msgspec.structs.replace(
        known,
        rules=word.rules,
        state=word.state,
        delists_at=word.delists_at,
        contract_size=known.contract_size if known.rules else word.contract_size,
    )


def _another(known: Instrument, told: Instrument) -> str:
    """What makes the told instrument another one; empty if nothing does."""
    names = [name for name in _IDENTITY if name != "contract_size" or (known.rules and told.rules)]
    return ", ".join(
        f"its {name} is told as {_text(getattr(told, name))}, here it is {_text(getattr(known, name))}"
        for name in names
        if getattr(told, name) != getattr(known, name)
    )


def _changes(before: Instrument, now: Instrument, told_by: int, why: str) -> list[InstrumentChange]:
    pairs = [("state", before.state.value, now.state.value)]
    pairs += [(name, _rule(before.rules, name), _rule(now.rules, name)) for name in _RULES]
    pairs += [("contract_size", plain(before.contract_size), plain(now.contract_size))]
    pairs += [("delists_at", _end(before.delists_at), _end(now.delists_at))]
    return [InstrumentChange(now, name, old, new, told_by, why) for name, old, new in pairs if old != new]


def _rule(rules: TradingRules | None, name: str) -> str:
    return "" if rules is None else plain(getattr(rules, name))


def _end(at: Nanos) -> str:
    return format_at(at) if at else ""


def _text(value: object) -> str:
    return str(getattr(value, "value", value))
