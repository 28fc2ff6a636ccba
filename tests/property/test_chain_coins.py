"""No coin is made or lost unbooked, whatever customers and faults do, and whatever the steps in which time goes on."""

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from hashlib import sha256
from itertools import product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from simulation.transfers_bench import BTC, EAST, ETH, PRICES, USDT, WEST, XRP, Bench, D

from cryptopipe.clock import SECOND
from cryptopipe.model.desk import FUNDING, TRADING, DepositAddress, DeskRefusal, DeskTransfer, TransferStatus
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.money import exact
from cryptopipe.sandbox.transfers_coins import Place

ROUTES = (
    (EAST, BTC, "BTC", "Bitcoin"),
    (EAST, USDT, "TRC20", "Tron"),
    (EAST, USDT, "SOL", "Solana"),
    (EAST, XRP, "XRP", "Ripple"),
    (EAST, ETH, "BSC", "ETH"),  # to an address of another chain
    (WEST, BTC, "Bitcoin", "BTC"),
    (WEST, USDT, "Tron", "TRC20"),
    (WEST, XRP, "Ripple", "XRP"),
)
VENUES = (EAST, WEST)
Route = tuple[VenueId, Asset, str, str]
Step = tuple[object, ...]

amounts = st.decimals(D("0.005"), D(600), places=8)
steps = st.one_of(
    st.tuples(st.just("send"), st.sampled_from(ROUTES), st.sampled_from([1, 2]), amounts, st.booleans()),
    st.tuples(st.just("send"), st.sampled_from(ROUTES), st.sampled_from([1, 2]), amounts, st.booleans()),
    st.tuples(st.just("cancel"), st.sampled_from(VENUES), st.integers(1, 12)),
    st.tuples(st.just("move"), st.sampled_from(VENUES), amounts, st.booleans()),
    st.tuples(
        st.sampled_from(["suspend", "resume", "stick", "jam", "unstick", "fail", "mend"]), st.sampled_from(VENUES)
    ),
    st.tuples(st.just("wait"), st.sampled_from([1, 20, 120, 600, 3000]), st.integers(1, 9)),
    st.tuples(st.just("wait"), st.sampled_from([1, 20, 120, 600, 3000]), st.integers(1, 9)),
)


def bench_of(seed: int = 1) -> Bench:
    return Bench(seed, east_failed=0.1, east_stuck=0.1, east_stuck_s=5000.0, west_wallets="two", west_batch_s=300.0)


def send(bench: Bench, route: Route, number: int, amount: Decimal, own: bool) -> None:
    """From a customer to the first one at the other venue; where it is not `own`, with a memo that is nobody's."""
    venue, asset, code, there = route
    other = WEST if venue == EAST else EAST
    to = bench.offices[other, 1].deposit_address(asset, bench.net(other, asset, there))
    memo = to.memo if own else to.memo.replace("1", "2")
    bench.offices[venue, number].withdraw(asset, bench.net(venue, asset, code), to.address, memo, amount)


def move(bench: Bench, venue: VenueId, amount: Decimal, back: bool) -> None:
    ends = (FUNDING, TRADING) if back else (TRADING, FUNDING)
    bench.offices[venue, 2].move(USDT, amount, *ends)


