"""Checks 2, 4 and 5: what a codec makes of frames that nobody damaged.

Enters: a plugin, its samples, recorded frames. Leaves: nothing, or the frame and both values. Never: a codec that one
sample shares with another.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from cryptopipe.api import (
    BookDelta,
    BookSnapshot,
    ExchangePlugin,
    FeedCodec,
    HttpResponse,
    Instrument,
    OrdersDelta,
    OrdersSnapshot,
    ProtocolError,
    SyncRule,
    TopUpdate,
    Trade,
    TradingRules,
    VenueError,
)
from cryptopipe.testing.books import same_pair
from cryptopipe.testing.checks import require
from cryptopipe.testing.corpus import AT, EVENTS, Sample, canonical, codec_of, completed, play, snapshots_of
from cryptopipe.testing.numbers import numbers, uncrossed
from cryptopipe.testing.recorded import Recorded

_TYPES: dict[str, type] = {kind.__name__: kind for kind in EVENTS}
_OF_BOOKS = {one.__name__ for one in (BookSnapshot, BookDelta, OrdersSnapshot, OrdersDelta)}
_WITH_NUMBERS = (BookSnapshot, BookDelta, OrdersSnapshot, OrdersDelta, TopUpdate, Trade)


def outcome(plugin: ExchangePlugin, sample: Sample) -> Any:
    """The events in canonical form, or the name of the error."""
    try:
        return [canonical(event) for event in play(plugin, sample)]
    except (ProtocolError, VenueError) as error:
        return type(error).__name__


def _decoded(codec: FeedCodec, frame: bytes) -> Any:
    try:
        return [canonical(event) for event in codec.decode(frame, AT)]
    except (ProtocolError, VenueError) as error:
        return type(error).__name__


def judge_determinism(plugin: ExchangePlugin, samples: Sequence[Sample], recordings: Sequence[Recorded]) -> str:
    """Three codecs, two of them interleaved. What was counted. Raises `AssertionError`."""
    by_dialect: dict[str, list[bytes]] = {}
    for sample in samples:
        if not sample.snapshot_of:
            by_dialect.setdefault(sample.dialect, []).extend([*sample.after, sample.frame])
    told = [*by_dialect.items(), *((one.dialect, one.frames) for one in recordings)]
    for dialect, frames in told:
        one, two, three = (codec_of(plugin, dialect) for _ in range(3))
        alone = [_decoded(one, frame) for frame in frames]
        pairs = [(_decoded(two, frame), _decoded(three, frame)) for frame in frames]
        for number, (expected, (left, right)) in enumerate(zip(alone, pairs, strict=True)):
            for got in (left, right):
                require(
                    got == expected,
                    f"{plugin.venue} is not deterministic: frame {number} {frames[number][:120]!r} gave "
                    f"{expected} alone, {got} on an interleaved connection",
                )
    recorded = sum(len(one.frames) for one in recordings)
    return f"{sum(len(frames) for _, frames in told)} frames, {recorded} of them recorded"


def judge_goldens(plugin: ExchangePlugin, samples: Sequence[Sample], covers: Sequence[type]) -> str:
    """Every frame means what is written beside it. What was counted. Raises `AssertionError`."""
    shown: set[str] = set()
    forms: dict[str, set[str]] = {dialect.name: set() for dialect in plugin.dialects}
    for sample in samples:
        got = outcome(plugin, sample)
        wanted: Any = sample.raises
        if sample.events is not None:
            wanted = [completed(told, _TYPES) for told in sample.events]
            shown.update(event["type"] for event in wanted)
            forms.setdefault(sample.dialect, set()).update(event["type"] for event in wanted)
        require(got == wanted, f"{plugin.venue}, {sample.name}: {_difference(wanted, got)}")
    missing = [kind.__name__ for kind in covers if kind.__name__ not in shown]
    require(not missing, f"{plugin.venue}: no frame of the corpus shows {missing}")
    bookless = sorted(name for name, kinds in forms.items() if name and not kinds & _OF_BOOKS)
    require(not bookless, f"{plugin.venue}: no frame of the corpus shows a book in the dialects {bookless}")
    return f"{len(samples)} frames, {len(shown)} kinds of events"


def _difference(wanted: Any, got: Any) -> str:
    """The first field that differs where the kinds of events agree, else both sides as they are."""
    if isinstance(wanted, list) and isinstance(got, list) and [e["type"] for e in wanted] == [e["type"] for e in got]:
        for number, (one, other) in enumerate(zip(wanted, got, strict=True), 1):
            for name, value in one.items():
                if other[name] != value:
                    return f"{name} of event {number}, {one['type']}: expected {value!r}, decoded {other[name]!r}"
    return f"expected {wanted}, decoded {got}"


def judge_ticks(
    plugin: ExchangePlugin, samples: Sequence[Sample], instruments: Sequence[Instrument], covers: Sequence[type]
) -> str:
    """Exact numbers on the grid in every kind of event that has them. What was counted. Raises `AssertionError`."""
    checked: dict[type, int] = {}
    listed = {one.symbol: one for one in (*plugin.instruments.listed(), *instruments)}
    for dialect in dict.fromkeys(sample.dialect for sample in samples):
        known, found = instruments if not dialect else tuple(listed.values()), dict[type, int]()
        rule, kinds, grids = codec_of(plugin, dialect).rule, set[type](), _Grids(plugin, known)
        for sample in samples:
            if sample.events is not None and sample.dialect == dialect:
                events = play(plugin, sample)
                kinds |= {type(event) for event in events if type(event).__name__ in _OF_BOOKS}
                written = b"\n".join((*sample.after, sample.frame))
                _on_tick(events, written, sample.name, rule, grids, found)
        unseen = sorted(kind.__name__ for kind in kinds - set(found))
        symbols = [i.symbol for i in known if i.rules is not None]
        require(not dialect or not unseen, f"{plugin.venue}: no {', '.join(unseen)} of {symbols} in {dialect} to check")
        checked = {kind: checked.get(kind, 0) + found.get(kind, 0) for kind in {**checked, **found}}
    missing = [kind.__name__ for kind in covers if kind in _WITH_NUMBERS and kind not in checked]
    symbols = [i.symbol for i in instruments if i.rules is not None]
    require(not missing, f"{plugin.venue}: no {', '.join(missing)} of {symbols} in the corpus to check")
    return f"{sum(checked.values())} numbers in {len(checked)} kinds of events"


def judge_recorded(
    plugin: ExchangePlugin, recordings: Sequence[Recorded], instruments: Sequence[Instrument], sizes_on_step: bool
) -> str:
    """The same on recorded connections, each in its dialect. What was counted. Raises `AssertionError`."""
    totals: dict[str, int] = {}
    grids = _Grids(plugin, instruments)
    for told in recordings:
        codec, snapshots = codec_of(plugin, told.dialect), snapshots_of(plugin, told.dialect)
        rule, checked = codec.rule, dict[type, int]()
        for symbol, body in told.answers if snapshots else ():
            assert snapshots is not None
            answer = snapshots.snapshot(symbol, HttpResponse(200, body), AT)
            _on_tick((answer,), body, told.name, rule, grids, checked, sizes_on_step)
        for frame in told.frames:
            _on_tick(codec.decode(frame, AT), frame, told.name, rule, grids, checked, sizes_on_step)
        totals[told.name] = totals.get(told.name, 0) + sum(checked.values())
    for name, total in totals.items():
        require(total > 0, f"{name}: no event of {[i.symbol for i in instruments]} to check")
    frames, answers = sum(len(one.frames) for one in recordings), sum(len(one.answers) for one in recordings)
    forms = sorted({one.dialect for one in recordings} - {""})
    also = f" and {answers} answers" * bool(answers) + f", of the dialects {', '.join(forms)} too" * bool(forms)
    return f"{sum(totals.values())} numbers in {frames} recorded frames{also}"


def _on_tick(
    events: Iterable[Any],
    frame: bytes,
    where: str,
    rule: SyncRule,
    grids: "_Grids",
    checked: dict[type, int],
    sizes_on_step: bool = True,
) -> None:
    """Counts the numbers of each kind of event."""
    for event in events:
        uncrossed(event, rule, where)
        grid = grids.of(getattr(event, "symbol", None))
        if grid is None:
            continue
        for number, step, what in numbers(event, frame, grid, rule, where):
            require(
                number % step == 0 or ("size" in what and not sizes_on_step),
                f"{where}: {type(event).__name__} of {event.symbol} has {what} {number}, no multiple of {step}",
            )
            checked[type(event)] = checked.get(type(event), 0) + 1


class _Grids:
    """Grids by symbol, or by what an older dialect calls it."""

    def __init__(self, plugin: ExchangePlugin, instruments: Sequence[Instrument]) -> None:
        self._plugin, self._instruments = plugin, instruments
        self._rules: dict[str | None, TradingRules | None] = {one.symbol: one.rules for one in instruments}

    def of(self, symbol: str | None) -> TradingRules | None:
        """None for an instrument that is not listed, or whose grid nobody knows."""
        if symbol is not None and symbol not in self._rules:
            self._rules[symbol] = None
            with suppress(ProtocolError):
                found = self._plugin.instruments.find(symbol)
                self._rules[symbol] = next((one.rules for one in self._instruments if same_pair(found, one)), None)
        return self._rules.get(symbol)
