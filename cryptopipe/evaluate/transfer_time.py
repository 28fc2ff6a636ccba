"""How long coins take from one venue to another: review and batch, a block, confirmations, credit.

Enters: what is known of the sending venue, the chain, the receiving venue, in minutes. Leaves: the law of the sum of
its independent parts. Never: a guess for an unknown chain, a moment that is infinite and looks finite, the time until
coins may be withdrawn again: credit counts, since that is when they can be sold.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import gcd, inf
from typing import TYPE_CHECKING

from cryptopipe.evaluate.chain_times import ChainTime, chain_time
from cryptopipe.evaluate.transfer_blocks import Phase, Slots
from cryptopipe.evaluate.transfer_hours import Fees
from cryptopipe.evaluate.transfer_law import POINTS, Arrivals, Cells, convolved
from cryptopipe.evaluate.transfer_mempool import BlockTaken, SlotsPassed
from cryptopipe.evaluate.transfer_parts import Fixed, Gamma, Lognormal, Part, Uniform, above_zero, at_least_zero
from cryptopipe.evaluate.transfer_rare import Rarely
from cryptopipe.model.trading import Reason

if TYPE_CHECKING:
    from cryptopipe.evaluate.transfer_parts import Array

_TICKS = 60_000_000
"""Of a minute: times of batches and slots are whole microseconds."""


@dataclass(frozen=True)
class TransferTime:
    """The law of a transfer's time τ: the sum of independent parts. `source` says where they are from.

    What is computed of a law is kept for it and for all that equal it.
    """

    parts: tuple[Part, ...]
    source: str = ""

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("a transfer's time has at least one part")

    @property
    def mean(self) -> float:
        """Minutes, exact; infinite where one part may never end."""
        return sum(part.mean for part in self.parts)

    @property
    def variance(self) -> float:
        """Square minutes, exact; infinite where one part's is."""
        return sum(part.variance for part in self.parts)

    @property
    def never(self) -> float:
        """The probability that the coins do not arrive at all."""
        left = 1.0
        for part in self.parts:
            left *= 1 - part.never
        return 1 - left

    def log_mgf(self, s: float) -> float:
        """log E[exp(s τ)], exact; `inf` where the expectation is infinite: with a lognormal part for each s > 0, with a
        gamma part from 1/scale on. `s` per minute.
        """
        return sum(part.log_mgf(s) for part in self.parts)

    def survival(self, at: float) -> float:
        """P(τ > at)."""
        return cells_of(self).survival(at)

    def quantile(self, share: float) -> float:
        """The time by which so much has arrived; `inf` where so much never does."""
        return cells_of(self).quantile(share)

    def truncated(self, at: float = inf, points: int = POINTS) -> Arrivals:
        """Given that it is at most `at` minutes, on at most so many points; the rest is stuck."""
        return _truncated(self, at, points)

    def sample(self, count: int, seed: int) -> "Array":
        """So many independent draws of τ; the same for the same seed."""
        import numpy as np

        random = np.random.default_rng(seed)
        total: Array = sum((part.sample(count, random) for part in self.parts), np.zeros(count))
        return total


@lru_cache(maxsize=512)
def cells_of(law: TransferTime) -> Cells:
    """The law on cells, computed once."""
    return convolved(law.parts)


@lru_cache(maxsize=2048)
def _truncated(law: TransferTime, at: float, points: int) -> Arrivals:
    return cells_of(law).truncated(at, points)


@dataclass(frozen=True)
class Processing:
    """How a venue sends coins away: a review, what seldom is added to it, then the next batch, which leaves at each
    multiple of `batch` minutes (0: at once). `fee_level` is what it pays the chain, in median going fees.
    """

    review: Part
    rare: tuple[Rarely, ...] = ()
    batch: float = 0.0
    fee_level: float = 1.0
    source: str = ""

    def __post_init__(self) -> None:
        at_least_zero(batch=self.batch)
        above_zero(fee_level=self.fee_level)


ASSUMED = Processing(
    review=Lognormal(40 / 60, 0.8),
    rare=(Rarely(0.01, Lognormal(60.0, 1.0)), Rarely(0.01, Lognormal(15.0, 0.8))),
    fee_level=1.5,
    source="assumed: venues do not publish how long they take",
)
"""A machine's review, for one in a hundred a person's, for one in a hundred a hot wallet that must be filled."""
ASSUMED_CREDIT = Lognormal(8 / 60, 0.8)
"""From the last confirmation to the account; assumed too."""


def transfer_time(
    chain: str,
    confirmations: int | None,
    processing: Processing = ASSUMED,
    credit: Part = ASSUMED_CREDIT,
    correlated: bool = False,
) -> TransferTime | Reason:
    """The law of a chain of the table, or the failed check where the table does not have it. `confirmations` are what
    the receiving venue states, its first being the block that holds the transaction; None: the table's.
    """
    row = chain_time(chain)
    return row if isinstance(row, Reason) else law_of(row, confirmations, processing, credit, correlated)


@lru_cache(maxsize=1024)
def law_of(
    row: ChainTime,
    confirmations: int | None,
    processing: Processing = ASSUMED,
    credit: Part = ASSUMED_CREDIT,
    correlated: bool = False,
) -> TransferTime:
    """The law of a chain of one's own figures. `correlated` makes all times between blocks the same draw, which is the
    variance of the published replication; else they are independent. Raises `ValueError` for no confirmation.
    """
    needed = row.confirmations if confirmations is None else confirmations
    if needed < 1:
        raise ValueError(f"confirmations must be at least 1, got {needed}")
    sending: list[Part] = [processing.review, *processing.rare]
    if processing.batch:
        sending.append(Uniform(processing.batch))
    after = _after(row, needed - 1, correlated) if needed > 1 else []
    source = f"sending: {processing.source}; {row.chain}: {row.source}, {row.as_of}"
    return TransferTime((*sending, *_taken(row, processing), *after, credit), source)


def _taken(row: ChainTime, processing: Processing) -> list[Part]:
    """From sending to the block that holds the transaction."""
    fees, block = Fees(row.included, processing.fee_level, row.crowding), row.block_s / 60
    if row.law == "slots":
        return [_phase(block, processing.batch), SlotsPassed(block, row.missed, fees)]
    return [BlockTaken(block, fees) if row.crowding else Gamma(1.0, block / fees.chance())]


def _phase(slot: float, batch: float) -> Part:
    """To the next slot. Batches and slots are both multiples of a time since 1970, so that of what is sent in batches
    the wait is a multiple of their greatest common divisor.
    """
    ticks = round(slot * _TICKS)
    count = ticks // gcd(ticks, round(batch * _TICKS))
    return Uniform(slot) if not batch else Phase(slot / count, count) if count > 1 else Fixed(slot)


def _after(row: ChainTime, count: int, correlated: bool) -> list[Part]:
    """From that block to the one that is the last confirmation."""
    block = row.block_s / 60
    if row.law == "slots":
        return [Slots(block, 1 - row.missed, count)]
    return [blocks(count, block, block, correlated)]


def blocks(count: int, mean: float, deviation: float, correlated: bool = False) -> Gamma:
    """The time that so many blocks take, each gamma with this mean and standard deviation (equal: exponential).

    Independent: variance `count` · deviation². `correlated`: `count` times one draw, with `count`² · deviation², as in
    the replication of Hautsch, Scheuch and Voigt (mean 9.65, deviation 9.59 minutes).
    """
    above_zero(count=count, mean=mean, deviation=deviation)
    shape, scale = (mean / deviation) ** 2, deviation**2 / mean
    return Gamma(shape, scale * count) if correlated else Gamma(shape * count, scale)
