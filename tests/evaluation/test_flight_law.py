"""The law of a transfer's time after one's own: the table and they, each counted as often as it is worth."""

from decimal import Decimal as D

import pytest

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.evaluate.transfer_law import Law
from cryptopipe.evaluate.transfer_time import TransferTime
from cryptopipe.market.experience import Experience, Road
from cryptopipe.market.market import Market
from cryptopipe.market.view import View
from cryptopipe.model.custody import TransferRoute
from cryptopipe.model.facts import Asset, Network, VenueId
from cryptopipe.model.trading import Reason
from cryptopipe_arbitrage.flight import Flight
from cryptopipe_arbitrage.settings import TransferSettings

A, B = VenueId("a"), VenueId("b")
MINUTE: Nanos = 60 * SECOND
ROAD = Road(A, "solana", B)
NETWORK = Network("FAST", "solana", "", True, True, D("0.01"), precision=4, confirmations=1)


def route(hold: int = 0) -> TransferRoute:
    return TransferRoute(Asset("X"), A, B, "X", "X", NETWORK, NETWORK, D(0), D(0), D(hold))


class Way:
    """One flight's laws, by a view with its experience."""

    def __init__(self) -> None:
        self.known = Experience()
        self.view = View(Market({}), {}, lambda venue, asset: D(0), {}, experience=self.known)
        self.view.now = 1_000 * MINUTE
        self._flight = Flight(TransferSettings.model_validate({}))

    def took(self, *minutes: float, road: Road = ROAD) -> "Way":
        for number, took in enumerate(minutes, 100):
            self.known.sent(number, road, 0)
            self.known.credited(number, int(took * MINUTE))
        return self

    def law(self, hold: int = 0) -> Law:
        law = self._flight.law(self.view, route(hold))
        assert not isinstance(law, Reason)
        return law


def test_without_own_transfers_the_table_holds() -> None:
    assert isinstance(Way().law(), TransferTime)
    assert isinstance(Way().took(9.0, road=Road(B, "solana", A)).law(), TransferTime)


@pytest.mark.parametrize("hold", [0, 30])
def test_ten_own_ones_count_for_a_third_and_are_held_back_like_others(hold: int) -> None:
    table, law = Way().law(hold), Way().took(*[40.0 + n for n in range(10)]).law(hold)
    for at in (3.0, 30.5, 44.5, 70.5, 74.5, 100.0):
        later = sum(40 + n + hold > at for n in range(10))
        assert law.survival(at) == pytest.approx((20 * table.survival(at) + later) / 30, abs=1e-6)


def test_one_that_has_not_arrived_is_known_to_take_longer() -> None:
    way, plain = Way(), Way().law()
    way.known.sent(1, ROAD, way.view.now - 90 * MINUTE)
    assert way.law().survival(80.0) == pytest.approx((20 * plain.survival(80.0) + 1) / 21, abs=1e-6)
    assert way.law().survival(80.0) > 1 / 22 > plain.survival(80.0)


def test_a_law_is_kept_for_some_seconds() -> None:
    way = Way().took(40.0)
    first = way.law()
    way.took(*[40.0] * 20)
    assert way.law() is first
    way.view.now += 10 * SECOND
    assert way.law().mean > first.mean
