"""One order of what several sources have, each in its own order.

Enters: sequences of keys, and for each key when it was. Leaves: every key once, in an order that keeps each sequence's
where they do not contradict each other. Never: a result that depends on the order of the sequences.
"""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise

Key = tuple[object, ...]
Priority = tuple[int, tuple[object, ...]]
"""When, and the rank among those of the same time."""


def ordered(
    sequences: Sequence[Sequence[Key]], priorities: Mapping[Key, Priority], sort_by_rank: bool = False
) -> tuple[list[Key], bool]:
    """The keys, and whether the sequences contradict each other.

    Where every sequence is in order of rank (numbers that rise), so is the result; else what no sequence tells apart is
    in order of time, then of rank. Sequences that contradict each other are followed as far as they agree.
    """
    ranks = [[priorities[key][1] for key in sequence] for sequence in sequences]
    if sort_by_rank or all(_rises(one) for one in ranks):
        return sorted(priorities, key=lambda key: priorities[key][1]), False
    return _topological(sequences, priorities)


def _rises(ranks: Sequence[tuple[object, ...]]) -> bool:
    """Whether numbers rise from one to the next; a rank of 0 is none."""
    return all(one[0] for one in ranks) and all(a < b for a, b in pairwise(ranks))


def _topological(sequences: Sequence[Sequence[Key]], priorities: Mapping[Key, Priority]) -> tuple[list[Key], bool]:
    after: dict[Key, list[Key]] = {key: [] for key in priorities}
    before = dict.fromkeys(priorities, 0)
    for sequence in sequences:
        for one, other in pairwise(sequence):
            after[one].append(other)
            before[other] += 1
    ready = [(priorities[key], key) for key, count in before.items() if not count]
    heapify(ready)
    found: list[Key] = []
    placed: set[Key] = set()
    contradicts = False
    waiting = sorted(priorities, key=priorities.__getitem__, reverse=True)
    while len(found) < len(priorities):
        if ready:
            _, key = heappop(ready)
        else:  # the earliest of those that stand before each other
            contradicts = True
            while waiting[-1] in placed:
                waiting.pop()
            key = waiting.pop()
        found.append(key)
        placed.add(key)
        for other in after[key]:
            before[other] -= 1
            if not before[other] and other not in placed:
                heappush(ready, (priorities[other], other))
    return found, contradicts
