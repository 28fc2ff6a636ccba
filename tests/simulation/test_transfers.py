"""Transfers between two simulated venues: each state, each ending, each fault, to the last unit."""

from itertools import islice
from pathlib import Path

import pytest
from simulation.transfers_bench import (
    BTC,
    EAST,
    EASTERN,
    ETH,
    GOOD,
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
    refused,
)

from cryptopipe.clock import SECOND
from cryptopipe.model.desk import FUNDING, TRADING, Refusal, TransferStatus
from cryptopipe.model.facts import Asset
from cryptopipe.sandbox.accounts_wallets import Tally, Wallets
from cryptopipe.sandbox.chain_parameters import Delay
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.transfers import Custody
from cryptopipe.sandbox.transfers_coins import Place

R = Refusal


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


def test_a_rate_is_taken_of_what_the_fixed_fee_leaves_and_rounded_up() -> None:
    bench = Bench()
    sent = bench.send("100.55", USDT, "SOL", "Solana")
    # 0.8 + (100.55 - 0.8) / 1000 = 0.89975, in steps of 0.01
    assert (sent.fee, sent.amount) == (D("0.90"), D("99.65"))


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
