"""Coins sent between simulated venues by a whole run, on paper and by signed requests: what the venues hold and what is
on its way is what the books say, to the last unit; nothing is sent twice; the same inputs give the same journal.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal as D
from functools import cache, partial
from itertools import pairwise

import pytest
from simulation.carried import SOL, START, USDT, Carried, Carrier, again, run, wiring

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.market.view import View
from cryptopipe.model.custody import TransferRoute
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.money import exact
from cryptopipe.model.trading import Way
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.transfers_coins import Place
from cryptopipe.wiring import PAPER, VENUE

PAIR = ("binance", "coinbase_exchange")
MAKE = partial(Carrier, SOL, USDT, D(2))
MOST = 3
CHANGES = ("Withdraw", "PlaceOrder", "MoveFunds")
WALLETS = ("binance", "bybit")
"""The second has a wallet of its own for withdrawals and deposits."""


def books(one: Carried) -> dict[str, dict[str, D]]:
    """Every account at the end, added up from the journal's postings; wallets are never in the red."""
    sums: dict[str, dict[str, D]] = defaultdict(lambda: defaultdict(D))
    for body in one.told("posted"):
        with exact():
            total: dict[str, D] = defaultdict(D)
            for account, asset, amount in body["entries"]:
                total[asset] += D(amount)
                sums[account][asset] += D(amount)
                if account.startswith(("wallet:", "transit:")):
                    assert sums[account][asset] >= 0, (account, asset, sums[account][asset])
        assert not any(total.values()), body
    return sums


def holds(one: Carried) -> None:
    """The laws of every run, wherever its orders go."""
    sums = books(one)
    flying = {account: held for account, held in sums.items() if account.startswith("transit:") and any(held.values())}
    told = {f"transit:{x.target}/d{x.decision_id}" for x in one.summary.in_flight if x.state in ("travelling", "stuck")}
    assert set(flying) <= told
    for venue, assets in one.summary.balances.items():
        assert {a: now for a, (_, now) in assets.items()} == {Asset(a): v for a, v in sums[f"wallet:{venue}"].items()}
    _intents_come_first(one)
    _limits_are_kept(one)
    _nothing_begins_while_orders_are_out(one)
    _ends_are_what_was_done(one)


def _intents_come_first(one: Carried) -> None:
    intended: set[str] = set()
    transfers: Counter[str] = Counter()
    for record in one.records:
        body = record["body"]
        match record["kind"]:
            case "intended" | "transfer_intended":
                assert body["client_id"] not in intended, "an id is given once"
                intended.add(body["client_id"])
            case "filled" | "order_ended" | "transfer_sent" | "transfer_credited":
                assert body["client_id"] in intended
        if record["kind"] == "transfer_sent":
            transfers[body["client_id"]] += 1
    assert max(transfers.values(), default=1) == 1


def _limits_are_kept(one: Carried) -> None:
    alive: set[int] = set()
    for body in (r["body"] for r in one.records if r["kind"] in ("transit_changed", "transit_ended")):
        (alive.discard if "way" in body else alive.add)(body["decision_id"])
        assert len(alive) <= MOST


def _nothing_begins_while_orders_are_out(one: Carried) -> None:
    out: set[str] = set()
    for record in one.records:
        body = record["body"]
        match record["kind"]:
            case "intended":
                out.add(body["client_id"])
            case "order_ended":
                out.remove(body["client_id"])
            case "transit_changed":
                assert body["state"] != "buying" or not out