def wait(bench: Bench, unit: int, times: int, pieces: Sequence[int]) -> None:
    begin, length = bench.world.now, unit * times * SECOND
    for piece in sorted(pieces):
        bench.world.advance(begin + length * piece // 1000)
    bench.world.advance(begin + length)


def do(bench: Bench, step: Step, pieces: Sequence[int] = ()) -> str:
    """What came of it, in a word; `pieces` are where a wait is cut, in parts of a thousand."""
    name, *values = step
    work: dict[object, Callable[..., object]] = {
        "send": lambda *more: send(bench, *more),
        "move": lambda *more: move(bench, *more),
        "wait": lambda *more: wait(bench, *more, pieces=pieces),
        "cancel": lambda venue, transfer_id: bench.offices[venue, 1].cancel_withdrawal(transfer_id),
        "jam": lambda venue: bench.custody.faults.stick(venue, on_chain=True),
    }
    try:
        (work[name] if name in work else getattr(bench.custody.faults, str(name)))(*values)
    except DeskRefusal as refusal:
        return refusal.why.value
    return ""


def all_transfers(bench: Bench, deposits: bool) -> list[DeskTransfer]:
    return [one for office in bench.offices.values() for one in office.transfers(deposits)]


GONE = {TransferStatus.SENT, TransferStatus.CONFIRMING, TransferStatus.DONE}


def balanced(bench: Bench) -> None:
    """All coins of the opening are somewhere, and each place holds what the transfers say."""
    sent = [one for one in all_transfers(bench, False) if one.status in GONE]
    credited = [one for one in all_transfers(bench, True) if one.status is TransferStatus.DONE]
    held_back = [one for one in all_transfers(bench, False) if one.status is TransferStatus.REVIEW]
    coins = bench.custody.coins
    with exact():
        for asset in PRICES:
            assert bench.held(asset) == 8000
            assert bench.tally.total(asset) == -sum((_sum(bench, asset)), D(0))
            assert coins.of(Place.FEES, asset) == sum((one.fee for one in sent if one.asset == asset), D(0))
            out = sum((one.amount for one in sent if one.asset == asset), D(0))
            back = sum((one.amount for one in credited if one.asset == asset), D(0))
            lost = sum((one.amount for one in coins.losses if one.asset == asset), D(0))
            assert coins.of(Place.LOST, asset) == lost
            assert coins.of(Place.IN_FLIGHT, asset) == out - back - lost
            locked = sum((purse.balance(asset, wallet).locked for purse, wallet in _wallets(bench)), D(0))
            assert locked == sum((one.amount + one.fee for one in held_back if one.asset == asset), D(0))


def _wallets(bench: Bench) -> list[tuple[object, str]]:
    return list(product(bench.purses.values(), (TRADING, FUNDING)))


def _sum(bench: Bench, asset: Asset) -> list[Decimal]:
    held = [purse.balance(asset, wallet) for purse, wallet in _wallets(bench)]  # type: ignore[attr-defined]
    return [one.free + one.locked for one in held]


@settings(max_examples=60)
@given(st.lists(steps, min_size=3, max_size=25))
def test_every_coin_is_somewhere_at_every_moment(script: list[Step]) -> None:
    bench = bench_of()
    balanced(bench)
    for step in script:
        do(bench, step, range(100, 1000, 300))
        balanced(bench)


@settings(max_examples=40)
@given(st.lists(steps, min_size=3, max_size=20), st.lists(st.integers(0, 1000), max_size=12))
def test_one_long_advance_is_many_short_ones(script: list[Step], pieces: list[int]) -> None:
    whole, cut = bench_of(), bench_of()
    for step in script:
        assert do(whole, step) == do(cut, step, pieces)
    assert whole.tape == cut.tape
    assert whole.custody.coins.losses == cut.custody.coins.losses


@settings(max_examples=40)
@given(st.lists(steps, min_size=3, max_size=25))
def test_a_tape_tells_balances_that_add_up(script: list[Step]) -> None:
    """Whoever adds up what a customer is told of changes knows what it holds."""
    bench = bench_of()
    for step in script:
        do(bench, step)
    known = {key: D(1000) for key in product(VENUES, (1, 2), (TRADING, FUNDING), PRICES)}
    for _, venue, number, _, changes in bench.tape:
        for wallet, asset, balance, change in changes:  # type: ignore[attr-defined]
            known[venue, number, wallet, asset] += change
            assert known[venue, number, wallet, asset] == balance.free + balance.locked
    for (venue, number, wallet, asset), amount in known.items():
        held = bench.purses[venue, number].balance(asset, wallet)
        assert held.free + held.locked == amount


def test_a_transfer_goes_its_way_whatever_else_is_under_way() -> None:
    alone, busy = bench_of(), bench_of()
    for bench in (alone, busy):
        do(bench, ("send", ROUTES[0], 1, D("1.5"), True))
    for number in range(20):
        do(busy, ("send", ROUTES[1 + number % 3], 2, D(20), True))
    for bench in (alone, busy):
        bench.world.advance(bench.world.now + 200_000 * SECOND)
    told = [[(at, one.status) for at, venue, number, one, _ in bench.tape if (venue, number) == (EAST, 1) and one]
            for bench in (alone, busy)]  # fmt: skip
    assert told[0] == told[1]
    assert len(told[0]) >= 2


def trace(seed: int, script: Sequence[Step]) -> str:
    bench = bench_of(seed)
    for step in script:
        do(bench, step)
    return sha256(repr((bench.tape, bench.custody.coins.losses)).encode()).hexdigest()


FAULTS = (("suspend", "resume"), ("stick", "unstick"), ("jam", "unstick"), ("fail", "mend"))


def a_script(seed: int, length: int) -> list[Step]:
    """Sends in plenty, some cancelled at once, and faults that end after a while."""
    random, script = Random(seed), list[Step]()
    for number in range(length):
        amount = D(round(10 ** random.uniform(6, 10))).scaleb(-8)  # from 0.01 to 100
        script += [("send", random.choice(ROUTES), random.choice((1, 2)), amount, random.random() < 0.9)]
        if random.random() < 0.3:
            script += [("cancel", random.choice(VENUES), random.randrange(1, number + 2))]
        if random.random() < 0.7:
            script += [("wait", random.choice((5, 20, 300)), random.randrange(1, 9))]
        if random.random() < 0.2:
            venue, (fault, end) = random.choice(VENUES), random.choice(FAULTS)
            script += [(fault, venue), ("wait", 60, random.randrange(1, 40)), (end, venue)]
    return script


def test_long_scripts_reach_every_end_and_balance_all_the_way() -> None:
    """What random lists seldom reach: each end of a transfer, each loss, with time cut or not."""
    ends, losses = Counter[TransferStatus](), Counter[str]()
    for seed in range(12):
        whole, cut, random = bench_of(seed), bench_of(seed), Random(seed)
        for step in a_script(seed, 60):
            pieces = [random.randrange(1000) for _ in range(5)]
            assert do(whole, step) == do(cut, step, pieces)
            balanced(cut)
        assert whole.tape == cut.tape
        ends.update(one.status for deposits in (False, True) for one in all_transfers(whole, deposits))
        losses.update(one.why for one in whole.custody.coins.losses)
    assert set(ends) >= {*GONE, TransferStatus.REVIEW, TransferStatus.FAILED, TransferStatus.CANCELLED}
    assert ends[TransferStatus.DONE] > 50
    assert set(losses) == {"nobody", "below_minimum"}


def test_the_same_seed_gives_the_same_trace_50_times() -> None:
    script = a_script(7, 25)
    assert len({trace(1, script) for _ in range(50)}) == 1
    assert trace(2, script) != trace(1, script)


def test_an_address_book_names_the_customer_s_own() -> None:
    bench = Bench(east_address_book="required")
    for number in (1, 2):
        for _, listed in bench.offices[EAST, number].allowed_addresses():
            assert isinstance(listed, DepositAddress)
            code = next(net.code for one in bench.custody.wallets(WEST).currencies() if one.asset == listed.asset
                        for net in one.networks if net.chain == listed.network.chain)  # fmt: skip
            there = bench.offices[WEST, number].deposit_address(listed.asset, bench.net(WEST, listed.asset, code))
            assert (listed.address, listed.memo) == (there.address, there.memo)
