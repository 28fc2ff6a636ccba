"""A venue that speaks a JSON of its own, a strategy that proposes what it is told to, and a pipe between them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal as D
from typing import Any

from hypothesis import strategies as st

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import MILLISECOND, SECOND
from cryptopipe.gate.gate import Limits
from cryptopipe.journal.log import MemoryLog
from cryptopipe.model.contracts import API_VERSION, ExchangePlugin
from cryptopipe.model.events import BookDelta, BookSnapshot, FeedEvent, Trade
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Side, TradingRules, VenueId
from cryptopipe.model.quotes import OwnQuotes, Quote, QuoteSet
from cryptopipe.model.strategies import MarketView
from cryptopipe.model.stream import Connect, Proof, Subscription, SyncRule, apply_always
from cryptopipe.model.trading import Opportunity
from cryptopipe.pipe import Pipe, PipeSettings
from cryptopipe.summary import Summary

RULES = TradingRules(D("0.1"), D("0.001"), D("0.001"), D(0))
LATENCY = 50 * MILLISECOND
A = VenueId("a")
LIMITS = Limits(
    numeraire=Asset("USDT"),
    max_age=2 * SECOND,
    max_notional=D(100_000),
    max_unproven_notional=D(0),
    min_net_bps=D(0),
    min_profit=D(0),
    max_edge_bps=D(5000),
    max_loss=D(1_000_000),
    max_residual=D(50),
    max_inventory=D(1_000_000),
)


class Feed:
    """`["book", symbol, time, bids, asks]`, `["trade", symbol, [[id, price, size, side, time], …]]`."""

    rule = SyncRule(Proof.SEQUENCE, apply_always, apply_always, snapshot_by_request=False)

    def connect(self, subscriptions: Sequence[Subscription], auth: object, at: int) -> Connect:
        return Connect("wss://test.example")

    def decode(self, frame: bytes, received_at: int) -> Iterable[FeedEvent]:
        kind, symbol, *rest = json.loads(frame)
        if kind == "trade":
            for trade_id, price, size, side, at in rest[0]:
                yield Trade(symbol, trade_id, price, size, Side(side), at)
            return
        at, bids, asks = rest
        texts = json.dumps(bids).encode(), json.dumps(asks).encode()
        yield BookSnapshot(symbol, *texts, at, at) if kind == "book" else BookDelta(symbol, *texts, at, at, 0, at)


class Listed:
    def __init__(self, rules: TradingRules = RULES) -> None:
        self._rules = rules

    def listed(self) -> Sequence[Instrument]:
        return ()

    def find(self, symbol: str) -> Instrument:
        base, _, quote = symbol.partition("-")
        return Instrument(A, symbol, Asset(base), Asset(quote), rules=self._rules)


XY = Listed().find("X-USDT")


class Scripted:
    """Proposes what stands in `wanted` when it is asked, once; knows what it was shown."""

    def __init__(self) -> None:
        self.wanted: list[QuoteSet] = []
        self.asked: list[tuple[int, D, list[Any]]] = []

    def start(self, instruments: Sequence[Instrument]) -> None:
        """Nothing to prepare."""

    def evaluate(self, view: MarketView, changed: Instrument) -> Iterable[Opportunity]:
        return ()

    def quotes(self, view: MarketView, changed: Instrument, own: OwnQuotes) -> Iterable[QuoteSet]:
        self.asked.append((view.now, own.inventory(changed), list(own.standing(changed))))
        wanted, self.wanted = self.wanted, []
        return wanted


def fees(maker: str = "0.001", charged_in: str = "quote") -> FeeSchedule:
    return FeeSchedule.flat(maker, "0.002", "test", "2026-11-22", charged_in)


class Stage:
    """Inputs one after another, a turn each; what the strategy wants is told before the input that lets it be asked."""

    def __init__(
        self,
        schedule: FeeSchedule | None = None,
        limits: Limits = LIMITS,
        holds: str = "1000000",
        strategy: Any = None,
        feed: Any = Feed,
        **settings: Any,
    ) -> None:
        self.fees = schedule or fees()
        plugin = ExchangePlugin(A, API_VERSION, "https://test.example", feed, Listed(), self.fees)
        self.strategy = strategy or Scripted()
        made = PipeSettings(limits, LATENCY, {A: self.fees}, lambda v, a: D(holds), D(0))
        self.log = MemoryLog()
        self.pipe = Pipe({A: plugin}, self.strategy, replace(made, **settings), self.log)
        self.seq, self.at = 0, SECOND

    def give(
        self, payload: object, after_ms: int = 10, conn: str = "a1", direction: Direction = Direction.RECV
    ) -> None:
        self.seq, self.at = self.seq + 1, self.at + after_ms * MILLISECOND
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.pipe.receive(Input(self.seq, self.seq, self.at, direction, "a", conn, "", data))

    def book(self, bid: object, ask: object, after_ms: int = 10, symbol: str = "X-USDT", conn: str = "a1") -> None:
        """Another top; what is wanted is asked for at once."""
        at = self.at // MILLISECOND + after_ms
        self.give(["book", symbol, at * MILLISECOND, [[str(bid), "9"]], [[str(ask), "9"]]], after_ms, conn)
        self.pipe.end_turn()

    def want(self, bids: Sequence[tuple[str, ...]] = (), asks: Sequence[tuple[str, ...]] = ()) -> None:
        made = [tuple(Quote(D(one[0]), D(one[1]), *one[2:]) for one in side) for side in (bids, asks)]
        self.strategy.wanted = [QuoteSet(XY, *made)]

    def trade(
        self, price: object, size: object = "1", trade_id: str = "", after_ms: int = 10, conn: str = "a1", at: int = -1
    ) -> None:
        """A taker sells; told when it happens, unless `at` says when it happened."""
        told = self.at + after_ms * MILLISECOND if at < 0 else at
        self.give(
            ["trade", "X-USDT", [[trade_id or f"t{self.seq}", str(price), str(size), "sell", told]]], after_ms, conn
        )

    def told(self, kind: str) -> list[dict[str, Any]]:
        records = [json.loads(line) for line in self.log.lines]
        return [{"at": one["at"], "seq": one["seq"], **one["body"]} for one in records if one["kind"] == kind]

    def fills(self) -> list[tuple[str, D, D]]:
        return [(one["client_id"], D(one["price"]), D(one["quantity"])) for one in self.told("filled")]

    def held(self) -> dict[str, D]:
        return {str(asset): both[1] for asset, both in self.pipe.ledger.balances().get(A, {}).items()}

    def free(self, asset: str) -> D:
        return self.pipe.ledger.free(A, Asset(asset))

    def finish(self) -> Summary:
        return self.pipe.finish("test")


@dataclass
class Step:
    """`kind` is `book` (a = bid, b = ask) or `trade` (a = price, b = size); the strategy wants something at times."""

    kind: str
    a: int
    b: int
    after_ms: int
    wants: tuple[tuple[tuple[int, int, int], ...], ...] | None = None


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Prices around 1000 ticks; books that move, trades around them, sets of quotes."""
    steps = []
    for _ in range(draw(st.integers(3, 25))):
        after = draw(st.sampled_from([1, 5, 20, 49, 50, 51, 120]))
        if draw(st.booleans()):
            steps.append(Step("trade", draw(st.integers(990, 1010)), draw(st.integers(1, 6)), after))
            continue
        bid = draw(st.integers(994, 1005))
        quote = st.tuples(st.integers(990, 1010), st.integers(1, 4), st.integers(0, 1))
        wants = st.tuples(*[st.lists(quote, max_size=3).map(tuple)] * 2)
        steps.append(Step("book", bid, bid + draw(st.integers(1, 4)), after, draw(st.none() | wants)))
    return steps


def ticks(price: int) -> str:
    return str(D(price) * RULES.tick)


def play(steps: Sequence[Step], stage: Stage | None = None, watch: Any = None) -> Stage:
    stage = stage or Stage()
    for step in steps:
        if step.kind == "trade":
            stage.trade(ticks(step.a), step.b, after_ms=step.after_ms)
            stage.pipe.end_turn()
        else:
            if step.wants is not None:
                bids, asks = ([(ticks(p), str(q), f"s{slot}") for p, q, slot in side] for side in step.wants)
                stage.want(bids, asks)
            stage.book(ticks(step.a), ticks(step.b), step.after_ms)
        if watch is not None:
            watch(stage)
    return stage