def _ends_are_what_was_done(one: Carried) -> None:
    """Each end by its own fills, added up anew."""
    of = {body["client_id"]: body["decision_id"] for body in one.told("intended")}
    fills = defaultdict(list)
    for body in one.told("filled"):
        fills[of[body["client_id"]]].append(body)
    left = {body["decision_id"]: body["dust"] | body["exposure"] for body in one.told("plan_ended")}
    credited = {body["decision_id"]: D(body["amount"]) for body in one.told("transfer_credited")}
    sent = {body["decision_id"]: D(body["amount"]) for body in one.told("transfer_sent")}
    for end in one.told("transit_ended"):
        number, spent, got = end["decision_id"], D(0), D(0)
        change: dict[str, D] = defaultdict(D)
        with exact():
            for fill in fills[number]:
                sign = 1 if fill["side"] == "buy" else -1
                quote = D(fill["price"]) * D(fill["quantity"])
                change[SOL] += sign * D(fill["quantity"])
                change[USDT] -= sign * quote
                change[fill["fee_asset"]] -= D(fill["fee"])
                fee = D(fill["fee"]) if fill["fee_asset"] == USDT else D(0)
                spent, got = (spent + quote + fee, got) if sign > 0 else (spent, got + quote - fee)
            change[SOL] += credited.get(number, D(0)) - sent.get(number, D(0))
        rounding = D("0.0001")  # what venues round of quotes is in the ledger, not in a fill's record
        assert abs(D(end["profit"].get(USDT, 0)) - change[USDT]) < rounding
        assert D(end["profit"].get(SOL, 0)) == D(end["rest"]) == change[SOL] == D(left[number].get(SOL, 0))
        if end["log_return"] is not None:
            assert float(end["log_return"]) == pytest.approx(math.log(got / spent), abs=1e-6)


def reconciles(one: Carried) -> None:
    """Beside these, what the venues' own desks and their chain say of a run by signed requests."""
    assert one.settled and one.summary.settled is not None
    assert one.summary.settled.unknown == () and not any(one.summary.settled.differences.values())
    ids = one.withdrawals()
    assert len(ids) == len(set(ids)) and len(ids) <= len(one.told("transfer_intended"))
    asked = Counter(b["client_id"] for b in one.told("action_answered") if b["action"] in CHANGES)
    assert max(asked.values(), default=1) == 1, "everything that changes something is asked once"
    sums, coins = books(one), one.world.custody.coins
    for asset in (SOL, USDT):
        with exact():
            ours = sum((held[asset] for account, held in sums.items() if _is_ours(account)), D(0))
            fees = sum((D(b["fee"]) for b in one.told("transfer_sent") if b["asset"] == asset), D(0))
            theirs = sum((held.get(asset, D(0)) for held in one.after.values()), D(0))
            between = coins.of(Place.IN_FLIGHT, asset) + coins.of(Place.FEES, asset) + coins.of(Place.LOST, asset)
        assert ours + fees == theirs + between, asset
    placed = {o.order.client_id for desk in one.world.desks.values() for o in desk.accounts[1].orders()}
    assert len(placed) <= len(one.told("intended"))


def _is_ours(account: str) -> bool:
    return account.startswith(("wallet:", "transit:", "lost:"))


def ends(one: Carried) -> Counter[str]:
    return Counter(body["end"] for body in one.told("transit_ended"))


def states(one: Carried) -> set[str]:
    return {body["state"] for body in one.told("transit_changed")}


@cache
def carried(execution: str, seed: int, lasts: Nanos) -> Carried:
    return run(wiring(execution, PAIR), MAKE, seed, lasts)


def test_on_paper_coins_travel_and_the_books_balance() -> None:
    one = carried(PAPER, 1, 45 * SECOND)
    holds(one)
    assert ends(one)["sold"] >= 2
    assert again(wiring(PAPER, PAIR), MAKE, one.inputs) == one.journal


def test_by_signed_requests_the_venues_hold_what_the_books_say() -> None:
    one = carried(VENUE, 1, 25 * SECOND)
    holds(one)
    reconciles(one)
    assert ends(one)["sold"] >= 2
    assert again(wiring(VENUE, PAIR), MAKE, one.inputs) == one.journal


