"""Transfers between two simulated venues: each refusal, each ending, each fault, to the last unit."""

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

import pytest
from msgspec.structs import replace
from simulation.transfers_bench import (
    BTC,
    EAST,
    EASTERN,
    ETH,
    HOUR,
    PARAMETERS,
    PRICES,
    START,
    USDT,
    WEST,
    WESTERN,
    XRP,
    Bench,
    D,
    Days,
)

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.errors import ConfigError
from cryptopipe.model.desk import FUNDING, TRADING, DeskRefusal, DeskTransfer, Refusal, TransferStatus
from cryptopipe.model.facts import Asset, Network
from cryptopipe.sandbox.accounts_wallets import Tally, Wallets
from cryptopipe.sandbox.chain_parameters import Delay
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.transfers import LOOK_EVERY, Custody
from cryptopipe.sandbox.transfers_coins import Place
from cryptopipe.sandbox.transfers_venue import VenueWallets, Wanted

R = Refusal


def refused(why: Refusal, work: Callable[[], object]) -> Mapping[str, object]:
    with pytest.raises(DeskRefusal) as caught:
        work()
    assert caught.value.why is why
    return caught.value.facts


def test_coins_go_from_review_over_the_chain_to_the_other_venue() -> None:
    bench = Bench()
    asked = bench.send("1.5", client_id="mine")
    assert (asked.status, asked.amount, asked.fee, asked.txid) == (TransferStatus.REVIEW, D("1.499"), D("0.001"), "")
    assert bench.of(EAST, BTC) == (D("998.5"), D("1.5"))
    assert bench.custody.coins.of(Place.IN_FLIGHT, BTC) == 0

    states = [asked]
    for _ in range(60 * 24 * 4):
        bench.world.advance(bench.world.now + 15 * SECOND)
        if (one := bench.last()).status is not states[-1].status:
            states.append(one)
    assert [one.status.value for one in states] == ["review", "sent", "confirming", "done"]
    assert bench.of(EAST, BTC) == (D("998.5"), D(0))
    arrived = bench.last(WEST, deposits=True)
    assert (arrived.status, arrived.amount, arrived.fee) == (TransferStatus.DONE, D("1.499"), D(0))
    assert arrived.txid == states[1].txid != ""
    assert (arrived.confirmations, arrived.network.code, arrived.client_id) == (3, "Bitcoin", "")
    assert bench.of(WEST, BTC) == (D("1001.499"), D(0))
    assert bench.custody.coins.all_of(Place.FEES) == {BTC: D("0.001")}
    assert bench.custody.coins.of(Place.IN_FLIGHT, BTC) == bench.custody.coins.of(Place.LOST, BTC) == 0


def test_what_is_in_flight_is_neither_end_s() -> None:
    bench = Bench()
    bench.send("1.5")
    while bench.last().status is not TransferStatus.SENT:
        bench.world.advance(bench.world.now + SECOND)
    assert bench.of(EAST, BTC) == (D("998.5"), D(0))
    assert bench.of(WEST, BTC) == (D(1000), D(0))
    assert bench.custody.coins.of(Place.IN_FLIGHT, BTC) == D("1.499")
    assert not bench.west.transfers(deposits=True)
    while not bench.west.transfers(deposits=True):
        bench.world.advance(bench.world.now + SECOND)
    assert bench.last(WEST, True).status is TransferStatus.CONFIRMING
    assert bench.last(WEST, True).confirmations == bench.last().confirmations == 1
    assert bench.of(WEST, BTC) == (D(1000), D(0))


GOOD = "bc1q" + "q" * 38


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


def test_a_rate_is_taken_of_what_the_fixed_fee_leaves_and_rounded_up() -> None:
    bench = Bench()
    sent = bench.send("100.55", USDT, "SOL", "Solana")
    # 0.8 + (100.55 - 0.8) / 1000 = 0.89975, in steps of 0.01
    assert (sent.fee, sent.amount) == (D("0.90"), D("99.65"))


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


def test_what_is_below_the_minimum_deposit_is_seen_and_lost() -> None:
    bench = Bench()
    bench.send("0.0209")
    bench.world.advance(START + 24 * HOUR)
    arrived = bench.last(WEST, deposits=True)
    assert (arrived.status, arrived.amount) == (TransferStatus.FAILED, D("0.0199"))
    assert bench.of(WEST, BTC) == (D(1000), D(0))
    assert bench.last().status is TransferStatus.DONE
    (loss,) = bench.custody.coins.losses
    assert (loss.why, loss.amount, loss.venue) == ("below_minimum", D("0.0199"), WEST)
    assert bench.custody.coins.of(Place.LOST, BTC) == D("0.0199")


