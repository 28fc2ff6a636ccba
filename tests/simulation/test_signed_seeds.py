"""The main command by signed orders, by seed, on the virtual clock: what the venues hold at the end is what the ledger
says, to the last unit; the same inputs without a key give the same journal.
"""

import json
from collections import Counter

import pytest
from simulation.signed import START, SignedRun, again, run, tradable, wiring

from cryptopipe.act.plan import unique_since
from cryptopipe.capture.inputs import SETTLE
from cryptopipe.clock import MILLISECOND, SECOND

SEEDS = range(1, 21)
UNTIL = 30 * SECOND
RESIDUAL = "risk.max_residual=20000"


def holds(one: SignedRun) -> None:
    """The laws of every run that settled."""
    assert one.settled and one.summary.settled is not None
    assert one.summary.settled.unknown == ()
    assert set(one.summary.settled.differences) == set(one.held)
    for venue, held in one.held.items():
        assert one.summary.settled.differences[venue] == {}
        booked = one.summary.balances[venue]
        assert {asset: opening for asset, (opening, _) in booked.items() if opening} == {
            asset: amount for asset, amount in held.before.items() if amount
        }
        closing = {asset: now for asset, (_, now) in booked.items() if now}
        assert closing == {asset: amount for asset, amount in held.after.items() if amount}, venue
    records = [json.loads(line) for line in one.lines]
    intended = [record["body"] for record in records if record["kind"] == "intended"]
    names = [body["client_id"] for body in intended]
    assert len(set(names)) == len(names)
    named = unique_since(one.inputs[0].at)  # no other run of the account has such a name
    firsts = {body["decision_id"]: body["client_id"] for body in reversed(intended)}
    assert firsts == {number: named(f"d{number}-1") for number in firsts}
    asked = Counter(
        record["body"]["client_id"]
        for record in records
        if record["kind"] == "action_answered" and record["body"]["action"] == "PlaceOrder"
    )
    assert set(asked) <= set(names) and max(asked.values(), default=1) == 1, "an order is placed once"
    assert sum(one.placed.values()) <= len(names)


@pytest.mark.core
def test_a_short_run_trades_at_the_venues_and_its_books_are_theirs() -> None:
    wired = wiring(tradable()[:2], RESIDUAL)
    one = run(wired, 1, 8 * SECOND)
    assert one.summary.fills > 0 and sum(one.placed.values()) > 0
    holds(one)
    assert again(wired, one.inputs) == (one.summary, one.journal)


@pytest.mark.slow
def test_twenty_seeds_by_signed_orders_reconcile_at_every_venue() -> None:
    accepted = {}
    for seed in SEEDS:
        wired = wiring(tradable(), RESIDUAL)
        one = run(wired, seed, UNTIL)
        holds(one)
        accepted[seed] = one.summary.accepted
        if seed % 4 == 0:
            assert again(wired, one.inputs) == (one.summary, one.journal)
    assert sum(count > 0 for count in accepted.values()) >= 18, accepted


@pytest.mark.slow
def test_twenty_seeds_without_dislocations_place_nothing() -> None:
    for seed in SEEDS:
        one = run(wiring(tradable(), RESIDUAL), seed, UNTIL, dislocations="off")
        holds(one)
        assert (one.summary.accepted, sum(one.placed.values())) == (0, 0)


@pytest.mark.slow
def test_twenty_seeds_at_ten_times_the_fees_place_nothing() -> None:
    for seed in SEEDS:
        wired = wiring(tradable(), RESIDUAL)
        fees = [f"venues.{v}.taker_fee_bps={one.fees.taker_rate * 100_000}" for v, one in wired.plugins.items()]
        one = run(wiring(tradable(), RESIDUAL, *fees), seed, UNTIL)
        holds(one)
        assert one.summary.found > 0 and sum(one.placed.values()) == 0


def test_a_run_that_ends_amid_a_plan_waits_for_its_orders_before_it_compares() -> None:
    """The same market again, to 5 ms after its first orders were on their way."""
    wired = wiring(tradable()[:2], RESIDUAL)
    first = run(wired, 1, 8 * SECOND)
    sent_at = next(record["at"] for record in map(json.loads, first.lines) if record["kind"] == "intended")
    one = run(wired, 1, sent_at - START + 5 * MILLISECOND)
    holds(one)
    records = [json.loads(line) for line in one.lines]
    settles = next(entry.seq for entry in one.inputs if entry.payload == SETTLE)
    after = [record["kind"] for record in records if record["seq"] > settles]
    assert "order_ended" in after and "plan_ended" in after
    assert max(n for n, kind in enumerate(after) if kind == "plan_ended") < after.index("reckoned")
