"""A plugin whose private side cannot be made, or whose rules allow no request, is named before a run begins."""

from decimal import Decimal as D
from typing import Any

import pytest
from unit.test_strangers_acting import Codec

from cryptopipe.act.action_rules import ActionRules, Allowance, Weight
from cryptopipe.act.ccxt_codec import CcxtActions
from cryptopipe.act.venues import codec_of
from cryptopipe.errors import PluginError
from cryptopipe.model.actions import PlaceOrder
from cryptopipe.model.contracts import Limit
from cryptopipe.model.facts import Asset, Instrument, TradingRules, VenueId

ALPHA = VenueId("alpha")
XY = Instrument(ALPHA, "XY", Asset("X"), Asset("Y"), rules=TradingRules(D("0.01"), D("0.001"), D("0.001"), D(1)))


def raising(instruments: Any) -> Any:
    raise KeyError("wallets.json")


def test_a_codec_that_cannot_be_made_names_its_plugin() -> None:
    with pytest.raises(PluginError, match=r"alpha: .*KeyError"):
        codec_of(ALPHA, raising, [XY])


def test_a_codec_that_is_none_names_its_plugin() -> None:
    with pytest.raises(PluginError, match=r"alpha: .*NoneType"):
        codec_of(ALPHA, lambda instruments: None, [XY])  # type: ignore[arg-type,return-value]


def test_rules_by_which_an_order_could_never_be_sent_are_refused_at_once() -> None:
    """An order takes five of four: it would end the run at the first one."""
    rules = ActionRules(
        supports=frozenset({PlaceOrder}),
        weights={PlaceOrder: (Weight("orders", 5),)},
        allowances=(Allowance("orders", Limit(4, 1_000_000_000)),),
    )
    with pytest.raises(PluginError, match=r"alpha: .*PlaceOrder takes 5 of 4"):
        codec_of(ALPHA, lambda instruments: CcxtActions("binance", ALPHA, instruments, rules), [XY])


def test_a_codec_of_ones_own_needs_nothing_but_its_two_functions() -> None:
    codec = Codec()
    assert codec_of(ALPHA, lambda instruments: codec, [XY]) is codec
