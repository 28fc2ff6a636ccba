"""Transfers that wait or come back: wallets shut, withdrawals stuck or failing, by fault or by chance."""

import pytest
from simulation.transfers_bench import (
    BTC,
    EAST,
    HOUR,
    START,
    WEST,
    Bench,
    D,
    refused,
)

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.desk import DeskTransfer, Refusal, TransferStatus
from cryptopipe.model.facts import Asset
from cryptopipe.sandbox.transfers import LOOK_EVERY
from cryptopipe.sandbox.transfers_coins import Place

R = Refusal


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
