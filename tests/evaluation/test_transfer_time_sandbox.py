"""The law and the simulated world: transfers that venues of the sandbox send, mine, confirm and credit."""

from decimal import Decimal
from random import Random

import numpy as np
import pytest
from evaluation.sandbox_law import known_law
from msgspec.structs import replace
from simulation.transfers_bench import EAST, HOUR, PARAMETERS, START, USDT, WEST, Days, currency, network

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.evaluate.transfer_time import TransferTime
from cryptopipe.model.desk import DeskTransfer, TransferStatus
from cryptopipe.model.facts import Currency, VenueId
from cryptopipe.sandbox.accounts_wallets import Tally, Wallets
from cryptopipe.sandbox.chain_parameters import Processing
from cryptopipe.sandbox.transfers import Custody

BUSY = replace(
    PARAMETERS.processing["default"], batch_s=15.0, manual=0.05, refill=0.1, stuck=0.03, stuck_s=1800.0, daily_usd=1e12
)
"""As packaged, with batches, and with more of what is rare."""
PLAIN = replace(PARAMETERS.processing["default"], daily_usd=1e12)
APART: Nanos = 5 * HOUR
"""Between two requests: others' blocks and hours of fees."""


def durations(chain: str, source: Processing, count: int, seed: int) -> np.ndarray:
    """Minutes from the request to the credit, of transfers between two venues of a world with one chain."""
    world, begun, credited = Days(), {}, {}
    listed: dict[VenueId, list[Currency]] = {
        venue: [currency(venue, USDT, network("NET", chain))] for venue in (EAST, WEST)
    }
    rules = {"default": PLAIN, EAST: source}
    custody = Custody(PARAMETERS.chains, rules, seed, world, listed, lambda asset: Decimal(1))

    def tell(one: DeskTransfer | None) -> None:
        if one is not None and one.deposit and one.status is TransferStatus.DONE:
            credited[one.txid] = world.now
        elif one is not None and not one.deposit and one.status is TransferStatus.SENT:
            begun[one.txid] = one.created_at

    tally, offices = Tally(), {}
    for venue in (EAST, WEST):
        purse = Wallets(tally)
        purse.credit(USDT, Decimal(1_000_000), "opening")
        offices[venue] = custody.open(venue, 1, purse, tell)
    net = {venue: custody.wallets(venue).network(USDT, "NET") for venue in (EAST, WEST)}
    to = offices[WEST].deposit_address(USDT, net[WEST])
    random = Random(seed)
    for number in range(count):
        world.advance(START + number * APART + random.randrange(HOUR))
        offices[EAST].withdraw(USDT, net[EAST], to.address, to.memo, Decimal(10))
    world.advance(world.now + 60_000 * HOUR)
    assert len(begun) == len(credited) == count
    return np.array([(credited[txid] - begun[txid]) / (60 * SECOND) for txid in begun])


def law_for(chain: str, source: Processing) -> TransferTime:
    return known_law(chain, PARAMETERS.chains[chain], source, PLAIN)


def distance(drawn: np.ndarray, law: TransferTime) -> float:
    """Kolmogorov's, between what came true and the law."""
    drawn = np.sort(drawn)
    reached = np.array([1 - law.survival(one) for one in drawn.tolist()])
    steps = np.arange(len(drawn) + 1) / len(drawn)
    return max((steps[1:] - reached).max(), (reached - steps[:-1]).max()).item()


CASES = [
    pytest.param(BUSY, 200, 0.13, id="busy-short"),  # the law itself exceeds it once in 400 seeds
    pytest.param(BUSY, 4000, 0.03, id="busy-long", marks=pytest.mark.long),  # once in 700
    pytest.param(PLAIN, 4000, 0.03, id="plain-long", marks=pytest.mark.long),
]


@pytest.mark.parametrize(("source", "count", "most"), CASES)
@pytest.mark.parametrize("chain", ["bitcoin", "ethereum", "solana", "tron"])
def test_transfers_of_the_sandbox_have_the_law_of_its_parameters(
    chain: str, source: Processing, count: int, most: float
) -> None:
    drawn = durations(chain, source, count, seed=11)
    law = law_for(chain, source)
    assert distance(drawn, law) < most
    assert distance(drawn * 2, law) > 3 * most, "a doubled time is seen"


@pytest.mark.parametrize("chain", ["bitcoin", "ethereum"])
def test_a_law_for_other_fees_is_not_that_of_the_sandbox(chain: str) -> None:
    """What the venue pays the chain, the rare waits and the batches are all seen in the law."""
    right = law_for(chain, BUSY)
    for wrong in (replace(BUSY, fee_level=0.2), replace(BUSY, refill=0.5), replace(BUSY, batch_s=600.0)):
        gaps = [abs(law_for(chain, wrong).survival(at) - right.survival(at)) for at in np.linspace(1, 200, 100)]
        assert max(gaps) > 0.05
