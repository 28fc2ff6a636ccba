"""The laws of the simulated chains, against their formulae: fixed seeds, bounds computed from the sample's size."""

from collections.abc import Sequence
from itertools import islice, pairwise
from math import exp, log, sqrt
from pathlib import Path
from random import Random
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.identity import chain_of
from cryptopipe.sandbox.chain import Chain, chance
from cryptopipe.sandbox.chain_addresses import address_for, chains_of, may_be_address, memo_for, txid_for
from cryptopipe.sandbox.chain_parameters import ChainLaw, Delay, Processing
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.transfers_venue import drawn, sends_at

START: Nanos = 1_763_683_200 * SECOND
SURE = NormalDist().inv_cdf(1 - 1e-5 / 2)
"""A law that holds fails a bound so wide once in 100,000 seeds; the seeds here are fixed."""

WORK = ChainLaw(law="work", block_s=600, missed=0, included=0.6, crowding=0, confirmations=3, final=6)
SLOTS = ChainLaw(law="slots", block_s=12, missed=0.1, included=0.9, crowding=0, confirmations=12, final=65)


def chain(law: ChainLaw, seed: int = 1) -> Chain:
    return Chain({"default": law}, seed)


def has_mean(sample: Sequence[float], mean: float, deviation: float) -> None:
    """The mean of n draws lies within SURE · σ/√n of the law's."""
    found = sum(sample) / len(sample)
    assert abs(found - mean) < SURE * deviation / sqrt(len(sample)), (found, mean)


def has_variance(sample: Sequence[float], mean: float, variance: float, fourth: float) -> None:
    """The mean of (x-μ)² has the law's variance σ², and deviation √((μ₄-σ⁴)/n)."""
    squares = [(one - mean) ** 2 for one in sample]
    has_mean(squares, variance, sqrt(fourth - variance**2))


def waits_for_blocks(law: ChainLaw, count: int, blocks: int = 1) -> list[float]:
    """Seconds from moments that lie far apart to the block of that number after them."""
    made, apart = chain(law), round(1000 * law.block_s) * SECOND
    starts = (START + number * apart + 7 for number in range(count))
    return [(next(islice(made.blocks("x", at), blocks - 1, None)) - at) / SECOND for at in starts]


def test_the_wait_for_a_block_of_work_is_exponential() -> None:
    waits = waits_for_blocks(WORK, 4000)
    has_mean(waits, 600, 600)
    has_variance(waits, 600, 600**2, 9 * 600**4)  # μ₄ of an exponential is 9σ⁴
    # no memory: of those that waited one mean, e⁻¹ are left, and they wait for another mean
    left = [one - 600 for one in waits if one > 600]
    share, expected = len(left) / len(waits), exp(-1)
    assert abs(share - expected) < SURE * sqrt(expected * (1 - expected) / len(waits))
    has_mean(left, 600, 600)


def test_the_wait_for_six_blocks_of_work_is_erlang() -> None:
    """Sum of six exponential ones: mean 6/λ, variance 6/λ², μ₄ = 3·6·(6+2)/λ⁴."""
    waits = waits_for_blocks(WORK, 3000, 6)
    has_mean(waits, 6 * 600, sqrt(6) * 600)
    has_variance(waits, 6 * 600, 6 * 600**2, 3 * 6 * 8 * 600**4)


def test_blocks_of_work_in_an_hour_are_poisson() -> None:
    made, counts = chain(WORK), []
    for number in range(2000):
        begin = START + number * 50 * 3600 * SECOND
        counts.append(sum(1 for _ in _until(made.blocks("x", begin), begin + 3600 * SECOND)))
    has_mean(counts, 6, sqrt(6))
    has_variance(counts, 6, 6, 6 * (1 + 3 * 6))  # μ₄ of Poisson(λ) is λ(1+3λ)


def _until(blocks: object, end: Nanos) -> list[Nanos]:
    found = []
    for one in blocks:  # type: ignore[attr-defined]
        if one > end:
            return found
        found.append(one)
    return found


