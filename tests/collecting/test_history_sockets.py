"""The same over sockets: simulated venues in a process of their own drop all connections, and tell what they traded."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from collecting.history_world import installed

from cryptopipe.capture.inputs import TRADES_OF, Direction, Input
from cryptopipe.clock import SECOND
from cryptopipe.drivers.child import sandbox
from cryptopipe.drivers.stop import Stop
from cryptopipe.drivers.streams import Streams, all_subscriptions
from cryptopipe.market.history import trades_of
from cryptopipe.market.market import Market
from cryptopipe.market.trail import COVERED
from cryptopipe.model.events import Trade

ASSETS = ("BTC", "USDT")
RATE = 60
"""Orders a second: more trades are lost than a venue tells again upon a subscription."""
FAULTS = "- {kind: reset, at: 16s, for: 1s}\n- {kind: refuse, at: 16s, for: 3s, retry_after: 1s}\n"


@pytest.mark.long
@pytest.mark.parametrize("venues", [("binance", "coinbase_exchange", "kraken"), ("binance_us", "coinbase", "bitfinex")])
def test_a_hole_is_filled_over_real_sockets(venues: Sequence[str], tmp_path: Path) -> None:
    """Three quarters of a minute by the clock. Where ids count by one, none is missing from the first to the last."""
    faults = tmp_path / "faults.yaml"
    faults.write_text(FAULTS, encoding="utf-8")
    busy = tmp_path / "parameters.yaml"
    busy.write_text(f"rate: {RATE}\n", encoding="utf-8")
    plugins = {one.venue: one for one in map(installed, venues)}
    market, told, closed = Market(plugins), dict[tuple[str, str], dict[str, Trade]](), set[str]()

    def take(entry: Input) -> None:
        market.receive(entry)
        trades: Sequence[object] = ()
        if entry.direction is Direction.RECV:
            trades = tuple(market.events)
        elif entry.direction is Direction.CLOSE:
            closed.add(entry.venue)
        elif entry.request.startswith(TRADES_OF) and entry.status == 200:
            _, trades = trades_of(plugins, entry) or ("", ())
        for one in trades:
            if isinstance(one, Trade):
                told.setdefault((entry.venue, one.symbol), {})[one.trade_id] = one

    def turn_ended(at: int) -> None:
        market.take_changed()
        market.transitions.clear()
        market.appeared.clear()

    with sandbox(venues, seed=3, faults=faults, parameters=busy, assets=ASSETS) as child:
        streams = Streams(
            plugins, market, all_subscriptions(plugins, ASSETS), take, turn_ended, child.rewrite, child.ended,
            refresh=0, fill_trades=True,
        )  # fmt: skip
        assert streams.run(Stop(), 45 * SECOND) == "duration"
    ended = list(streams.feeds.history.ended)
    assert closed == set(venues) and {venue for venue, _ in ended} == set(venues)
    assert {hole.ended for _, hole in ended} == {COVERED} and sum(hole.filled for _, hole in ended) > 0
    for (venue, symbol), trades in told.items():
        history = plugins[next(one for one in plugins if one == venue)].trade_history
        if history is not None and history.consecutive:
            numbers = sorted(map(int, trades))
            within = [one for one in numbers if one >= int(_first(trades))]
            assert within == list(range(within[0], within[-1] + 1)), (venue, symbol)


def _first(trades: dict[str, Trade]) -> str:
    return next(iter(trades))