@pytest.mark.parametrize(
    ("asset", "code", "to", "why"),
    [
        (BTC, "BTC", ("west", BTC, "Bitcoin", 0), ""),
        (BTC, "BTC", (GOOD, "", "", 0), "nobody"),
        (USDT, "TRC20", ("T" + "A" * 33, "", "", 0), "nobody"),
        (XRP, "XRP", ("west", XRP, "Ripple", 1), "nobody"),  # the venue's address, and a memo of no customer
    ],
)
def test_coins_for_nobody_are_lost_and_stay_booked(
    asset: Asset, code: str, to: tuple[str, str, str, int], why: str
) -> None:
    bench = Bench()
    address, memo = to[0], ""
    if to[0] == "west":
        there = bench.west.deposit_address(asset, bench.net(WEST, asset, to[2]))
        address, memo = there.address, there.memo + "9" * to[3]
    bench.east.withdraw(asset, bench.net(EAST, asset, code), address, memo, D(15))
    bench.world.advance(START + 24 * HOUR)
    assert [one.why for one in bench.custody.coins.losses] == ([why] if why else [])
    assert bench.last().status is TransferStatus.DONE
    assert bench.held(asset) == 8000


def test_an_address_of_another_ethereum_like_chain_passes_and_loses() -> None:
    """Its form is right, and on the chain that the coins go by it is nobody's."""
    bench = Bench()
    to = bench.west.deposit_address(ETH, bench.net(WEST, ETH, "ETH"))
    bench.east.withdraw(ETH, bench.net(EAST, ETH, "BSC"), to.address, "", D(2))
    bench.world.advance(START + 24 * HOUR)
    assert bench.custody.coins.all_of(Place.LOST) == {ETH: D("1.999")}
    assert bench.custody.coins.losses[0].why == "nobody"


def test_an_asset_that_the_other_venue_does_not_take_on_this_chain_is_lost() -> None:
    bench = Bench()
    to = bench.west.deposit_address(ETH, bench.net(WEST, ETH, "ETH"))
    bench.east.withdraw(USDT, bench.net(EAST, USDT, "ERC20"), to.address, "", D(20))
    bench.world.advance(START + 24 * HOUR)
    (loss,) = bench.custody.coins.losses
    assert (loss.why, loss.asset, loss.amount, loss.venue) == ("wrong_asset", USDT, D(17), EAST)
    assert not bench.west.transfers(deposits=True)


def test_a_memo_leads_to_its_customer() -> None:
    bench = Bench()
    first, second = (
        bench.offices[WEST, number].deposit_address(XRP, bench.net(WEST, XRP, "Ripple")) for number in (1, 2)
    )
    assert first.address == second.address
    assert first.memo != second.memo
    bench.east.withdraw(XRP, bench.net(EAST, XRP, "XRP"), second.address, second.memo, D(20))
    bench.world.advance(START + 24 * HOUR)
    assert bench.of(WEST, XRP, number=2) == (D("1019.999"), D(0))
    assert bench.of(WEST, XRP, number=1) == (D(1000), D(0))


def test_a_suspended_wallet_says_so_and_holds_what_arrives_until_it_opens() -> None:
    bench = Bench()
    bench.send("1")
    bench.custody.faults.suspend(WEST, BTC)
    (btc,) = [one for one in bench.custody.wallets(WEST).currencies() if one.asset == BTC]
    assert [(one.deposits, one.withdrawals) for one in btc.networks] == [(False, False)]
    refused(R.WALLET_SUSPENDED, lambda: bench.west.deposit_address(BTC, btc.networks[0]))
    bench.world.advance(START + 24 * HOUR)
    assert bench.last(WEST, deposits=True).status is TransferStatus.CONFIRMING
    assert bench.custody.coins.of(Place.IN_FLIGHT, BTC) == D("0.999")
    bench.custody.faults.resume(WEST, BTC, "Bitcoin", withdrawals=False)
    assert bench.last(WEST, deposits=True).status is TransferStatus.DONE
    assert bench.of(WEST, BTC) == (D("1000.999"), D(0))
    assert bench.net(WEST, BTC, "Bitcoin").withdrawals is False


def test_withdrawals_that_are_suspended_in_review_wait() -> None:
    bench = Bench()
    bench.send("1")
    bench.custody.faults.suspend(EAST, network="BTC", deposits=False)
    bench.world.advance(START + 24 * HOUR)
    assert bench.last().status is TransferStatus.REVIEW
    bench.custody.faults.resume(EAST, network="BTC")
    assert bench.last().status is TransferStatus.SENT


@pytest.mark.parametrize(("on_chain", "meanwhile"), [(False, TransferStatus.REVIEW), (True, TransferStatus.SENT)])
def test_a_stuck_transfer_goes_on_when_it_is_let(on_chain: bool, meanwhile: TransferStatus) -> None:
    bench = Bench()
    bench.custody.faults.stick(EAST, on_chain)
    bench.send("1")
    bench.world.advance(START + 72 * HOUR)
    assert bench.last().status is meanwhile
    assert bench.held(BTC) == 8000
    bench.custody.faults.unstick(EAST)
    bench.world.advance(START + 96 * HOUR)
    assert bench.last(WEST, deposits=True).status is TransferStatus.DONE