def test_slots_are_at_their_times_and_missed_at_the_rate() -> None:
    made = chain(SLOTS)
    blocks = list(islice(made.blocks("x", START), 20_000))
    assert all(one % (12 * SECOND) == 0 for one in blocks)
    gaps = [(later - one) // (12 * SECOND) for one, later in pairwise(blocks)]
    assert min(gaps) == 1
    has_mean(gaps, 1 / 0.9, sqrt(0.1) / 0.9)  # geometric: variance (1-p)/p²
    full = chain(replace(SLOTS, missed=0))
    assert all(later - one == 12 * SECOND for one, later in pairwise(islice(full.blocks("x", START), 500)))


@pytest.mark.parametrize("level", [0.5, 1.0, 3.0])
def test_a_transaction_waits_the_longer_the_less_it_pays(level: float) -> None:
    """Each block takes it with chance p, so that with blocks of work its wait is exponential with mean 600/p."""
    p = 1 - 0.4**level
    made, apart = chain(WORK), 300 * 600 * SECOND
    waits = []
    for number in range(3000):
        at = START + number * apart
        waits.append((made.included_at("x", at, level, f"tx {number}") - at) / SECOND)
    has_mean(waits, 600 / p, 600 / p)
    has_variance(waits, 600 / p, (600 / p) ** 2, 9 * (600 / p) ** 4)


def test_in_slots_the_wait_is_geometric() -> None:
    made, slot = chain(replace(SLOTS, missed=0)), 12 * SECOND
    start = START - START % slot
    tries = []
    for number in range(4000):
        at = start + number * 100 * slot
        tries.append((made.included_at("x", at, 1, f"tx {number}") - at) // slot)
    has_mean(tries, 1 / 0.9, sqrt(0.1) / 0.9)


def test_six_confirmations_take_six_blocks() -> None:
    """The block that holds it is the first; the five after it come as Erlang(5)."""
    made, waits = chain(WORK), []
    for number in range(3000):
        block_at = next(made.blocks("x", START + number * 600_000 * SECOND))
        assert made.confirmed_at("x", block_at, 1) == block_at
        waits.append((made.confirmed_at("x", block_at, 6) - block_at) / SECOND)
    has_mean(waits, 5 * 600, sqrt(5) * 600)
    has_variance(waits, 5 * 600, 5 * 600**2, 3 * 5 * 7 * 600**4)


def test_going_fees_are_lognormal_with_median_one() -> None:
    made = chain(replace(WORK, crowding=0.6))
    logs = [log(made.going_fee("x", START + hour * 3600 * SECOND)) for hour in range(4000)]
    has_mean(logs, 0, 0.6)
    has_variance(logs, 0, 0.6**2, 3 * 0.6**4)
    hour = START - START % (3600 * SECOND)
    assert made.going_fee("x", hour) == made.going_fee("x", hour + 3599 * SECOND)


def test_a_full_chain_keeps_what_pays_little_for_longer() -> None:
    calm, full = chain(replace(WORK, crowding=0)), chain(replace(WORK, crowding=1.5))
    times = [START + number * 100 * 3600 * SECOND for number in range(1500)]
    means = [
        sum(made.included_at("x", at, 0.5, f"{at}") - at for at in times) / len(times) / SECOND for made in (calm, full)
    ]
    assert means[1] > 1.3 * means[0]


def test_reviews_are_lognormal() -> None:
    random, delay = Random(5), Delay(40, 0.8)
    logs = [log(drawn(delay, random) / SECOND) for _ in range(5000)]
    has_mean(logs, log(40), 0.8)
    has_variance(logs, log(40), 0.8**2, 3 * 0.8**4)


def processing(**more: object) -> Processing:
    still = {"review": Delay(0, 0), "manual": 0.0, "refill": 0.0, "stuck": 0.0, "batch_s": 0.0}
    return replace(Parameters.load().processing["default"], **{**still, **more})


def test_what_takes_long_is_as_rare_as_it_says() -> None:
    """Each of three rare delays by itself, of a length of its own."""
    rule = processing(
        manual=0.05, manual_review=Delay(1, 0), refill=0.1, refill_wait=Delay(10, 0), stuck=0.2, stuck_s=100.0
    )
    random = Random(11)
    waits = [(sends_at(rule, START, random) - START) // SECOND for _ in range(6000)]
    for unit, expected in ((1, 0.05), (10, 0.1), (100, 0.2)):
        has_mean([wait // unit % 10 for wait in waits], expected, sqrt(expected * (1 - expected)))


def test_a_batch_leaves_at_its_times_and_is_waited_for_half_of_them() -> None:
    """Whole seconds, uniform over ten minutes: 0 to 599, mean 299.5 and variance (600² - 1)/12."""
    rule, random, waits = processing(batch_s=600.0), Random(3), []
    for _ in range(4000):
        asked_at = START + random.randrange(600_000) * SECOND
        at = sends_at(rule, asked_at, random)
        assert at % (600 * SECOND) == 0
        waits.append((at - asked_at) / SECOND)
    has_mean(waits, 299.5, sqrt((600**2 - 1) / 12))
    assert max(waits) == 599


@given(st.integers(0, 50), st.integers(0, 4 * 10**6), st.integers(0, 4 * 10**6), st.sampled_from([WORK, SLOTS]))
def test_blocks_are_the_same_whoever_asks_and_from_when(seed: int, first: int, more: int, law: ChainLaw) -> None:
    early, late = START + first * SECOND, START + (first + more % 40_000) * SECOND
    ahead = chain(law, seed)
    list(islice(ahead.blocks("x", late), 5))  # asked for the later ones first
    expected = [one for one in _until(chain(law, seed).blocks("x", early), late + 10**13) if one > late]
    assert list(islice(ahead.blocks("x", late), len(expected))) == expected
    assert all(one < two for one, two in pairwise(expected))


@given(st.integers(0, 10**6), st.integers(1, 70), st.integers(0, 10**5), st.sampled_from([WORK, SLOTS]))
def test_confirmations_agree_with_the_times_at_which_they_come(at: int, count: int, off: int, law: ChainLaw) -> None:
    made = chain(law)
    block_at = next(made.blocks("x", START + at * SECOND))
    due = made.confirmed_at("x", block_at, count)
    assert made.confirmations("x", block_at, due, 100) == count
    assert made.confirmations("x", block_at, due - 1, 100) == count - 1
    assert made.confirmations("x", block_at, due + off * SECOND, count) == count


def test_chains_and_seeds_have_blocks_of_their_own() -> None:
    laws = {"default": WORK, "bitcoin": WORK}
    firsts = {next(Chain(laws, seed).blocks(name, START)) for seed in range(20) for name in ("bitcoin", "other")}
    assert len(firsts) == 40


@given(st.floats(0.01, 1), st.floats(0.01, 20), st.floats(0.01, 20))
def test_paying_more_never_waits_longer(included: float, low: float, high: float) -> None:
    low, high = sorted((low, high))
    assert 0 < chance(included, low) <= chance(included, high) <= 1
    assert chance(included, 2) == pytest.approx(1 - (1 - included) ** 2)  # as good as two looks


# Real addresses, from the chains' own documentation and explorers; each passes on its chain and fails on all others but
# those with the same form.
KNOWN = {
    "bitcoin": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",  # BIP 173, test vectors
    "ethereum": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",  # EIP-55, test cases
    "tron": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",  # USDT's contract, identity table
    "solana": "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB",  # USDT's mint, identity table
    "xrp_ledger": "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",  # xrpl.org, the genesis account
}


def test_addresses_are_taken_on_their_own_chain_alone() -> None:
    ethereum_like = chains_of(KNOWN["ethereum"])
    assert ethereum_like == {
        *("ethereum", "bnb_smart_chain", "polygon", "arbitrum", "optimism", "base", "avalanche_c", "ethereum_classic")
    }
    for name, address in KNOWN.items():
        assert chains_of(address) == (ethereum_like if name == "ethereum" else {name})
        assert not may_be_address(name, address[:20])
        assert not may_be_address(name, address[:-1] + " ")
    assert may_be_address("bitcoin", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2")  # the Bitcoin wiki's example of base 58
    assert not may_be_address(
        "bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3b1"
    )  # b and 1 are no letters of bech32


def test_made_up_addresses_have_the_form_of_their_chain_and_one_owner_each() -> None:
    known = set(Parameters.load().chains) - {"default"}
    for name in {*known, "a chain of tomorrow"}:
        made = {address_for(name, f"owner {number}") for number in range(50)}
        assert len(made) == 50
        assert all(may_be_address(name, one) for one in made)
        assert address_for(name, "owner 1") in made
    assert len({memo_for(f"{number}") for number in range(50)}) == 50
    assert len(txid_for("bitcoin", "x")) == 64
    assert txid_for("ethereum", "x")[:2] == "0x"


def test_every_chain_of_the_identity_table_has_a_law_and_a_form() -> None:
    import json
    from importlib.resources import files

    table = json.loads(files("cryptopipe.model").joinpath("assets.json").read_text())
    laws = Parameters.load().chains
    for one in table["chains"]:
        assert chain_of(one["codes"][0]) == one["chain"] in laws
        assert one["chain"] in chains_of(address_for(one["chain"], "x"))
    assert set(laws) == {"default", *(one["chain"] for one in table["chains"])}


def test_the_page_shows_the_laws_as_they_are() -> None:
    """docs/chain.md says of each number whether it was read or assumed: a number that changed there changes here."""
    page = (Path(__file__).parents[2] / "docs" / "chain.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("| \n").split("|")] for line in page.splitlines() if line[:2] == "| "]
    shown = {row[0]: row[1:8] for row in rows if row[1:2] in (["work"], ["slots"])}
    laws = Parameters.load().chains
    assert shown == {
        name: [law.law, *(f"{one:g}" for one in (law.block_s, law.missed, law.included, law.crowding)),
               str(law.confirmations), str(law.final)]
        for name, law in laws.items()
    }  # fmt: skip
    assert all(row[8] for row in rows if row[0] in laws), "each row says where its numbers come from"


def test_the_packaged_review_is_as_the_page_says() -> None:
    """Half leave within 40 s, nine of ten within two minutes: without a rare delay (0.99 · 0.99) by the lognormal, with
    one (its median is 15 minutes or more) hardly ever.
    """
    rule, random, count = Parameters.load().processing["default"], Random(9), 8_000
    waits = [(sends_at(rule, START, random) - START) / SECOND for _ in range(count)]
    for limit, about in ((40, 0.49), (120, 0.90), (300, 0.975)):
        expected = 0.9801 * NormalDist().cdf(log(limit / 40) / 0.8)
        bound = SURE * sqrt(expected * (1 - expected) / count)
        found = sum(one <= limit for one in waits) / count
        assert expected - bound < found < expected + bound + 0.002
        assert abs(expected - about) < 0.01
    assert max(waits) > 3600
