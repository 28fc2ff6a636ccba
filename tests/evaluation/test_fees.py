"""Fees: tiers, tokens, networks; exact amounts; and no fee, raised, ever raises a profit."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal as D
from decimal import localcontext
from random import Random

import pytest
from evaluation.cycles import EXACT, Case, case, market, schedule, trade
from evaluation.test_size import ENOUGH, instances, value
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from cryptopipe.evaluate.cycle import carry_out
from cryptopipe.evaluate.fees import (
    AccountFees,
    FeeTier,
    NetworkFees,
    TokenFunds,
    TokenTerms,
    trade_fee,
    trade_step,
    transfer_step,
)
from cryptopipe.evaluate.size import best_cycle
from cryptopipe.evaluate.steps import Edge, InventoryStep, Step, Token, TransferStep
from cryptopipe.model.facts import Asset, Fee, Instrument, Network, Side, TradingRules

SOURCE = ("a fee page made up for a test", "2026-11-21")
TIERS = (
    FeeTier(D(0), D("0.0025"), D("0.004")),
    FeeTier(D(50_000), D("0.0014"), D("0.0024")),
    FeeTier(D(10_000_000), D("-0.0001"), D("0.0008")),
)
XY = market("a", "X", "Y", TradingRules(D("0.01"), D("0.001"), D(0), D(0)))
LADDER = [(D(100), D(10))]
TOKEN = TokenTerms(Asset("T"), D("0.75"), *SOURCE)


@pytest.mark.parametrize(
    ("volume", "maker", "taker"),
    [
        (None, "0.0025", "0.004"),
        ("0", "0.0025", "0.004"),
        ("49999.99", "0.0025", "0.004"),
        ("50000", "0.0014", "0.0024"),
        ("10000000", "-0.0001", "0.0008"),
    ],
)
def test_a_tier_begins_at_its_volume_and_an_unknown_volume_has_the_first(
    volume: str | None, maker: str, taker: str
) -> None:
    fees = AccountFees(TIERS, *SOURCE, volume=None if volume is None else D(volume), charged_in="received")
    told = fees.schedule()
    assert (told.maker_rate, told.taker_rate, told.charged_in) == (D(maker), D(taker), "received")
    assert (told.source, told.as_of) == SOURCE


@given(st.decimals(0, 10**9, places=2), st.decimals(0, 10**9, places=2))
def test_where_rates_fall_with_the_volume_more_volume_never_costs_more(one: D, other: D) -> None:
    less, more = (AccountFees(TIERS, *SOURCE, volume=v).schedule() for v in sorted((one, other)))
    assert more.taker_rate <= less.taker_rate and more.maker_rate <= less.maker_rate


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (lambda: AccountFees((), *SOURCE), "at least one"),
        (lambda: AccountFees(TIERS[::-1], *SOURCE), "rising volume"),
        (lambda: AccountFees((TIERS[0], TIERS[0]), *SOURCE), "rising volume"),
        (lambda: AccountFees(TIERS, "", "2026-11-21"), "source"),
        (lambda: AccountFees(TIERS, *SOURCE, charged_in="token"), "charged_in"),
        (lambda: NetworkFees(D(1), "a page", ""), "source"),
        (lambda: TokenTerms(Asset("T"), D("0.75"), "", "2026-11-21"), "source"),
        (lambda: TokenTerms(Asset("T"), D(0), *SOURCE), "above zero"),
        (lambda: TokenFunds(D(1), D(0), D(1)), "above zero"),
        (lambda: TransferStep(Asset("X"), D(-1)), "above zero"),
        (lambda: TransferStep(Asset("X"), D(0), D(1)), "fractions"),
        (lambda: Token(Asset("T"), D(0), D(1), D(1), D(1)), "above zero"),
        (lambda: InventoryStep(Asset("X"), D(1), D(-1)), "above zero"),
    ],
)
def test_a_fee_without_source_or_sense_is_refused(what: object, told: str) -> None:
    assert callable(what)
    with pytest.raises(ValueError, match=told):
        what()


def test_an_unknown_fee_or_rule_makes_no_step() -> None:
    known = AccountFees(TIERS, *SOURCE)
    unruled = Instrument(XY.venue, XY.symbol, XY.base, XY.quote)
    assert trade_step(XY, Side.BUY, LADDER, D(1), known) is not None
    assert trade_step(XY, Side.BUY, LADDER, D(1), None) is None
    assert trade_step(unruled, Side.BUY, LADDER, D(1), known) is None
    network, fees = Network("CHAIN"), NetworkFees(D("0.1"), *SOURCE)
    assert transfer_step(Asset("X"), network, network, fees, fees) is not None
    for out, into in (
        (None, fees),
        (fees, None),
        (replace(fees, withdrawal=None), fees),
        (fees, replace(fees, deposit=None)),
        (NetworkFees.of(Network("CHAIN", withdrawal_fee_rate=D("0.001")), *SOURCE), fees),
    ):
        assert transfer_step(Asset("X"), network, network, out, into) is None


def test_a_transfer_has_the_fees_of_both_ends_and_the_bounds_of_both_networks() -> None:
    out = Network(
        "CHAIN", withdrawal_fee=D("0.1"), withdrawal_fee_rate=D("0.01"), min_withdrawal=D(2), max_withdrawal=D(50),
        min_deposit=D(9), precision=3,
    )  # fmt: skip
    into = Network("CHAIN", min_withdrawal=D(7), min_deposit=D("0.5"), precision=1)
    paid = NetworkFees(D(9), *SOURCE, deposit=D("0.2"), deposit_rate=D("0.001"))
    step = transfer_step(Asset("X"), out, into, NetworkFees.of(out, *SOURCE), paid)
    assert step == TransferStep(
        Asset("X"), D("0.1"), D("0.01"), D(2), D(50), 3, D("0.5"), D("0.2"), D("0.001")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("side", "charged_in", "maker", "fee"),
    [
        (Side.BUY, "quote", False, Fee(D("1.2"), Asset("Y"))),  # 500 * 0.0024
        (Side.SELL, "quote", False, Fee(D("1.2"), Asset("Y"))),
        (Side.BUY, "received", False, Fee(D("0.012"), Asset("X"))),  # 5 * 0.0024
        (Side.SELL, "received", False, Fee(D("1.2"), Asset("Y"))),
        (Side.SELL, "quote", True, Fee(D("0.7"), Asset("Y"))),  # 500 * 0.0014
    ],
)
def test_the_fee_of_a_leg_is_an_exact_amount_of_the_asset_charged(
    side: Side, charged_in: str, maker: bool, fee: Fee
) -> None:
    fees = AccountFees(TIERS, *SOURCE, volume=D(60_000), charged_in=charged_in)
    step = trade_step(XY, side, LADDER, D(10**6), fees, maker=maker)
    assert step is not None and trade_fee(step, D(5), D(500), with_token=False) == fee
    outcome = carry_out((step,), D(5) if side is Side.SELL else D(500) + (D("1.2") if fee.asset == "Y" else 0))
    assert outcome.legs[0].quantity == 5 and outcome.legs[0].fee == fee


def test_a_rebate_is_received() -> None:
    """A hundredth of a percent of 500 comes on top of what is sold."""
    step = trade_step(XY, Side.SELL, LADDER, D(5), AccountFees(TIERS, *SOURCE, volume=D(10**8)), maker=True)
    assert step is not None
    outcome = carry_out((step,), D(5))
    assert outcome.legs[0].fee == Fee(D("-0.05"), Asset("Y")) and outcome.received == D("500.05")


def test_a_token_takes_its_share_of_the_rate_at_its_price_and_never_a_rebate() -> None:
    """500 at 0.0024, a quarter off, are 0.9 of quote, at 600 a token 0.0015; a price that does not divide: upwards."""
    fees, funds = AccountFees(TIERS, *SOURCE, volume=D(60_000), token=TOKEN), TokenFunds(D(1), D(600), D(600))
    step = trade_step(XY, Side.SELL, LADDER, D(5), fees, funds)
    assert step is not None and trade_fee(step, D(5), D(500), with_token=True) == Fee(D("0.00150001"), Asset("T"))
    even = trade_step(XY, Side.SELL, LADDER, D(5), fees, TokenFunds(D(1), D(625), D(625)))
    assert even is not None and trade_fee(even, D(5), D(500), with_token=True) == Fee(D("0.00144"), Asset("T"))
    assert trade_fee(step, D(5), D(500), with_token=False) == Fee(D("1.2"), Asset("Y"))
    outcome = carry_out((step,), D(5))
    assert outcome.received == 500 and outcome.aside == D("0.00150001") * 600
    rebate = trade_step(XY, Side.SELL, LADDER, D(5), replace(fees, volume=D(10**8)), funds, maker=True)
    unfunded = trade_step(XY, Side.SELL, LADDER, D(5), fees)
    assert rebate is not None and rebate.token is None and unfunded is not None and unfunded.token is None


@pytest.mark.parametrize("price", ["3", "7", "617.3", "0.0000017", "625"])
def test_a_tokens_price_is_never_rounded_in_ones_own_favour(price: str) -> None:
    funds = TokenFunds(D(1), D(price), D(price))
    step = trade_step(XY, Side.SELL, LADDER, D(5), AccountFees(TIERS, *SOURCE, token=TOKEN), funds)
    assert step is not None and step.token is not None
    with localcontext(EXACT):
        assert 1 <= step.token.per_quote * D(price) < 1 + D("1E-16")


def test_where_nothing_is_charged_no_token_pays() -> None:
    free = AccountFees((FeeTier(D(0), D(0), D(0)),), *SOURCE, token=TOKEN)
    step = trade_step(XY, Side.SELL, LADDER, D(5), free, TokenFunds(D(1), D(3), D(3)))
    assert step is not None and step.token is None and carry_out((step,), D(5)).received == 500


def with_token(random: Random, one: Case) -> Case:
    """The last leg, where it brings the start asset, pays with a token that is cheaper than its usual fee."""
    last = one.steps[-1]
    if not isinstance(last, Step) or last.brings != "Y" or random.random() < 0.5:
        return one
    balance = D(random.choice(("0.001", "0.01", "1000")))
    token = Token(Asset("T"), D("0.00075"), D("0.5"), D(2), balance)
    return replace(one, steps=(*one.steps[:-1], replace(last, fees=schedule("0.0025", "quote"), token=token)))


def dearer(random: Random, one: Case) -> Iterator[tuple[str, Case]]:
    """Each kind of fee there is in a cycle, raised."""
    more = D(random.choice(("0.0001", "0.001", "0.02")))
    yield "hurdle", replace(one, hurdle=one.hurdle + more)
    for index, step in enumerate(one.steps):
        for kind, changed in _raised(step, more):
            yield kind, replace(one, steps=(*one.steps[:index], changed, *one.steps[index + 1 :]))


def _raised(step: Edge, more: D) -> Iterator[tuple[str, Edge]]:
    if isinstance(step, InventoryStep):
        yield "restoring", replace(step, price=step.price + more)
    elif isinstance(step, TransferStep):
        yield "withdrawal", replace(step, fee=step.fee + 10 * more)
        yield "withdrawal rate", replace(step, fee_rate=step.fee_rate + more)
        yield "deposit", replace(step, deposit_fee=step.deposit_fee + 10 * more)
        yield "deposit rate", replace(step, deposit_fee_rate=step.deposit_fee_rate + more)
    else:
        fees = structs.replace(step.fees, taker_rate=step.fees.taker_rate + more)
        yield f"{step.side.value} in {step.fees.charged_in}", replace(step, fees=fees)
        if step.token is not None:
            yield "token rate", replace(step, token=replace(step.token, rate=step.token.rate + D("0.0002")))
            yield "token price", replace(step, token=replace(step.token, worth=step.token.worth + D("0.1")))


@instances(100)
def test_a_fee_that_rises_never_raises_the_profit(seeds: range) -> None:
    lower: dict[str, int] = {}
    for seed in seeds:
        random = Random(seed)
        plain = case(random, (40, 80), 0.1)
        steps = tuple(replace(s, token=None) if isinstance(s, Step) else s for s in plain.steps)
        one = with_token(random, replace(plain, steps=steps))
        before = value(one, best_cycle(one.steps, one.cap, hurdle=one.hurdle, tries=ENOUGH))
        for kind, other in dearer(random, one):
            after = value(other, best_cycle(other.steps, other.cap, hurdle=other.hurdle, tries=ENOUGH))
            assert after <= before, f"seed {seed}: {kind}"
            lower[kind] = lower.get(kind, 0) + (after < before)
    assert len(lower) == 12 and all(lower.values()), lower


@instances(40)
def test_two_venues_pay_no_more_than_any_pair_of_orders_would(seeds: range) -> None:
    """Never below the best two orders of one size, one after the other."""
    for seed in seeds:
        random = Random(seed)
        buy = replace(trade(random, "a", "X", "Y", Side.BUY, 100), token=None)
        sell = replace(trade(random, "b", "X", "Y", Side.SELL, 120), token=None)
        one = Case((buy, sell), D(10**6))
        best = value(one, best_cycle(one.steps, one.cap))
        for tenths in range(0, 300, 5):
            assert value(one, carry_out(one.steps, D(tenths))) <= best, f"seed {seed}: {tenths}"