@pytest.mark.long
@pytest.mark.parametrize("execution", [PAPER, VENUE])
@pytest.mark.parametrize("seed", range(2, 12))
def test_ten_seeds_reconcile(execution: str, seed: int) -> None:
    one = carried(execution, seed, 120 * SECOND)
    holds(one)
    if execution == VENUE:
        reconciles(one)
    assert ends(one)["sold"] >= 3
    assert again(wiring(execution, PAIR), MAKE, one.inputs) == one.journal


FAULTS = {
    "a withdrawal sticks": (
        Fault("stuck_transfer", at=5 * SECOND, lasts=90 * SECOND, venue="binance"), "stuck", "sold",
    ),
    "withdrawals come back": (Fault("failed_transfer", venue="binance"), "returning", "returned"),
    "answers are lost": (
        Fault("lost_response", venue="binance", words={"of": "withdraw"}, probability=0.7), "unknown", "sold",
    ),
    "requests are lost": (Fault("lost_request", venue="binance", words={"of": "withdraw"}), "unknown", "returned"),
    "a wallet shuts on the way": (
        Fault(
            "suspended_wallet", at=12 * SECOND, lasts=80 * SECOND, venue="coinbase_exchange", words={"of": "deposits"}
        ), "stuck", "sold",
    ),
    "withdrawals are suspended": (
        Fault("suspended_wallet", at=10 * SECOND, lasts=60 * SECOND, venue="binance", words={"of": "withdrawals"}),
        "travelling", "sold",
    ),
    "answers are lost everywhere": (Fault("lost_response", probability=0.1), "travelling", "sold"),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", FAULTS)
def test_under_faults_nothing_is_lost_or_sent_twice(name: str, seed: int) -> None:
    fault, state, end = FAULTS[name]
    one = run(wiring(VENUE, PAIR), MAKE, seed, 180 * SECOND, fault)
    holds(one)
    reconciles(one)
    assert state in states(one), states(one)
    assert ends(one)[end] >= 1, ends(one)
    assert again(wiring(VENUE, PAIR), MAKE, one.inputs) == one.journal


MOVES = {
    "none": (),
    "answers to moves are lost": (Fault("lost_response", venue="bybit", words={"of": "move"}, probability=0.6),),
    "moves are lost": (Fault("lost_request", venue="bybit", words={"of": "move"}, probability=0.6),),
    "moves are refused": (Fault("reject", venue="bybit", words={"of": "move"}, probability=0.6),),
    "withdrawals come back": (Fault("failed_transfer", venue="bybit"),),
}


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", MOVES)
def test_coins_are_moved_between_wallets_on_their_way(name: str, seed: int) -> None:
    one = run(wiring(VENUE, WALLETS), MAKE, seed, 200 * SECOND, *MOVES[name])
    holds(one)
    reconciles(one)
    assert {"moving_in", "moving_back"} & states(one) and {"sold", "returned"} & set(ends(one))
    assert ends(one)["sold"] >= 3 or name != "none"
    assert again(wiring(VENUE, WALLETS), MAKE, one.inputs) == one.journal


class Stubborn(Carrier):
    """Remembers the routes that it saw first, and goes on to propose them."""

    def routes(self, view: View, source: VenueId, target: VenueId) -> Sequence[TransferRoute]:
        known = self.seen.setdefault((source, target), list(super().routes(view, source, target)))
        known.extend(() if known else super().routes(view, source, target))
        return known


@pytest.mark.long
def test_no_transfer_by_a_network_that_was_told_to_be_shut() -> None:
    """Networks are asked for each minute."""
    shut = Fault("suspended_wallet", at=20 * SECOND, venue="binance", words={"of": "withdrawals"})
    one = run(wiring(VENUE, PAIR), partial(Stubborn, SOL, USDT, D(2)), 1, 150 * SECOND, shut)
    holds(one)
    reconciles(one)
    assert one.summary.refusals["route"] > 0
    told = [r for r in one.records if r["kind"] == "decided" and r["at"] > START + 130 * SECOND]
    from_binance = [r["body"] for r in told if r["body"]["transit"]["source"] == "binance"]
    assert from_binance and not any(body["accepted"] for body in from_binance)


@pytest.mark.parametrize("execution", [PAPER, pytest.param(VENUE, marks=pytest.mark.long)])
def test_stock_is_sold_at_once_and_restored(execution: str) -> None:
    make = partial(Carrier, SOL, USDT, D(2), (Way.STOCK,))
    one = run(wiring(execution, PAIR), make, 1, 45 * SECOND)
    holds(one)
    if execution == VENUE:
        reconciles(one)
    assert ends(one)["restored"] >= 2 and set(ends(one)) == {"restored"}
    for end in one.told("transit_ended"):
        assert D(end["rest"]) + D(end["sold"]) + D(end["sent"]) - D(end["credited"]) == D(end["bought"])


def test_stock_that_was_not_sold_is_weighed_and_is_no_dust() -> None:
    make = partial(Carrier, SOL, USDT, D(2), (Way.STOCK,), None, D("1.05"))
    one = run(wiring(PAPER, PAIR), make, 1, 20 * SECOND)
    holds(one)
    assert ends(one)["returned"] >= 1 and set(ends(one)) <= {"returned", "sold"}
    for body in one.told("plan_ended"):
        assert body["exposure"] == {} and sum(map(D, body["dust"].values())) < D("0.01")
    assert one.summary.value.trading is not None and one.summary.value.trading > -100


def test_nothing_begins_while_a_sale_is_under_way() -> None:
    """Where hundreds may travel, orders alone keep the next one waiting."""
    many = ("risk.max_transfers=500", "risk.max_in_flight=10000000", "paper.opening.USDT=1000000", "paper.latency=1s")
    one = run(wiring(PAPER, PAIR, *many), MAKE, 1, 30 * SECOND)
    _intents_come_first(one)
    _nothing_begins_while_orders_are_out(one)
    assert ends(one)["sold"] >= 2


def test_what_is_no_longer_worth_it_is_sold_where_it_is() -> None:
    """By the rule of the executor: where selling costs 60 basis points, coins bring less than where it costs 10."""
    one = run(wiring(PAPER, PAIR), partial(Carrier, SOL, USDT, D(2), go_on=None), 1, 20 * SECOND)
    holds(one)
    by_source = {(body["source"], body["end"]) for body in one.told("transit_ended")}
    assert ("binance", "returned") in by_source
    assert by_source <= {("binance", "returned"), ("coinbase_exchange", "sold")}
    assert {body["venue"] for body in one.told("transfer_intended")} <= {"coinbase_exchange"}
    assert all("more at" in body["reason"] for body in one.told("transit_ended") if body["end"] == "returned")


def test_a_strategy_may_think_again() -> None:
    one = run(wiring(PAPER, PAIR), partial(Carrier, SOL, USDT, D(2), go_on=False), 1, 10 * SECOND)
    assert set(ends(one)) == {"returned"} and not one.told("transfer_intended")
    assert {body["reason"] for body in one.told("transit_ended")} == {"the strategy sends it no more"}


def test_what_a_plan_holds_is_nobody_elses() -> None:
    """No venue has coins but those that are on their way."""
    seen: list[Carrier] = []

    def make() -> Carrier:
        seen.append(Carrier(SOL, USDT, D(2)))
        return seen[-1]

    one = run(wiring(PAPER, PAIR, "paper.opening.SOL=0"), make, 1, 45 * SECOND)
    holds(one)
    assert ends(one)["sold"] >= 2
    free = [amount for carrier in seen for amount in carrier.free]
    assert len(free) > 100 and set(free) == {D(0)}


def test_a_hedged_transit_is_refused() -> None:
    one = run(wiring(PAPER, PAIR), partial(Carrier, SOL, USDT, D(2), (Way.HEDGED,)), 1, 3 * SECOND)
    assert one.summary.accepted == 0 and one.summary.refusals["way"] == one.summary.found > 0


def test_no_transfer_where_a_run_may_not_withdraw() -> None:
    """Orders go to the venues, and this run is none at simulated ones, as far as it knows."""
    wired = wiring(VENUE, PAIR)
    live = type(wired)(wired.strategy, wired.settings, wired.plugins, VENUE)
    assert not live.withdraws
    one = run(live, MAKE, 1, 5 * SECOND)
    assert one.summary.accepted == 0 and one.summary.refusals["withdrawals"] == one.summary.found > 0
    assert one.withdrawals() == []


def test_none_where_the_settings_allow_none() -> None:
    one = run(wiring(PAPER, PAIR, "risk.max_transfers=0"), MAKE, 1, 3 * SECOND)
    assert one.summary.accepted == 0 and one.summary.refusals["transfers"] == one.summary.found > 0
    small = run(wiring(PAPER, PAIR, "risk.max_in_flight=500"), MAKE, 1, 20 * SECOND)
    assert small.summary.refusals["in_flight"] > 0
    holds(small)
    assert max(_at_once(small)) == 1  # two coins are worth 290


def _at_once(one: Carried) -> list[int]:
    alive: set[int] = set()
    counts = []
    for body in (r["body"] for r in one.records if r["kind"] in ("transit_changed", "transit_ended")):
        (alive.discard if "way" in body else alive.add)(body["decision_id"])
        counts.append(len(alive))
    return counts


def test_several_travel_at_once_and_each_is_found_by_itself() -> None:
    one = carried(VENUE, 1, 25 * SECOND)
    assert max(_at_once(one)) == MOST
    assert len({body["decision_id"] for body in one.told("transit_changed")}) > MOST, "an end makes room"
    credited = {body["decision_id"]: body["txid"] for body in one.told("transfer_credited")}
    sent = {body["decision_id"]: body["txid"] for body in one.told("transfer_sent")}
    assert len(set(credited.values())) == len(credited) and credited.items() <= sent.items()


def test_a_run_that_ends_on_the_way_says_so_and_is_no_error() -> None:
    one = carried(VENUE, 1, 10 * SECOND)
    reconciles(one)
    assert one.summary.in_flight and one.summary.halted == ""
    assert one.summary.value.trading is not None and abs(one.summary.value.trading) < 20, "six coins, 870 dollars"
    body = one.told("run_ended")[-1]
    assert [each["decision_id"] for each in body["in_flight"]] == [x.decision_id for x in one.summary.in_flight]
    assert all(D(each["amount"]) > 1 for each in body["in_flight"])


def test_on_paper_nothing_goes_on_after_the_end() -> None:
    one = run(wiring(PAPER, PAIR), MAKE, 1, 10 * SECOND)
    assert [x.state for x in one.summary.in_flight] == ["travelling"] * MOST
    assert one.records[-1]["at"] < START + 11 * SECOND


def test_times_on_paper_depend_on_the_seed_alone() -> None:
    def took(*sets: str) -> dict[int, int]:
        one = run(wiring(PAPER, PAIR, *sets), MAKE, 1, 30 * SECOND)
        return {body["decision_id"]: body["took_ns"] for body in one.told("transfer_credited")}

    usual, other, limited = took(), took("paper.transfer_seed=2"), took("risk.max_loss=90000")
    assert usual and usual == limited and usual != other


def test_decisions_say_what_was_expected() -> None:
    one = carried(PAPER, 1, 45 * SECOND)
    taken = {b["decision_id"]: b for b in one.told("decided") if b["accepted"] and b["phase"] != "end"}
    for end in one.told("transit_ended"):
        assert taken[end["decision_id"]]["transit"]["forecast"]["edge"] == "0.003"
    assert all(a["at"] <= b["at"] for a, b in pairwise(one.records)) and one.records[0]["at"] > START
    assert VenueId("binance") in one.pipe.market.books
