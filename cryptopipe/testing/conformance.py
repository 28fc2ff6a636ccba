"""Five numbered checks that every exchange plugin passes.

Enters: class attributes of a subclass. Leaves: pytest tests whose failures name the check, the frame and both values.
Never: a check that passes because there was nothing to check.
"""

import gzip
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from unittest import SkipTest

from cryptopipe import api
from cryptopipe.api import (
    USUAL_CHANNELS,
    Asset,
    BookDelta,
    BookSnapshot,
    Channel,
    ExchangePlugin,
    Fetch,
    Heartbeat,
    Instrument,
    Notice,
    OrdersDelta,
    OrdersSnapshot,
    ProtocolError,
    Resync,
    Send,
    Subscription,
    SyncRule,
    TopUpdate,
    Trade,
    TradingRules,
    Unknown,
    VenueError,
    VenueId,
)
from cryptopipe.testing.corpus import AT, Sample, canonical, codec_of, completed, numbered, play, read_corpus, require
from cryptopipe.testing.mutations import mutations
from cryptopipe.testing.numbers import numbers, readable
from cryptopipe.testing.purity import forbidden_in, plugin_modules, trapped

MUTATIONS = 200
"""Damaged copies of each frame."""

_BOOKS = (BookSnapshot, BookDelta, OrdersSnapshot, OrdersDelta)
_EVENTS = (*_BOOKS, TopUpdate, Trade, Heartbeat, Notice, Unknown, Send, Resync, Fetch)
_TYPES: dict[str, type] = {kind.__name__: kind for kind in _EVENTS}
_WITH_NUMBERS = (*_BOOKS, TopUpdate, Trade)


def spot(
    venue: str, pair: str, *, symbol: str, tick: str | Decimal, step: str | Decimal, min_notional: str | Decimal = "0"
) -> Instrument:
    """A spot instrument for a test: `spot("bitfoo", "BTC/USDT", symbol="btcusdt", tick="0.01", step="0.0001")`."""
    base, quote = pair.split("/")
    rules = TradingRules(Decimal(tick), Decimal(step), Decimal(step), Decimal(min_notional))
    return Instrument(VenueId(venue), symbol, Asset(base), Asset(quote), rules=rules)


