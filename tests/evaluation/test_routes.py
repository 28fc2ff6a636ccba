"""A route exists only where everything that it rests on is stated, open and the same on both sides."""

from decimal import Decimal as D
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cryptopipe.market.routes import Routes, routes
from cryptopipe.model.custody import CustodyTerms, TransferRoute
from cryptopipe.model.facts import Asset, Currency, Network, VenueId

X = Asset("X")
CHAINS = ("ethereum", "tron", "solana", "")
CONTRACTS = (None, "", "0xaa", "0xAA", "0xbb")
MAYBE = (None, True, False)
FEES = (None, D(0), D("0.5"), D(2))
SOUND = CustodyTerms(
    "a page", "2026-11-21", address_book=False, travel_rule=D(0), daily_limit=D(1_000_000), trades_from="one",
    withdraws_from="one", credits_to="one", hold_minutes=D(0),
)  # fmt: skip


def anything(random: Random) -> tuple[Currency, Currency, CustodyTerms | None, CustodyTerms | None, bool]:
    def network() -> Network:
        pick = random.choice
        return Network(
            pick("ABC"), pick(CHAINS), pick(CONTRACTS), deposits=pick(MAYBE), withdrawals=pick(MAYBE),
            withdrawal_fee=pick(FEES),
        )  # fmt: skip

    def terms() -> CustodyTerms | None:
        if random.random() < 0.2:
            return None
        names = ("address_book", "travel_rule", "daily_limit", "trades_from", "withdraws_from", "credits_to",
                 "hold_minutes")  # fmt: skip
        unknown = {name: None for name in names if random.random() < 0.1}
        return replace(SOUND, **{"address_book": random.random() < 0.5, **unknown})

    def currency(venue: str) -> Currency:
        networks = tuple(network() for _ in range(random.randrange(4)))
        return Currency(VenueId(venue), "X", Asset(random.choice("XXXXXXXXXY")), networks)

    other = "beta" if random.random() < 0.9 else "alpha"
    return currency("alpha"), currency(other), terms(), terms(), random.random() < 0.5


def sound(route: TransferRoute, source: CustodyTerms | None, target: CustodyTerms | None, in_book: bool) -> bool:
    """Everything stated, spelt out once more: on these chains (none of whose contracts the table knows) two sides mean
    one contract if they spell it alike, but for the case of letters where the chain has none, or if neither has one.
    """
    fold = str.lower if route.chain == "ethereum" else str
    contracts = {fold(one.contract or "") for one in (route.out, route.into)}
    half_stated = None in (route.out.contract, route.into.contract) and contracts != {""}
    return (
        route.out.chain == route.into.chain != ""
        and len(contracts) == 1
        and not half_stated
        and route.out.withdrawals is True
        and route.into.deposits is True
        and route.out.withdrawal_fee is not None
        and route.source != route.target
        and source is not None
        and target is not None
        and None not in (source.travel_rule, source.daily_limit, source.withdraws_from, source.trades_from)
        and None not in (target.credits_to, target.trades_from, target.hold_minutes)
        and (source.address_book is False or (source.address_book is True and in_book))
    )


def every_pair(out: Currency, into: Currency, source: CustodyTerms | None, target: CustodyTerms | None,
               in_book: bool) -> int:  # fmt: skip
    """How many pairs of networks are sound: brute force."""
    if out.asset != into.asset:
        return 0
    pairs = [(a, b) for a in out.networks for b in into.networks]
    made = [
        TransferRoute(X, out.venue, into.venue, "X", "X", a, b, D(0), D(0), D(0)) for a, b in pairs
    ]  # fmt: skip
    return sum(sound(one, source, target, in_book) for one in made)


def judged(cases: int) -> tuple[int, int]:
    random, opened, existing = Random(7), 0, 0
    for _ in range(cases):
        out, into, source, target, in_book = anything(random)
        found = routes(out, into, source, target, lambda chain, known=in_book: known)  # type: ignore[misc]
        assert all(sound(one, source, target, in_book) for one in found.open), found
        opened += len(found.open)
        existing += every_pair(out, into, source, target, in_book)
    return opened, existing


def test_no_route_rests_on_what_is_shut_unknown_or_another_chain() -> None:
    opened, existing = judged(10_000)
    assert opened == existing > 20


@pytest.mark.long
def test_no_such_route_in_a_million_cases() -> None:
    opened, existing = judged(1_000_000)
    assert opened == existing > 1_000