def test_a_failed_withdrawal_is_given_back() -> None:
    bench = Bench()
    bench.custody.faults.fail(EAST)
    bench.send("1")
    bench.world.advance(START + 24 * HOUR)
    assert bench.last().status is TransferStatus.FAILED
    assert bench.of(EAST, BTC) == (D(1000), D(0))
    bench.custody.faults.mend(EAST)
    bench.send("1")
    bench.world.advance(START + 48 * HOUR)
    assert bench.last().status is TransferStatus.DONE


def test_failed_and_stuck_by_probability() -> None:
    bench = Bench(east_failed=1.0)
    bench.send("1")
    bench.world.advance(START + 24 * HOUR)
    assert bench.last().status is TransferStatus.FAILED
    bench = Bench(east_stuck=1.0, east_stuck_s=200_000.0)
    bench.send("1")
    bench.world.advance(START + 200_000 * SECOND)
    assert bench.last().status is TransferStatus.REVIEW


class Storm:
    """Shuts, holds and fails until given times."""

    def __init__(self, shut: Nanos = 0, stuck: Nanos = 0, failing: Nanos = 0) -> None:
        self._shut, self._stuck, self._failing = shut, stuck, failing

    def shut_until(self, asset: Asset, network: str, deposits: bool, at: Nanos) -> Nanos:
        return self._shut if deposits and at < self._shut else 0

    def stuck_until(self, transfer: DeskTransfer, at: Nanos) -> Nanos:
        return self._stuck if at < self._stuck else 0

    def fails(self, transfer: DeskTransfer, at: Nanos) -> bool:
        return at < self._failing


def test_what_hinders_until_a_time_is_over_at_that_time() -> None:
    bench = Bench()
    bench.custody.faults.hinder(EAST, Storm(stuck=START + 50 * HOUR))
    bench.custody.faults.hinder(WEST, Storm(shut=START + 90 * HOUR))
    bench.send("1")
    bench.world.advance(START + 100 * HOUR)
    seen = {(venue, one.status): at for at, venue, _, one, _ in bench.tape if one is not None}
    assert seen[EAST, TransferStatus.SENT] == START + 50 * HOUR
    assert seen[WEST, TransferStatus.DONE] == START + 90 * HOUR
    bench.custody.faults.hinder(EAST, Storm(failing=START + 200 * HOUR))
    bench.send("1")
    bench.world.advance(START + 120 * HOUR)
    assert bench.last().status is TransferStatus.FAILED


def test_moves_between_wallets_are_done_at_once() -> None:
    bench = Bench(west_wallets="two", west_withdraw_from=FUNDING, west_deposit_to=FUNDING)
    west = bench.west
    done = west.move(BTC, D("0.1"), TRADING, FUNDING, "m1")
    assert (bench.of(WEST, BTC), bench.of(WEST, BTC, FUNDING)) == ((D("999.9"), D(0)), (D("1000.1"), D(0)))
    assert list(west.moves()) == [done]
    refused(R.DUPLICATE_TRANSFER_ID, lambda: west.move(BTC, D(1), TRADING, FUNDING, "m1"))
    refused(R.INSUFFICIENT_FUNDS, lambda: west.move(BTC, D(1000), TRADING, FUNDING))
    refused(R.BELOW_MINIMUM, lambda: west.move(BTC, D(0), TRADING, FUNDING))
    refused(R.WRONG_WALLET, lambda: west.move(BTC, D(1), TRADING, TRADING))
    refused(R.WRONG_WALLET, lambda: bench.east.move(BTC, D(1), TRADING, FUNDING))
    net = bench.net(WEST, BTC, "Bitcoin")
    refused(R.WRONG_WALLET, lambda: west.withdraw(BTC, net, GOOD, "", D(1)))
    assert west.withdraw(BTC, net, GOOD, "", D(1), wallet=FUNDING).wallet == FUNDING
    assert bench.of(WEST, BTC, FUNDING) == (D("999.1"), D(1))
    bench.send("1")
    bench.world.advance(START + 24 * HOUR)
    assert bench.of(WEST, BTC, FUNDING) == (D("1000.099"), D(0))
    assert bench.of(WEST, BTC) == (D("999.9"), D(0))


def test_batches_leave_at_their_times() -> None:
    bench = Bench(east_batch_s=600.0)
    for _ in range(5):
        bench.send("0.1")
    bench.world.advance(START + 24 * HOUR)
    sent = [at for at, venue, _, one, _ in bench.tape if one is not None and one.status is TransferStatus.SENT]
    assert len(sent) == 5
    assert all(at % (600 * SECOND) == 0 for at in sent)


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


