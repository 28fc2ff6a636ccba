"""No transfer is accepted over a wallet that is shut, a chain or contract that differs, or terms that are not known.

The whole way through the strategy, thousands of random networks over one market whose edge is wide; what is sound is
counted by brute force.
"""

from decimal import Decimal as D
from math import exp
from random import Random

import pytest
from evaluation.test_routes import anything, every_pair
from evaluation.test_transfer_edges import FEES, NOW, RULE, RULES, year
from msgspec.structs import replace

from cryptopipe.clock import SECOND
from cryptopipe.market.market import Market
from cryptopipe.market.networks import Custody, Networks
from cryptopipe.market.sync import BookSync
from cryptopipe.market.view import View
from cryptopipe.model.custody import CustodyTerms
from cryptopipe.model.events import BookSnapshot
from cryptopipe.model.facts import Asset, Currency, Instrument, Kind, Network, VenueId
from cryptopipe.model.trading import Opportunity, Way
from cryptopipe_arbitrage import strategy

ALPHA, BETA, X, USDT = VenueId("alpha"), VenueId("beta"), Asset("X"), Asset("USDT")
BUY, SELL = (Instrument(venue, "X/USDT", X, USDT, Kind.SPOT, RULES) for venue in (ALPHA, BETA))
HELD = {(ALPHA, USDT): D(100_000), (BETA, USDT): D(100_000)}
EDGE = 0.04
MINUTES = 6


class Wide:
    """A market whose second venue pays 4 % more all the time, and the strategy that watches it."""

    def __init__(self) -> None:
        self._market, random, logs = Market({}), Random(11), 0.0
        syncs = [BookSync(one, RULE) for one in (BUY, SELL)]
        for sync in syncs:
            self._market.books[sync.instrument.venue] = {sync.instrument.symbol: sync}
        for step in range(MINUTES * 120):
            logs += year(0.3) * random.gauss(0, 1)
            at = NOW - (MINUTES * 120 - 1 - step) * SECOND // 2
            for sync in syncs:
                price = 100 * exp(logs) * (1 if sync.instrument is BUY else 1 + EDGE)
                bids, asks = (f'[["{price + way * 0.01:.4f}","900"]]'.encode() for way in (-1, 1))
                sync.snapshot(BookSnapshot(sync.instrument.symbol, bids, asks, step + 1, at), at)
        self._strategy = strategy.make(strategy.settings(kinds=("transfer",)))
        self._strategy.start([BUY, SELL])
        self._turn = 0

    def says(
        self, out: Currency, into: Currency, source: CustodyTerms | None, target: CustodyTerms | None, in_book: bool
    ) -> Opportunity:
        """Of the edge, where wallets and terms are these."""
        terms = {venue: one for venue, one in ((ALPHA, source), (BETA, target)) if one is not None}
        known = Networks(self._market.listings, Custody(terms, lambda *name: in_book))
        for one in (out, into):
            known.tell(one.venue, (one,), NOW)
        fees = {ALPHA: FEES, BETA: FEES}
        view = View(self._market, fees, lambda venue, asset: HELD.get((venue, asset), D(0)), {}, known)
        self._turn += 1
        view.now, view.turn = NOW, self._turn
        (found,) = self._strategy.evaluate(view, SELL)
        return found


GOOD = Network("A", "ethereum", "", deposits=True, withdrawals=True, withdrawal_fee=D("0.5"))
BROKEN: tuple[dict[str, object], ...] = (
    {}, {"withdrawals": False}, {"withdrawals": None}, {"deposits": False}, {"deposits": None}, {"chain": "tron"},
    {"chain": ""}, {"contract": "0xaa"}, {"contract": "0xbb"}, {"contract": None}, {"withdrawal_fee": None},
)  # fmt: skip


def nearly(random: Random) -> tuple[Currency, Currency, CustodyTerms | None, CustodyTerms | None, bool]:
    """Anything, and beside it a network at each end that has one fault or none."""
    out, into, source, target, in_book = anything(random)
    ends = []
    for one in (out, replace(into, venue=BETA)):
        mine = replace(GOOD, **random.choice(BROKEN))
        cheap = [replace(n, withdrawal_fee=n.withdrawal_fee and min(n.withdrawal_fee, D("0.5"))) for n in one.networks]
        ends.append(replace(one, networks=(*cheap, mine)))
    return ends[0], ends[1], source, target, in_book


@pytest.mark.parametrize("cases", [200, pytest.param(5_000, marks=pytest.mark.long)])
def test_no_transfer_is_accepted_where_no_way_is_sound(cases: int) -> None:
    """And one is wherever a way is: only that condition stands between this edge and its transfer."""
    market, random = Wide(), Random(17)
    accepted = 0
    for _ in range(cases):
        case = nearly(random)
        found = market.says(*case)
        passed = all(reason.passed for reason in found.obstacles)
        assert passed == (case[0].asset == X and every_pair(*case) > 0), (case, found)
        if passed:
            accepted += 1
            assert found.transit is not None and found.transit.way is Way.TRANSFER and found.value > 0
    assert cases / 100 < accepted < cases / 2, accepted
