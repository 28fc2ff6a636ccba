"""The numbered checks that every exchange plugin passes.

Enters: class attributes of a subclass. Leaves: pytest tests whose failures name the check, the frame and both values.
Never: a check that passes because there was nothing to check: what does not apply is skipped, and says why.
"""

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from inspect import getfile
from pathlib import Path
from typing import Any, ClassVar
from unittest import SkipTest

from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    USUAL_CHANNELS,
    Asset,
    BookDelta,
    BookSnapshot,
    Channel,
    Credentials,
    ExchangePlugin,
    HttpResponse,
    Instrument,
    Notice,
    OrdersDelta,
    OrdersSnapshot,
    StreamAuth,
    StreamSigner,
    Subscription,
    TopUpdate,
    Trade,
    TradingRules,
    Unknown,
    VenueId,
)
from cryptopipe.testing.checks import Judged, not_applicable, numbered, require
from cryptopipe.testing.connecting import judge_connecting
from cryptopipe.testing.corpus import AT, Sample, codec_of, read_corpus
from cryptopipe.testing.cost import judge_cost
from cryptopipe.testing.damage import judge_damage
from cryptopipe.testing.declared import judge_declared
from cryptopipe.testing.dialects import other_streams
from cryptopipe.testing.frames import judge_determinism, judge_goldens, judge_recorded, judge_ticks, outcome
from cryptopipe.testing.histories import HistorySample, judge_history
from cryptopipe.testing.listings import ListingSample, judge_listings
from cryptopipe.testing.purity import forbidden_in, plugin_modules, trapped
from cryptopipe.testing.recorded import Recorded, connections
from cryptopipe.testing.schedule import judge_schedule
from cryptopipe.testing.signing import CREDENTIALS, judge_signing
from cryptopipe.testing.strangers import judge_strangers
from cryptopipe.testing.streams import Stream, stream_of_samples, stream_of_sandbox, token_of_sandbox


def spot(
    venue: str, pair: str, *, symbol: str, tick: str | Decimal, step: str | Decimal, min_notional: str | Decimal = "0"
) -> Instrument:
    """A spot instrument for a test: `spot("bitfoo", "BTC/USDT", symbol="btcusdt", tick="0.01", step="0.0001")`."""
    base, quote = pair.split("/")
    rules = TradingRules(Decimal(tick), Decimal(step), Decimal(step), Decimal(min_notional))
    return Instrument(VenueId(venue), symbol, Asset(base), Asset(quote), rules=rules)