def test_a_memo_that_no_address_needs_does_no_harm() -> None:
    bench = Bench()
    to = bench.west.deposit_address(BTC, bench.net(WEST, BTC, "Bitcoin"))
    bench.east.withdraw(BTC, bench.net(EAST, BTC, "BTC"), to.address, "for lunch", D(1))
    bench.world.advance(START + 24 * HOUR)
    assert bench.of(WEST, BTC) == (D("1000.999"), D(0))


def test_the_least_deposit_is_credited() -> None:
    bench = Bench()
    bench.send("0.021")
    bench.world.advance(START + 24 * HOUR)
    assert (bench.last(WEST, deposits=True).status, bench.of(WEST, BTC)[0]) == (TransferStatus.DONE, D("1000.02"))


def test_a_deposit_is_credited_after_its_confirmations_and_the_venue_s_lag() -> None:
    bench = Bench(west_credit=Delay(100, 0), east_review=Delay(30, 0), east_manual=0.0, east_refill=0.0)
    bench.send("20", USDT, "TRC20", "Tron")
    bench.world.advance(START + HOUR)
    at = {(venue, one.status): at for at, venue, _, one, _ in bench.tape if one is not None}
    assert at[EAST, TransferStatus.SENT] == START + 30 * SECOND
    block_at = at[WEST, TransferStatus.CONFIRMING]
    assert block_at == at[EAST, TransferStatus.CONFIRMING]
    blocks = list(islice(bench.custody.chain.blocks("tron", block_at), 19))  # the venue states 20 confirmations
    assert at[WEST, TransferStatus.DONE] == blocks[18] + 100 * SECOND
    assert at[EAST, TransferStatus.DONE] == blocks[17]  # final on Tron: 19


def test_a_wallet_that_somebody_opens_without_a_word_is_seen_to_be_open() -> None:
    bench = Bench()
    bench.send("1")
    bench.custody.wallets(EAST).shut().add((BTC, "BTC", "withdrawals"))
    bench.world.advance(START + 24 * HOUR)
    assert bench.last().status is TransferStatus.REVIEW
    bench.custody.wallets(EAST).shut().clear()
    bench.world.advance(START + 24 * HOUR + LOOK_EVERY)
    assert bench.last().status is TransferStatus.SENT


def test_what_is_let_go_leaves_at_once() -> None:
    bench = Bench()
    bench.custody.faults.stick(EAST)
    bench.send("1")
    bench.world.advance(START + 24 * HOUR + SECOND)
    bench.custody.faults.unstick(EAST)
    assert (bench.last().status, bench.last().updated_at) == (TransferStatus.SENT, START + 24 * HOUR + SECOND)


def test_in_a_world_of_one_venue_the_book_has_its_other_customer() -> None:
    """Else nobody could withdraw from a venue that asks for a book."""
    rule = replace(PARAMETERS.processing["default"], address_book="required")
    custody = Custody(PARAMETERS.chains, {"default": rule}, 1, Days(), {EAST: EASTERN}, PRICES.__getitem__)
    first, second = (custody.open(EAST, number, Wallets(Tally()), lambda transfer: None) for number in (1, 2))
    book = dict(first.allowed_addresses())
    assert len(book) == 6  # every network of the venue
    network = custody.wallets(EAST).network(BTC, "BTC")
    assert book["east-2-BTC-bitcoin"].address == second.deposit_address(BTC, network).address


def test_a_file_of_one_s_own_makes_transfers_quick(tmp_path: Path) -> None:
    """The example of docs/chain.md, over the packaged parameters."""
    page = (Path(__file__).parents[2] / "docs" / "chain.md").read_text(encoding="utf-8")
    own = tmp_path / "quick.yaml"
    own.write_text(page.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
    quick = Parameters.load(own, ["binance", "bybit"])
    assert quick.chains["bitcoin"].final == PARAMETERS.chains["bitcoin"].final
    assert quick.processing["bybit"].review == Delay(1, 0)
    custody = Custody(
        quick.chains, quick.processing, 1, days := Days(), {EAST: EASTERN, WEST: WESTERN}, PRICES.__getitem__
    )
    purse = Wallets(Tally())
    purse.credit(BTC, D(1), "opening")
    east = custody.open(EAST, 1, purse, lambda transfer: None)
    west = custody.open(WEST, 1, Wallets(Tally()), lambda transfer: None)
    to = west.deposit_address(BTC, custody.wallets(WEST).network(BTC, "Bitcoin"))
    east.withdraw(BTC, custody.wallets(EAST).network(BTC, "BTC"), to.address, "", D(1))
    days.advance(START + 8 * SECOND)  # a second of review, three blocks of two, a second to the account
    assert west.transfers(deposits=True)[0].status is TransferStatus.DONE


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