OUT = Network("ERC20", "ethereum", "", withdrawals=True, withdrawal_fee=D("0.5"), precision=2, min_withdrawal=D(1))
INTO = Network("eth", "ethereum", None, deposits=True)


def opened(out: Network = OUT, into: Network = INTO, source: CustodyTerms | None = SOUND,
           target: CustodyTerms | None = SOUND, in_book: bool = True) -> Routes:  # fmt: skip
    return routes(
        Currency(VenueId("alpha"), "X", X, (out,)), Currency(VenueId("beta"), "XX", X, (into,)), source, target,
        lambda chain: in_book,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"source": None}, "terms of custody are not known of the source"),
        ({"target": None}, "terms of custody are not known of the target"),
        ({"source": replace(SOUND, address_book=None)}, "whether it asks for an address book"),
        ({"source": replace(SOUND, travel_rule=None)}, "Travel Rule"),
        ({"source": replace(SOUND, daily_limit=None)}, "daily limit"),
        ({"source": replace(SOUND, withdraws_from=None)}, "from which wallet it sends"),
        ({"target": replace(SOUND, credits_to=None)}, "to which wallet the target credits"),
        ({"target": replace(SOUND, hold_minutes=None)}, "how long the target holds deposits"),
        ({"source": replace(SOUND, address_book=True), "in_book": False}, "not in the source's address book"),
        ({"out": replace(OUT, withdrawals=False)}, "withdrawals are suspended"),
        ({"into": replace(INTO, deposits=None)}, "deposits are not told to be open"),
        ({"out": replace(OUT, withdrawal_fee=None)}, "fee is not told"),
        ({"into": replace(INTO, contract="0xcc")}, "contract"),
    ],
)
def test_each_condition_that_is_missing_says_so(changed: dict[str, object], says: str) -> None:
    assert len(opened().open) == 1
    found = opened(**changed)  # type: ignore[arg-type]
    assert not found.open
    assert says in found.why


def test_wallets_are_moved_between_only_where_they_differ() -> None:
    (route,) = opened(source=replace(SOUND, withdraws_from="fund"), target=replace(SOUND, credits_to="in")).open
    assert route.move_out is not None and (route.move_out.source, route.move_out.target) == ("one", "fund")
    assert route.move_in is not None and (route.move_in.source, route.move_in.target) == ("in", "one")
    (plain,) = opened().open
    assert plain.move_out is None is plain.move_in


@pytest.mark.parametrize(
    ("amount", "dollars", "sent", "says"),
    [
        ("10", 100, 0, ""),
        ("10.001", 100, 0, "more places"),
        ("0.99", 100, 0, "below the minimum of 1"),
        ("10", None, 0, "worth in dollars"),
        ("10", 100, 999_901, "1000001 dollars in a day"),
        ("10", 100, 999_900, ""),
    ],
)
def test_what_an_amount_may_not_be(amount: str, dollars: int | None, sent: int, says: str) -> None:
    (route,) = opened().open
    problem = route.problem(D(amount), None if dollars is None else D(dollars), D(sent))
    assert says in problem and bool(says) == bool(problem)


def test_above_the_travel_rule_only_a_known_party_gets_anything() -> None:
    asks = replace(SOUND, travel_rule=D(3000))
    (stranger,), (known,) = opened(source=asks, in_book=False).open, opened(source=asks).open
    assert not stranger.problem(D(10), D(3000))
    assert "Travel Rule" in stranger.problem(D(10), D(3001))
    assert not known.problem(D(10), D(3001))


amounts = st.decimals(min_value=0, max_value=10**6, places=6)


@given(held=amounts, fee=amounts, rate=st.decimals(min_value=0, max_value=1, places=4), places=st.integers(0, 6))
def test_what_is_sent_is_the_fee_and_what_arrives(held: D, fee: D, rate: D, places: int) -> None:
    grid = D(1).scaleb(-places)
    (route,) = opened(replace(OUT, precision=places, withdrawal_fee=fee, withdrawal_fee_rate=rate)).open
    amount = route.sendable(held)
    assert amount <= held < amount + grid and amount % grid == 0
    assert route.fee(amount) + route.arrives(amount) == amount
    assert route.fee(amount) >= fee
    assert route.fee(amount) - fee >= max(D(0), amount - fee) * rate
    assert route.fee(amount) - fee < max(D(0), amount - fee) * rate + grid