class ExchangeConformance(Judged):
    """Subclass it as `Test…` with `plugin`; `cryptopipe.testing.corpus` tells the form of a corpus of frames.

    `instruments` are those that the plugin lists and `corpus` the folder `frames` beside the test, unless given.
    `covers` lists the event types that the corpus must show; `channels` what the codec must be able to subscribe to;
    `recordings` captures whose frames are judged for determinism and grid too, as far as `recorded_frames` go, each
    connection in the dialect that the plugin hears in it, or as `(path, "NAME")` where a capture does not tell its URL;
    `recorded_instruments` have the grid of their day. `recorded_sizes_on_step` False, with its reason beside it, where
    a venue shows what is left of orders from before it made its step coarser. `stream` names samples that follow each
    other on one connection, and `order_stream` the same of single orders; without them the plugin's simulated venue
    sends the frames, and `more_streams` may be those of other dialects. `keyed` names samples in which the keys of an
    object are data. `fees_are_zero` is the reason where a venue takes no fee. `listings` are metadata answers with what
    they say, `histories` the same of past trades; `token_answer` the documented one that gives a stream its token.
    """

    plugin: ClassVar[ExchangePlugin]
    instruments: ClassVar[Sequence[Instrument]] = ()
    corpus: ClassVar[Path | None] = None
    covers: ClassVar[Sequence[type]] = (BookSnapshot, BookDelta, TopUpdate, Trade, Notice, Unknown)
    channels: ClassVar[Sequence[Channel]] = USUAL_CHANNELS
    recordings: ClassVar[Sequence[Path | tuple[Path, str]]] = ()
    recorded_frames: ClassVar[int] = 2000
    recorded_instruments: ClassVar[Sequence[Instrument]] = ()
    recorded_sizes_on_step: ClassVar[bool] = True
    stream: ClassVar[Sequence[str]] = ()
    more_streams: ClassVar[Sequence[Sequence[str]]] = ()
    order_stream: ClassVar[Sequence[str]] = ()
    keyed: ClassVar[Sequence[str]] = ()
    fees_are_zero: ClassVar[str] = ""
    listings: ClassVar[Sequence[ListingSample]] = ()
    histories: ClassVar[Sequence[HistorySample]] = ()
    token_answer: ClassVar[HttpResponse | None] = None
    credentials: ClassVar[Credentials] = CREDENTIALS
    _heard: ClassVar[list[Recorded]]

    @classmethod
    def of(cls) -> str:
        """The venue."""
        return cls.plugin.venue if hasattr(cls, "plugin") else ""

    def samples(self) -> tuple[Sample, ...]:
        """The corpus of this venue."""
        return read_corpus(self.corpus or Path(getfile(type(self))).parent / "frames", self.plugin.venue)

    @numbered("1 purity")
    def test_1_purity(self) -> None:
        """Decoding opens no socket, reads no clock, uses no chance; the plugin imports only the author's window."""
        modules = self._modules()
        found = [what for path in modules for what in forbidden_in(path)]
        require(not found, f"{self.plugin.venue} is not pure: {'; '.join(found)}")
        orders = [one.name for one in self.plugin.dialects if Channel.ORDERS in one.channels]
        auth = self._auth()
        for sample in self.samples():
            channels = (Channel.ORDERS,) if sample.dialect in orders else self.channels
            wanted = [Subscription(i, channel) for i in self._instruments() for channel in channels]
            with trapped() as touched:
                outcome(self.plugin, sample)
                codec_of(self.plugin, sample.dialect).connect(wanted, auth, AT)
            require(not touched, f"{self.plugin.venue} touches {touched} while decoding {sample.name}")
        self.tell(f"{len(modules)} modules")

    @numbered("2 determinism")
    def test_2_determinism(self) -> None:
        """Two codecs make the same of the same frames, also when their connections interleave."""
        self.tell(judge_determinism(self.plugin, self.samples(), self._recorded()))

    @numbered("3 mutations")
    def test_3_mutations(self) -> None:
        """A damaged frame gives events or raises `ProtocolError` or a `VenueError`, and nothing of it is kept."""
        self.tell(judge_damage(self.plugin, self.samples()))

    @numbered("4 goldens")
    def test_4_goldens(self) -> None:
        """Every frame means what its hand-written events say, and every kind of event is shown."""
        self.tell(judge_goldens(self.plugin, self.samples(), self.covers))

    @numbered("5 on tick")
    def test_5_on_tick(self) -> None:
        """Prices and sizes are read exactly and lie on the instrument's grid, for each kind of event that has them."""
        self.tell(judge_ticks(self.plugin, self.samples(), self._instruments(), self.covers))

    @numbered("5 on tick, recorded")
    def test_5_on_tick_recorded(self) -> None:
        """The same on recorded frames, where there are any."""
        found = self._recorded()
        if not found:
            raise SkipTest(f"no recordings of {self.plugin.venue} at {[*map(str, self.recordings)]}")
        instruments = (*self._instruments(), *self.recorded_instruments)
        self.tell(judge_recorded(self.plugin, found, instruments, self.recorded_sizes_on_step))

    @numbered("6 declared")
    def test_6_declared(self) -> None:
        """Fees and limits have a source and a date, instruments are found as listed, the rule fits its proof."""
        self.tell(judge_declared(self.plugin, self.fees_are_zero))

    @numbered("7 strangers")
    def test_7_strangers(self) -> None:
        """A field more changes nothing; a kind unheard of is counted."""
        self.tell(judge_strangers(self.plugin, self.samples(), self.keyed))

    @numbered("8 sync")
    def test_8_sync(self) -> None:
        """The book is right or not live under a gap, a duplicate, a reorder, a stale snapshot and a second one."""
        streams = [stream_of_samples(names, self.samples(), self._instruments()) for names in self.more_streams]
        with suppress(SkipTest):
            streams.insert(0, self._stream(self.stream, Channel.DEPTH, ""))
        covered = [one.dialect for one in streams]
        more, missing = other_streams(self.plugin, self._instruments(), self._recorded(), covered)
        if not streams and not more:
            not_applicable(
                f"{self.plugin.venue} has no simulated venue and no recording: name the frames that follow each other"
            )
        told = judge_schedule(self.plugin, [*streams, *more])
        self.tell(f"{told}; no stream of {', '.join(missing)}" if missing else told)

    @numbered("9 connect")
    def test_9_connect(self) -> None:
        """Each subscription is asked for once, and two subscriptions never by the same text."""
        self.tell(judge_connecting(self.plugin, self._instruments(), self.channels, self._auth()))

    @numbered("10 cost")
    def test_10_cost(self) -> None:
        """Decoding does not loop over levels; the processor time beside a parse is told, not judged."""
        self.tell(judge_cost(self.plugin, self.samples()))

    @numbered("11 orders")
    def test_11_orders(self) -> None:
        """What check 8 demands, of the books of single orders."""
        dialects = [one for one in self.plugin.dialects if Channel.ORDERS in one.channels]
        if not dialects:
            not_applicable(f"{self.plugin.venue} has no stream of single orders")
        shown = {told["type"] for one in self.samples() if one.dialect == dialects[0].name for told in one.events or ()}
        missing = {OrdersSnapshot.__name__, OrdersDelta.__name__} - shown
        require(not missing, f"{self.plugin.venue}: no frame of {dialects[0].name} shows {sorted(missing)}")
        self.tell(judge_schedule(self.plugin, [self._stream(self.order_stream, Channel.ORDERS, dialects[0].name)]))

    @numbered("12 metadata")
    def test_12_metadata(self) -> None:
        """Instruments, currencies and networks are read as their answers say, exactly."""
        if self.plugin.metadata is None:
            not_applicable(f"{self.plugin.venue} reads no metadata")
        if not self.listings:
            not_applicable(f"no listings are given to judge the metadata of {self.plugin.venue} by")
        self.tell(judge_listings(self.plugin, self.plugin.metadata, self.listings))

    @numbered("13 signer")
    def test_13_signer(self) -> None:
        """The secret of a signed stream shows nowhere, and the signature is a function of its arguments."""
        signer = self.plugin.signer
        if signer is None:
            not_applicable(f"the streams of {self.plugin.venue} need no key")
        self.tell(judge_signing(self.plugin, signer, *self._answered(signer), self._instruments()[0]))

    @numbered("14 trade history")
    def test_14_trade_history(self) -> None:
        """Past trades are read as their answers say, exactly, and asked for the same way each time."""
        if self.plugin.trade_history is None:
            not_applicable(f"{self.plugin.venue} tells no trades of the past")
        if not self.histories:
            not_applicable(f"no histories are given to judge the past trades of {self.plugin.venue} by")
        self.tell(judge_history(self.plugin, self.plugin.trade_history, self.histories))

    def _answered(self, signer: StreamSigner) -> tuple[Credentials, HttpResponse | None]:
        """Credentials, and what the request of a token was answered."""
        if self.token_answer is None and self.plugin.sandbox is not None:
            return SANDBOX_CREDENTIALS, token_of_sandbox(self.plugin, signer)
        return self.credentials, self.token_answer

    def _auth(self) -> StreamAuth | None:
        """What a signed stream is connected with."""
        signer = self.plugin.signer
        if signer is None:
            return None
        credentials, answer = self._answered(signer)
        return signer.auth(credentials, answer, AT)

    def _instruments(self) -> Sequence[Instrument]:
        return self.instruments or self.plugin.instruments.listed()

    def _modules(self) -> list[Path]:
        plugin = self.plugin
        dialects: list[Any] = [part for one in plugin.dialects for part in (one.feed(), one.snapshots)]
        codec = codec_of(plugin)
        simple = (getattr(codec, "process", None), getattr(codec, "subscribe", None))
        parts = (
            codec,
            *simple,
            plugin.feed,
            plugin.split,
            plugin.instruments,
            plugin.snapshots,
            plugin.clock,
            plugin.metadata,
            plugin.trade_history,
            plugin.signer,
            *dialects,
        )
        return plugin_modules(*parts, source=plugin.source)

    def _recorded(self) -> list[Recorded]:
        """Read once for all checks of a class."""
        kit = type(self)
        if "_heard" not in vars(kit):
            told = ((one, None) if isinstance(one, Path) else one for one in self.recordings)
            present = [(path, dialect) for path, dialect in told if path.exists()]
            kit._heard = [one for each in present for one in connections(self.plugin, *each, self.recorded_frames)]
        return kit._heard

    def _stream(self, names: Sequence[str], channel: Channel, dialect: str) -> Stream:
        if names:
            return stream_of_samples(names, self.samples(), self._instruments())
        known = {one.symbol for one in self.plugin.instruments.listed()}
        able = [one for one in self._instruments() if one.rules and one.symbol in known and not one.book_of]
        if self.plugin.sandbox is None or not able:
            not_applicable(f"{self.plugin.venue} has no simulated venue: name the frames that follow each other")
        return stream_of_sandbox(self.plugin, able[0], channel, dialect)
