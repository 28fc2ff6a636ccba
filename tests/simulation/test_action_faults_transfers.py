"""Faults on transfers: wallets that are shut, withdrawals that stick or come back; never a coin lost or doubled.

The venues are the sample of `bitfoo_trading`; a review takes 2 s and a credit 1 s after the last confirmation, blocks
of `quick` come each 0.45 s and it takes five of them (the packaged parameters, the sample's networks).
"""

from decimal import Decimal as D
from typing import Any

import pytest
from simulation.street import BAR, FOO, MILLISECOND, SECOND, Street

from cryptopipe.clock import Nanos
from cryptopipe.model.desk import TransferStatus
from cryptopipe.model.facts import Asset
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.transfers_coins import Place

AMOUNT = D("0.5")
FEE = D("0.00001")
"""Of `quick`."""
REVIEWED: Nanos = 2 * SECOND
ARRIVED: Nanos = 20 * SECOND
"""All is over by then: two seconds of review, some blocks, a second to the account."""


def street(*faults: Fault, step: Nanos = 10 * MILLISECOND) -> Street:
    return Street(1, faults, ack_spread=0, step=step)


def withdraw(one: Street, client_id: str = "w", amount: str = str(AMOUNT)) -> Any:
    """Half a bitcoin from `foo` to `bar`, by `quick`."""
    where = one.ask(BAR, "GET address", asset="BTC", network="quick")
    assert where is not None and where.status == 200, where
    return one.ask(FOO, "POST withdraw", asset="BTC", network="quick", to=where.document, amount=amount, id=client_id)


def bitcoin(one: Street) -> tuple[D, D]:
    """What the customer has at both venues, in hand or held."""
    found = [one.desk(venue).accounts[1].balances() for venue in (FOO, BAR)]
    here, there = (next(b.free + b.locked for asset, b in each.items() if asset == "BTC") for each in found)
    return here, there


def sent(one: Street) -> list[TransferStatus]:
    return [transfer.status for transfer in one.desk(FOO).accounts[1].transfers(False)]


def test_without_a_fault_it_arrives_whole() -> None:
    one = street()
    assert withdraw(one).status == 200
    one.wait(ARRIVED)
    assert bitcoin(one) == (D(2) - AMOUNT, D(2) + AMOUNT - FEE)
    assert sent(one) == [TransferStatus.DONE]


def test_a_stuck_withdrawal_stays_in_review_until_the_fault_ends() -> None:
    one = street(Fault("stuck_transfer", at=SECOND, lasts=29 * SECOND))
    withdraw(one)
    seen = []
    for second in (29, 31, 50):
        one.wait(second * SECOND)
        seen.append((sent(one)[0] is TransferStatus.REVIEW, bitcoin(one)[0]))
    assert seen == [(True, D(2)), (False, D(2) - AMOUNT), (False, D(2) - AMOUNT)]
    assert bitcoin(one) == (D(2) - AMOUNT, D(2) + AMOUNT - FEE)


def test_a_failed_withdrawal_comes_back() -> None:
    one = street(Fault("failed_transfer"))
    withdraw(one)
    one.wait(ARRIVED)
    assert (bitcoin(one), sent(one)) == ((D(2), D(2)), [TransferStatus.FAILED])
    balance = one.desk(FOO).accounts[1].balances()[Asset("BTC")]
    assert (balance.free, balance.locked) == (2, 0)


@pytest.mark.parametrize("kind", ["stuck_transfer", "failed_transfer"])
@pytest.mark.parametrize("words", [{"network": "slow"}, {"asset": "ETH"}, {"asset": "BTC", "network": "slow"}])
def test_another_coin_or_network_is_left_alone(kind: str, words: dict[str, str]) -> None:
    one = street(Fault(kind, words=words))
    withdraw(one)
    one.wait(ARRIVED)
    assert bitcoin(one) == (D(2) - AMOUNT, D(2) + AMOUNT - FEE)


