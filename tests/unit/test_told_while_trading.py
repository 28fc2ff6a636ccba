"""What a venue tells while orders are on their way or edges are open: by numbers worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest
from unit.test_money_path import LIMITS, PLUGINS, RULES, SETTINGS, Run

from cryptopipe import api
from cryptopipe.act.paper import closed_by
from cryptopipe.capture.inputs import METADATA, Direction, Input
from cryptopipe.clock import MILLISECOND
from cryptopipe.journal.log import MemoryLog
from cryptopipe.model.stream import HttpRequest, HttpResponse
from cryptopipe.pipe import Pipe, PipeSettings
from cryptopipe_arbitrage.settings import ArbitrageSettings
from cryptopipe_arbitrage.strategy import Arbitrage

pytestmark = pytest.mark.core

UNWIND = replace(SETTINGS, limits=replace(LIMITS, unwind_bps=D(10_000 - 1)))
B = api.VenueId("b")
XY = api.Instrument(B, "X-USDT", api.Asset("X"), api.Asset("USDT"), rules=RULES)


class Metadata:
    """Reads what `TELLS` has under the body."""

    refresh: api.Nanos = 1

    def requests(self) -> Sequence[HttpRequest]:
        return ()

    def read(self, response: HttpResponse) -> api.Listing:
        return TELLS[response.body]


def listing(**changes: Any) -> api.Listing:
    return api.Listing((msgspec.structs.replace(XY, **changes),))


def flat(taker: str) -> api.FeeSchedule:
    return api.FeeSchedule.flat("0", taker, "told", "as answered")


TELLS = {
    b"halted": listing(state=api.TradingState.HALTED),
    b"auction": listing(state=api.TradingState.AUCTION),
    b"trading": listing(),
    b"coarse": listing(rules=api.TradingRules(D("0.001"), D(4), D(4), D(0))),
    b"dear": api.Listing(fees=flat("0.01")),
    b"dearer": api.Listing(fees=flat("0.1")),
    b"free": api.Listing(fees=flat("-0.001")),
}


class Told(Run):
    """A run whose venue b has metadata, after 10 X are offered at 100 on a, and 110 is bid on b."""

    def __init__(self, settings: PipeSettings = SETTINGS) -> None:
        super().__init__(settings)
        self.log = MemoryLog()
        plugins = {venue: replace(one, metadata=Metadata()) for venue, one in PLUGINS.items()}
        strategy = Arbitrage(ArbitrageSettings(restoring_bps=D(0), concede=D(0)))
        self.pipe = Pipe(plugins, strategy, settings, self.log)

    def opened(self, told: bytes = b"") -> "Told":
        self.book("a1", "X-USDT", 99, 100)
        if told:
            self.hear(told)
        self.book("b1", "X-USDT", 110, 111)
        self.pipe.end_turn()
        return self

    def hear(self, told: bytes, after: int = 10) -> None:
        self.seq, self.turn, self.at = self.seq + 1, self.turn + 1, self.at + after * MILLISECOND
        self.pipe.receive(Input(self.seq, self.turn, self.at, Direction.HTTP, "b", "", "u", told, 200, (), METADATA))
        self.pipe.end_turn()

    def refused_for(self, check: str) -> list[str]:
        last = self.told("decided")[-1]
        return [one["measured"] for one in last["reasons"] if one["check"] == check and not one["passed"]]


def test_an_order_on_its_way_to_a_halted_instrument_gets_nothing_and_the_rest_is_closed_elsewhere() -> None:
    """b's bid would pay most, but there is no trading: the 10 X bought at 100 on a are sold there at 99."""
    run = Told(UNWIND).opened()
    run.hear(b"halted")
    run.give("a1", ["delta", "X-USDT", 2, [["90", "1"]], []], after=60)
    ended = {one["client_id"][-1]: one["why"] for one in run.told("order_ended")}
    assert ended == {"1": "filled", "2": "instrument halted"}
    closing = run.told("intended")[2]
    assert (closing["instrument"], closing["side"], D(closing["quantity"])) == ("a:X-USDT", "sell", D(10))


def test_an_instrument_halted_before_its_book_appeared_is_never_traded_and_its_end_is_told() -> None:
    run = Told().opened(b"halted")
    assert run.told("intended") == [] and run.refused_for("trading_state") == ["b:X-USDT halted"]
    (change,) = run.told("instrument_changed")
    assert change == {
        "instrument": "b:X-USDT", "field": "state", "old": "trading", "new": "halted", "told_by": 2, "reason": "",
    }  # fmt: skip
    run.hear(b"auction")
    assert run.told("intended") == []
    run.hear(b"trading")
    assert len(run.told("intended")) == 2, "its edge is open still, and no frame has come since"
    assert [one["new"] for one in run.told("instrument_changed")] == ["halted", "auction", "trading"]


def test_rules_told_before_are_those_by_which_an_edge_is_sized() -> None:
    """Of 10 X only 8 are lots of 4."""
    run = Told().opened(b"coarse")
    assert {D(order["quantity"]) for order in run.told("intended")} == {D(8)}


def test_a_dearer_fee_makes_an_edge_not_pay_and_is_booked() -> None:
    """10 X bought for 1,000 and sold for 1,100: one percent of what b pays is 11."""
    run = Told().opened(b"dear")
    run.give("a1", ["delta", "X-USDT", 2, [["90", "1"]], []], after=60)
    assert {fill["instrument"]: D(fill["fee"]) for fill in run.told("filled")} == {"a:X-USDT": 0, "b:X-USDT": D(11)}
    (told,) = run.told("fees_told")
    assert (told["venue"], told["taker"], told["taker_in_force"], told["told_by"]) == ("b", "0.01", "0.01", 2)
    run = Told().opened(b"dearer")
    assert run.told("intended") == [] and run.refused_for("net_edge")


def test_a_cheaper_fee_and_any_fee_where_the_user_set_one_are_only_told() -> None:
    for settings, told in ((SETTINGS, b"free"), (replace(SETTINGS, own_fees=frozenset({B})), b"dearer")):
        run = Told(settings).opened(told)
        run.give("a1", ["delta", "X-USDT", 2, [["90", "1"]], []], after=60)
        assert {D(fill["fee"]) for fill in run.told("filled")} == {D(0)}
        assert [one["taker_in_force"] for one in run.told("fees_told")] == ["0"]


def test_a_strategy_that_keeps_the_old_rules_is_refused_by_the_gate() -> None:
    class Stubborn(Arbitrage):
        def start(self, instruments: Sequence[api.Instrument]) -> None:
            super().start([msgspec.structs.replace(one, rules=RULES) for one in instruments])

    run = Told()
    plugins = {venue: replace(one, metadata=Metadata()) for venue, one in PLUGINS.items()}
    run.pipe = Pipe(plugins, Stubborn(ArbitrageSettings(restoring_bps=D(0))), SETTINGS, run.log)
    run.opened(b"coarse")
    assert run.told("intended") == []
    assert run.refused_for("trading_state") == ["b:X-USDT priced by rules that its venue has changed"]


def test_an_instrument_takes_no_orders_from_the_moment_of_its_end_on() -> None:
    run = Told().opened()
    sync = run.pipe.market.books[B]["X-USDT"]
    assert closed_by(sync, 10) == ""
    sync.instrument = msgspec.structs.replace(XY, delists_at=10)
    assert closed_by(sync, 9) == "" and closed_by(sync, 10).startswith("instrument delisted at 1970-01-01T")
