"""What simulated venues refuse to send or move, and that a refusal changes nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from simulation.transfers_bench import (
    BTC,
    EAST,
    EASTERN,
    GOOD,
    HOUR,
    PARAMETERS,
    PRICES,
    START,
    USDT,
    WEST,
    XRP,
    Bench,
    D,
    Days,
    refused,
)

from cryptopipe.errors import ConfigError
from cryptopipe.model.desk import FUNDING, TRADING, Refusal, TransferStatus
from cryptopipe.model.facts import Asset, Network
from cryptopipe.sandbox.accounts_wallets import Tally, Wallets
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.transfers import Custody
from cryptopipe.sandbox.transfers_venue import VenueWallets, Wanted

R = Refusal


def test_each_refusal_changes_nothing() -> None:
    bench = Bench(east_daily_usd=100_000.0)
    btc, usdt, xrp = bench.net(EAST, BTC, "BTC"), bench.net(EAST, USDT, "TRC20"), bench.net(EAST, XRP, "XRP")
    east, tron, ripple = bench.east, "T" + "A" * 33, "r" + "A" * 33

    def asks(asset: Asset, net: Network, to: str, amount: str, memo: str = "", **more: str) -> Callable[[], object]:
        return lambda: east.withdraw(asset, net, to, memo, D(amount), **more)

    facts = refused(R.UNKNOWN_ASSET, asks(Asset("DOGE"), btc, GOOD, "1"))
    assert facts == {"asset": "DOGE"}
    assert refused(R.UNKNOWN_NETWORK, asks(BTC, usdt, GOOD, "1")) == {"asset": "BTC", "network": "TRC20"}
    assert refused(R.BAD_ADDRESS, asks(BTC, btc, "bc1qtooshort", "1"))["chains_of_it"] == []
    assert refused(R.BAD_ADDRESS, asks(BTC, btc, tron, "1"))["chains_of_it"] == ["tron"]
    assert refused(R.BAD_ADDRESS, asks(USDT, usdt, "0x" + "a" * 40, "20"))["chain"] == "tron"
    refused(R.MEMO_MISSING, asks(XRP, xrp, ripple, "20"))
    assert refused(R.AMOUNT_GRID, asks(BTC, btc, GOOD, "0.123456789"))["places"] == 8
    assert refused(R.BELOW_MINIMUM, asks(BTC, btc, GOOD, "0.00999999"))["minimum"] == D("0.01")
    refused(R.BELOW_MINIMUM, asks(BTC, btc, GOOD, "-1"))
    refused(R.ABOVE_MAXIMUM, asks(BTC, btc, GOOD, "50.1"))
    assert refused(R.ABOVE_MAXIMUM, asks(BTC, btc, GOOD, "1.7"))["daily_usd"] == 100_000
    refused(R.INSUFFICIENT_FUNDS, asks(USDT, usdt, tron, "1000.000001"))
    assert refused(R.WRONG_WALLET, asks(BTC, btc, GOOD, "1", wallet=FUNDING))["required"] == TRADING
    bench.custody.faults.suspend(EAST, BTC, deposits=False)
    refused(R.WALLET_SUSPENDED, asks(BTC, btc, GOOD, "1"))
    assert bench.tape == []
    assert not east.transfers(deposits=False)
    assert all(bench.of(EAST, asset) == (D(1000), D(0)) for asset in PRICES)


def test_the_limit_of_a_day_counts_what_was_sent_in_the_last_24_hours() -> None:
    bench = Bench(east_daily_usd=100_000.0)
    bench.send("1")
    refused(R.ABOVE_MAXIMUM, lambda: bench.send("1"))
    given_back = bench.send("0.5")
    refused(R.ABOVE_MAXIMUM, lambda: bench.send("0.5"))
    bench.east.cancel_withdrawal(given_back.transfer_id)
    bench.send("0.5")
    bench.world.advance(START + 24 * HOUR)
    bench.send("1.6")


def test_a_client_s_id_is_taken_once() -> None:
    bench = Bench()
    first = bench.send("1", client_id="mine")
    assert refused(R.DUPLICATE_TRANSFER_ID, lambda: bench.send("1", client_id="mine")) == {
        "client_id": "mine",
        "transfer_id": first.transfer_id,
    }
    bench.send("1", client_id="other")
    assert bench.of(EAST, BTC) == (D(998), D(2))


def test_a_venue_with_a_book_sends_to_its_addresses_alone() -> None:
    bench = Bench(east_address_book="required")
    to = bench.offices[WEST, 2].deposit_address(BTC, bench.net(WEST, BTC, "Bitcoin"))
    network = bench.net(EAST, BTC, "BTC")
    refused(R.ADDRESS_NOT_LISTED, lambda: bench.east.withdraw(BTC, network, to.address, "", D(1)))
    book = dict(bench.east.allowed_addresses())
    assert sorted(book) == ["west-BTC-bitcoin", "west-USDT-solana", "west-USDT-tron", "west-XRP-xrp_ledger"]
    own = book["west-BTC-bitcoin"]
    assert own.network.code == "BTC"
    assert own.address == bench.west.deposit_address(BTC, bench.net(WEST, BTC, "Bitcoin")).address != to.address
    bench.east.withdraw(BTC, network, own.address, "", D(1))
    bench.east.allow("a friend", replace(to, network=network))
    bench.east.withdraw(BTC, network, to.address, "", D(1))
    tron = bench.net(EAST, USDT, "TRC20")
    facts = refused(R.BAD_ADDRESS, lambda: bench.east.withdraw(USDT, tron, to.address, "", D(20)))
    assert facts["address"] == to.address


def test_the_travel_rule_asks_above_its_amount_who_receives() -> None:
    bench = Bench(east_travel_rule_usd=3000.0)
    network = bench.net(EAST, BTC, "BTC")
    bench.east.withdraw(BTC, network, GOOD, "", D("0.048"))  # 2,976 dollars
    facts = refused(R.TRAVEL_RULE, lambda: bench.east.withdraw(BTC, network, GOOD, "", D("0.049")))
    assert (facts["worth"], facts["above"]) == (D(3038), 3000)
    bench.send("1")  # one's own address at a venue that is known


def test_a_withdrawal_is_cancelled_in_review_alone() -> None:
    bench = Bench()
    sent = bench.send("1")
    assert bench.east.cancel_withdrawal(sent.transfer_id).status is TransferStatus.CANCELLED
    assert bench.of(EAST, BTC) == (D(1000), D(0))
    refused(R.ORDER_ENDED, lambda: bench.east.cancel_withdrawal(sent.transfer_id))
    refused(R.UNKNOWN_ORDER, lambda: bench.east.cancel_withdrawal(99))
    bench.world.advance(START + 24 * HOUR)
    assert bench.last().status is TransferStatus.CANCELLED
    assert bench.of(WEST, BTC) == (D(1000), D(0))
    sent = bench.send("1")
    bench.world.advance(START + 48 * HOUR)
    refused(R.ORDER_ENDED, lambda: bench.east.cancel_withdrawal(sent.transfer_id))


def test_a_fee_that_takes_all_is_below_the_minimum_though_none_is_stated() -> None:
    bench = Bench()
    network = replace(EASTERN[0].networks[0], min_withdrawal=None)
    wallets = VenueWallets(EAST, [replace(EASTERN[0], networks=(network,))], PARAMETERS.processing["default"], D)
    asked = Wanted(BTC, wallets.network(BTC, "BTC"), GOOD, "", D("0.001"), TRADING)
    assert refused(R.BELOW_MINIMUM, lambda: wallets.check(asked, True, D(0)))["fee"] == D("0.001")
    assert bench.net(EAST, BTC, "BTC").min_withdrawal == D("0.01")


def test_a_book_tells_memos_apart() -> None:
    bench = Bench(east_address_book="required")
    own = dict(bench.east.allowed_addresses())["west-XRP-xrp_ledger"]
    network = bench.net(EAST, XRP, "XRP")
    refused(R.ADDRESS_NOT_LISTED, lambda: bench.east.withdraw(XRP, network, own.address, own.memo + "1", D(20)))
    bench.east.withdraw(XRP, network, own.address, own.memo, D(20))


def test_in_a_world_of_one_venue_the_book_has_its_other_customer() -> None:
    """Else nobody could withdraw from a venue that asks for a book."""
    rule = replace(PARAMETERS.processing["default"], address_book="required")
    custody = Custody(PARAMETERS.chains, {"default": rule}, 1, Days(), {EAST: EASTERN}, PRICES.__getitem__)
    first, second = (custody.open(EAST, number, Wallets(Tally()), lambda transfer: None) for number in (1, 2))
    book = dict(first.allowed_addresses())
    assert len(book) == 6  # every network of the venue
    network = custody.wallets(EAST).network(BTC, "BTC")
    assert book["east-2-BTC-bitcoin"].address == second.deposit_address(BTC, network).address


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chains: {bitcoin: {missed: 0.1}}", "'chains.bitcoin' has law work, whose blocks are not missed"),
        ("chains: {bitcoin: {block_s: 0}}", "'chains.bitcoin.block_s' is '0': Expected `float` > 0.0"),
        ("processing: {binanse: {manual: 0}}", "no such venue is installed; did you mean 'binance'?"),
        ("processing: {binance: {review: {median: 1}}}", "'processing.binance.review.median' is not known"),
        ("processing: {kraken: {deposit_to: funding}}", "has wallets one, and names the funding wallet"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(tmp_path: Path, text: str, message: str) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        Parameters.load(own, ["binance", "kraken"])
    assert message in str(caught.value)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1E+999", "1E-999", "-1E+999", "1" + "0" * 30 + ".5"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    bench = Bench(east_wallets="two")
    network = replace(bench.net(EAST, BTC, "BTC"), precision=None)
    refused(R.AMOUNT_GRID, lambda: bench.east.withdraw(BTC, network, GOOD, "", D(amount)))
    refused(R.AMOUNT_GRID, lambda: bench.east.move(BTC, D(amount), TRADING, FUNDING))


def test_zeros_at_the_end_are_no_places() -> None:
    bench = Bench()
    assert bench.send("1.500000000000").amount == D("1.499")
    assert refused(R.AMOUNT_GRID, lambda: bench.send("1.500000001"))["places"] == 8
