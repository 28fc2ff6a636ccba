"""The simulated chains: when their blocks come, and which block takes a transaction in.

Enters: the laws of the chains, a seed, moments. Leaves: times of blocks and of confirmations. Never: a clock, a
reorganisation, or a block that depends on who asked for it and when.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from math import exp
from random import Random

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.sandbox.chain_parameters import ChainLaw

WINDOW = 64
"""Blocks are drawn for spans of so many mean block times, so that any span can be drawn without those before it. An
exponential wait has no memory, so that beginning one anew at each span leaves its law as it is.
"""

HOUR: Nanos = 3600 * SECOND
_DEFAULT = "default"


class Chain:
    """All chains of the simulated world, one for all of its venues. `laws` always has `default`.

    The same laws and seed give the same blocks, whatever is asked and in which order.
    """

    def __init__(self, laws: Mapping[str, ChainLaw], seed: int) -> None:
        self._laws = laws
        self._seed = seed
        self._window = lru_cache(maxsize=256)(self._draw)

    def law(self, chain: str) -> ChainLaw:
        """Of a chain by its name in the identity table; `default` where none is stated."""
        return self._laws.get(chain, self._laws[_DEFAULT])

    def blocks(self, chain: str, after: Nanos) -> Iterator[Nanos]:
        """The times of the blocks that come after a moment, rising, without end."""
        number = after // self._span(chain)
        while True:
            yield from (block_at for block_at in self._window(chain, number) if block_at > after)
            number += 1

    def going_fee(self, chain: str, at: Nanos) -> float:
        """What most transactions pay in the hour of `at`; its median over the hours is 1."""
        crowding = self.law(chain).crowding
        return exp(crowding * self._random(f"{chain} fee {at // HOUR}").gauss(0, 1)) if crowding else 1.0

    def included_at(self, chain: str, sent_at: Nanos, level: float, name: str) -> Nanos:
        """The block that takes in a transaction sent at a moment that pays `level`, in median going fees. `name` tells
        transactions apart, such as its id.

        Where the going fee is 1 the wait is geometric in blocks, so that with exponential blocks it is exponential,
        with mean `block_s / chance(level)`.
        """
        random = self._random(f"{chain} waits {name}")
        for block_at in self.blocks(chain, sent_at):
            if random.random() < chance(self.law(chain).included, level / self.going_fee(chain, block_at)):
                return block_at
        raise AssertionError("blocks do not end")

    def confirmed_at(self, chain: str, block_at: Nanos, confirmations: int) -> Nanos:
        """When a transaction of the block at `block_at` has so many confirmations; its own block is the first."""
        if confirmations <= 1:
            return block_at
        return next(islice(self.blocks(chain, block_at), confirmations - 2, None))

    def confirmations(self, chain: str, block_at: Nanos, at: Nanos, most: int) -> int:
        """Of a transaction of the block at `block_at`, at a moment; counted up to `most`."""
        if at < block_at:
            return 0
        count = 1
        for later in islice(self.blocks(chain, block_at), max(0, most - 1)):
            if later > at:
                break
            count += 1
        return count

    def _span(self, chain: str) -> Nanos:
        return WINDOW * round(self.law(chain).block_s * SECOND)

    def _draw(self, chain: str, number: int) -> tuple[Nanos, ...]:
        """The blocks of one span, rising: begin included, end excluded."""
        law, span = self.law(chain), self._span(chain)
        random, begin, block = self._random(f"{chain} blocks {number}"), number * span, span // WINDOW
        if law.law == "slots":
            slots = range(begin, begin + span, block)
            return tuple(slot for slot in slots if random.random() >= law.missed)
        found: list[Nanos] = []
        at, end = begin, begin + span
        while (at := at + max(1, round(random.expovariate(1) * block))) < end:
            found.append(at)
        return tuple(found)

    def _random(self, name: str) -> Random:
        """A stream of its own for each span, hour and transaction: none of them disturbs another."""
        return Random(f"{self._seed} chain {name}")


def chance(included: float, level: float) -> float:
    """That a block takes in a transaction that pays `level` going fees, where at 1 it is `included`: paying twice as
    much is as good as being seen by two blocks.
    """
    passed: float = (1 - included) ** level
    return 1 - passed