class ExchangeConformance:
    """Subclass it as `Test…` with `plugin`, `instruments` and `corpus`; `cryptopipe.testing.corpus` tells the form.

    `covers` lists the event types that the corpus must show; `channels` what the codec must be able to subscribe to;
    `recordings` raw captures in JSON lines (gzip) whose frames are judged for determinism and grid too, as far as
    `recorded_frames` go. `recorded_sizes_on_step` False, with its reason beside it, where a venue shows what is left
    of orders from before it made its step coarser.
    """

    plugin: ClassVar[ExchangePlugin]
    instruments: ClassVar[Sequence[Instrument]]
    corpus: ClassVar[Path]
    covers: ClassVar[Sequence[type]] = (BookSnapshot, BookDelta, TopUpdate, Trade, Notice, Unknown)
    channels: ClassVar[Sequence[Channel]] = USUAL_CHANNELS
    recordings: ClassVar[Sequence[Path]] = ()
    recorded_frames: ClassVar[int] = 2000
    recorded_sizes_on_step: ClassVar[bool] = True

    def samples(self) -> tuple[Sample, ...]:
        """The corpus of this venue."""
        return read_corpus(self.corpus, self.plugin.venue)

    @numbered("check 1 purity")
    def test_1_purity(self) -> None:
        """Decoding opens no socket, reads no clock, uses no chance; the plugin imports only the author's window."""
        found = [what for path in self._modules() for what in forbidden_in(path)]
        require(not found, f"{self.plugin.venue} is not pure: {'; '.join(found)}")
        wanted = [Subscription(i, channel) for i in self.instruments for channel in self.channels]
        for sample in self.samples():
            with trapped() as touched:
                _outcome(self.plugin, sample)
                codec_of(self.plugin, sample.dialect).connect(wanted, None, AT)
            require(not touched, f"{self.plugin.venue} touches {touched} while decoding {sample.name}")

    @numbered("check 2 determinism")
    def test_2_determinism(self) -> None:
        """Two codecs make the same of the same frames, also when their connections interleave."""
        by_dialect: dict[str, list[bytes]] = {}
        for sample in self.samples():
            if not sample.snapshot_of:
                by_dialect.setdefault(sample.dialect, []).extend([*sample.after, sample.frame])
        for path in self.recordings:
            by_dialect.setdefault("", []).extend(self._recorded(path) if path.is_file() else ())
        for dialect, frames in by_dialect.items():
            one, two, three = (codec_of(self.plugin, dialect) for _ in range(3))
            alone = [_decoded(one, frame) for frame in frames]
            pairs = [(_decoded(two, frame), _decoded(three, frame)) for frame in frames]
            for number, (expected, (left, right)) in enumerate(zip(alone, pairs, strict=True)):
                for got in (left, right):
                    require(
                        got == expected,
                        f"{self.plugin.venue} is not deterministic: frame {number} {frames[number][:120]!r} gave "
                        f"{expected} alone, {got} on an interleaved connection",
                    )

    @numbered("check 3 mutations")
    def test_3_mutations(self) -> None:
        """A damaged frame gives events or raises `ProtocolError` or a `VenueError`, and nothing else."""
        for sample in self.samples():
            for damaged in mutations(sample.frame, MUTATIONS):
                where = f"{self.plugin.venue}, a mutation of {sample.name}: {damaged[:300]!r}"
                try:
                    events = play(self.plugin, sample, damaged)
                except (ProtocolError, VenueError):
                    continue
                except Exception as error:
                    raise AssertionError(f"{where} raised {type(error).__name__}: {error}") from error
                rule = codec_of(self.plugin, sample.dialect).rule
                for event in events:
                    require(isinstance(event, _EVENTS), f"{where} gave {event!r}, which is no event")
                    readable(event, rule, where)

    @numbered("check 4 goldens")
    def test_4_goldens(self) -> None:
        """Every frame means what its hand-written events say, and every kind of event is shown."""
        shown: set[str] = set()
        for sample in self.samples():
            got = _outcome(self.plugin, sample)
            wanted: Any = sample.raises
            if sample.events is not None:
                wanted = [completed(told, _TYPES) for told in sample.events]
                shown.update(event["type"] for event in wanted)
            require(got == wanted, f"{self.plugin.venue}, {sample.name}: expected {wanted}, decoded {got}")
        missing = [kind.__name__ for kind in self.covers if kind.__name__ not in shown]
        require(not missing, f"{self.plugin.venue}: no frame of the corpus shows {missing}")

    @numbered("check 5 on tick")
    def test_5_on_tick(self) -> None:
        """Prices and sizes are read exactly and lie on the instrument's grid, for each kind of event that has them."""
        checked: set[type] = set()
        for sample in self.samples():
            if sample.events is not None:
                rule = codec_of(self.plugin, sample.dialect).rule
                written = b"\n".join((*sample.after, sample.frame))
                checked |= self._on_tick(play(self.plugin, sample), written, sample.name, rule)
        missing = [kind.__name__ for kind in self.covers if kind in _WITH_NUMBERS and kind not in checked]
        symbols = [i.symbol for i in self.instruments if i.rules is not None]
        require(not missing, f"{self.plugin.venue}: no {', '.join(missing)} of {symbols} in the corpus to check")

    @numbered("check 5 on tick, recorded")
    def test_5_on_tick_recorded(self) -> None:
        """The same on recorded frames, where there are any."""
        present = [path for path in self.recordings if path.is_file()]
        if not present:
            raise SkipTest(f"no recordings of {self.plugin.venue} at {[str(path) for path in self.recordings]}")
        for path in present:
            codec, checked = self.plugin.feed(), set[type]()
            for frame in self._recorded(path):
                events, rule = codec.decode(frame, AT), codec.rule
                checked |= self._on_tick(events, frame, path.name, rule, self.recorded_sizes_on_step)
            require(bool(checked), f"{path.name}: no event of {[i.symbol for i in self.instruments]} to check")

    def _modules(self) -> list[Path]:
        return plugin_modules(codec_of(self.plugin), self.plugin.instruments, self.plugin.snapshots)

    def _recorded(self, path: Path) -> list[bytes]:
        found: list[bytes] = []
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                told = json.loads(line)
                if told["dir"] == "recv":
                    found.append(told["raw"].encode())
                if len(found) == self.recorded_frames:
                    break
        return found

    def _on_tick(
        self, events: Iterable[Any], frame: bytes, where: str, rule: SyncRule, sizes_on_step: bool = True
    ) -> set[type]:
        """The kinds of events whose numbers were checked."""
        rules = {i.symbol: i.rules for i in self.instruments if i.rules is not None}
        checked: set[type] = set()
        for event in events:
            grid = rules.get(getattr(event, "symbol", ""))
            if grid is None:
                continue
            for number, step, what in numbers(event, frame, grid, rule, where):
                require(
                    number % step == 0 or ("size" in what and not sizes_on_step),
                    f"{where}: {type(event).__name__} of {event.symbol} has {what} {number}, no multiple of {step}",
                )
                checked.add(type(event))
        return checked


def _decoded(codec: api.FeedCodec, frame: bytes) -> Any:
    try:
        return [canonical(event) for event in codec.decode(frame, AT)]
    except (ProtocolError, VenueError) as error:
        return type(error).__name__


def _outcome(plugin: ExchangePlugin, sample: Sample) -> Any:
    """The events in canonical form, or the name of the error."""
    try:
        return [canonical(event) for event in play(plugin, sample)]
    except (ProtocolError, VenueError) as error:
        return type(error).__name__