def test_each_withdrawal_draws_once_and_for_itself() -> None:
    one = street(Fault("failed_transfer", probability=0.5))
    for n in range(30):
        withdraw(one, str(n), "0.01")
    one.wait(ARRIVED)
    failed = [status is TransferStatus.FAILED for status in sent(one)]
    assert 5 < sum(failed) < 25
    again = street(Fault("failed_transfer", probability=0.5), Fault("stuck_transfer", probability=0.1))
    withdraw(again)
    again.wait(ARRIVED)
    assert (sent(again)[0] is TransferStatus.FAILED) is failed[0]


def test_nothing_leaves_a_wallet_that_is_shut() -> None:
    one = street(Fault("suspended_wallet", lasts=30 * SECOND, venue="foo", words={"of": "withdrawals"}))
    one.wait(SECOND)
    refused = withdraw(one)
    assert (refused.status, refused.document) == (400, {"error": "wallet_suspended"})
    one.wait(30 * SECOND)
    assert bitcoin(one) == (2, 2) and withdraw(one).status == 200


@pytest.mark.parametrize("step", [10 * MILLISECOND, 700 * MILLISECOND])
def test_what_was_reviewed_waits_for_the_wallet_to_open(step: Nanos) -> None:
    one = street(Fault("suspended_wallet", at=SECOND, lasts=9 * SECOND, venue="foo"), step=step)
    withdraw(one)
    one.wait(8 * SECOND)
    assert sent(one) == [TransferStatus.REVIEW]
    one.wait(30 * SECOND)
    transfer = one.desk(FOO).accounts[1].transfers(False)[0]
    assert transfer.status is TransferStatus.DONE and bitcoin(one) == (D(2) - AMOUNT, D(2) + AMOUNT - FEE)
    lines = one.desk(FOO).accounts[1].events(0)
    sent_at = [e.at for e in lines if e.transfer is not None and e.transfer.status is TransferStatus.SENT]
    assert sent_at == [one.start + 10 * SECOND], "sent when it opened, whatever the steps"


def test_a_deposit_is_credited_when_the_wallet_opens() -> None:
    one = street(Fault("suspended_wallet", at=SECOND, lasts=59 * SECOND, venue="bar", words={"of": "deposits"}))
    withdraw(one)
    one.wait(59 * SECOND)
    assert bitcoin(one) == (D(2) - AMOUNT, D(2))
    assert one.world.custody.coins.of(Place.IN_FLIGHT, Asset("BTC")) == AMOUNT - FEE
    one.wait(61 * SECOND)
    assert bitcoin(one) == (D(2) - AMOUNT, D(2) + AMOUNT - FEE)


@pytest.mark.parametrize(
    ("fault", "count"),
    [(Fault("lost_request", words={"of": "withdraw"}), 0), (Fault("lost_response", words={"of": "withdraw"}), 1),
     (Fault("action_5xx", words={"of": "withdraw"}), 0), (Fault("action_5xx", values={"done": 1}), 1),
     (Fault("reject", words={"of": "move"}), 1), (Fault("lost_request", words={"of": "order"}), 1)],
    ids=lambda one: f"{one.kind} {dict(one.words)}" if isinstance(one, Fault) else str(one),
)  # fmt: skip
def test_a_withdrawal_is_done_once_or_not_at_all(fault: Fault, count: int) -> None:
    one = street(fault)
    withdraw(one)
    found = one.ask(FOO, "GET transfers")
    assert found is not None and [each["id"] for each in found.document] == ["w"] * count
    one.wait(ARRIVED)
    moved = AMOUNT * count
    assert bitcoin(one) == (D(2) - moved, D(2) + moved - FEE * count)


@pytest.mark.parametrize("kind", ["lost_response", "lost_request"])
def test_a_move_between_wallets_is_an_action_too(kind: str) -> None:
    one = street(Fault(kind, words={"of": "move"}))
    moved = {"asset": "BTC", "amount": "1", "from": "trading", "to": "funding", "id": "m"}
    assert one.ask(FOO, "POST move", **moved) is None
    held = one.desk(FOO).accounts[1].balances("funding")
    assert sum(balance.free for balance in held.values()) == (1 if kind == "lost_response" else 0)
