"""Each reason for which the simulated Bybit refuses, read by our own actions: a typed error or outcome, never a guess.

The two ends read docs/v5/error on their own (state of 2026-07-24, read 2026-11-21); here they meet.
"""

import json
from decimal import Decimal

import pytest

import cryptopipe_bybit as plugins
from cryptopipe.api import (
    Action,
    CancelOrder,
    CryptopipeError,
    DeskRefusal,
    HttpResponse,
    Instrument,
    MoveFunds,
    NotFound,
    PlaceOrder,
    RateLimited,
    Refusal,
    Refused,
    Side,
    UnknownOutcome,
    Withdraw,
)
from cryptopipe_bybit.actions import actions
from cryptopipe_bybit.sandbox_private_errors import of_move, of_order, of_withdrawal

PLUGIN = plugins.bybit
SPOT, LINEAR = PLUGIN.instruments.find("BTCUSDT"), PLUGIN.instruments.find("linear:BTCUSDT")
CODEC = actions(PLUGIN.instruments.listed())
WITHDRAW = Withdraw(PLUGIN.venue, "USDT", "ETH", "0x99ced129603abc771c0dabe935c326ff6c86645d", Decimal(24), "w1")
MOVE = MoveFunds(PLUGIN.venue, "BTC", Decimal("0.05"), "UNIFIED", "FUND", "m1")
OPEN = {
    Refusal.BUSY: {"order": RateLimited, "withdrawal": UnknownOutcome, "move": UnknownOutcome},
    Refusal.DUPLICATE_CLIENT_ID: {"order": UnknownOutcome},
    Refusal.DUPLICATE_TRANSFER_ID: {"withdrawal": UnknownOutcome, "move": UnknownOutcome},
}
"""What is no plain refusal: the venue was busy, or it has this id already."""


def told(action: Action, code: int, text: str) -> object:
    answer = {"retCode": code, "retMsg": text, "result": {}, "retExtInfo": {}, "time": 1_795_000_000_000}
    try:
        return CODEC.parse(action, HttpResponse(200, json.dumps(answer).encode()))
    except CryptopipeError as error:
        return type(error)


@pytest.mark.parametrize("instrument", [SPOT, LINEAR], ids=["spot", "linear"])
@pytest.mark.parametrize("why", Refusal)
def test_an_order_that_was_not_taken_in_is_refused(why: Refusal, instrument: Instrument) -> None:
    refusal = of_order(DeskRefusal(why), instrument is SPOT, Side.BUY)
    place = PlaceOrder(instrument, Side.BUY, Decimal("0.01"), Decimal(60000), "o1")
    expected: object = OPEN.get(why, {}).get("order") or Refused(str(refusal.code), refusal.text)
    if why in (Refusal.UNKNOWN_ORDER, Refusal.ORDER_ENDED):
        expected = NotFound(str(refusal.code), refusal.text)
        assert told(CancelOrder(instrument, "o1"), refusal.code, refusal.text) == expected
        return
    assert told(place, refusal.code, refusal.text) == expected


@pytest.mark.parametrize("why", Refusal)
def test_coins_that_were_not_sent_are_refused(why: Refusal) -> None:
    for name, action, refusal in (
        ("withdrawal", WITHDRAW, of_withdrawal(DeskRefusal(why))),
        ("move", MOVE, of_move(DeskRefusal(why))),
    ):
        expected: object = OPEN.get(why, {}).get(name) or Refused(str(refusal.code), refusal.text)
        if refusal.code == 131003:  # of what cannot be a withdrawal's: "Internal error" leaves open what was done
            expected = UnknownOutcome
        assert told(action, refusal.code, refusal.text) == expected, (name, refusal.code)
