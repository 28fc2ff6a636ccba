"""What rate graphs are fed in laws and comparisons: small ones with books, hubs, ties and profitable cycles.

Enters: hypothesis, or a seed. Leaves: operations, and `play` (what a graph answers to them). Never: a number that only
one of the cores refuses by contract (numbers of things and weights stay within 32 and 64 bits).
"""

import random
from typing import Any

from hypothesis import strategies as st

ONE = 10**12
PRICES = (None, 0, 1, ONE, ONE, 2 * ONE, 4 * ONE, 61_837_630_000_000_000, 2**127 - 1)
KEPT = (None, 0, 0, -1, -1_099_511_628, 5)
WEIGHTS = (-2, -1, -1, 0, 0, 1, 1, 3, None)

Operation = tuple[Any, ...]


def _operations(pick: Any, number: Any, faults: bool, edges_from: int, edges_to: int) -> list[Operation]:
    """`pick(values)` is one of some values, `number(low, high)` one between two."""
    weights = pick((WEIGHTS, range(-90, 50)))
    hubs = [False, False] + [pick((False, False, True)) for _ in range(number(0, 5))]
    books = number(1, 4)
    told: list[Operation] = [("add_node", hub) for hub in hubs] + [("add_book",)] * books
    nodes = [*range(len(hubs)), len(hubs)] if faults else range(len(hubs))
    edges = 0
    for _ in range(number(edges_from, edges_to)):
        tail, head, book = pick(nodes), pick(nodes), pick([*range(books), books] if faults else range(books))
        if number(0, 5) == 0:
            told.append(("set_prices", number(0, books - 1), pick(PRICES), pick(PRICES)))
        if not faults and (tail == head or (hubs[tail] and hubs[head])):
            continue
        if number(0, 3) == 0:
            told.append(("add_market", book, tail, head, pick(KEPT), pick(KEPT)))
            edges += 2
        else:
            told.append(("add_edge", tail, head, pick(weights), pick((None, None, book))))
            edges += 1
    for _ in range(number(0, 8)):
        edge = number(0, edges)
        change = pick(("set_prices", "set_prices", "set_weight", "set_kept", "set_usable"))
        if change == "set_prices":
            told.append((change, number(0, books - 1), pick(PRICES), pick(PRICES)))
        else:
            told.append((change, edge, {"set_weight": pick(weights), "set_kept": pick(KEPT)}.get(change, pick((0, 1)))))
    if faults:
        told += [("cycles", pick((0, 1, 1001)), pick((None, (edges,))), pick((1, 2, 5, 9)), pick((0, -(2**62))))]
    return told


@st.composite
def graphs(draw: st.DrawFn, faults: bool = False) -> list[Operation]:
    """The operations that make a graph and change it."""
    return _operations(
        lambda values: draw(st.sampled_from(list(values))),
        lambda low, high: draw(st.integers(low, high)),
        faults,
        0,
        14,
    )


def graph_of(seed: int) -> list[Operation]:
    """The same of a seed, faster to draw and with more edges: two of three have a cycle that gains."""
    draws = random.Random(seed)
    return _operations(lambda values: draws.choice(list(values)), draws.randint, False, 10, 26)


def play(graph: Any, operation: Operation) -> object:
    """What a graph answers to one operation: a value, or the message of its error."""
    name, *arguments = operation
    try:
        if name == "set_usable":
            arguments[1] = bool(arguments[1])
        return getattr(graph, name)(*arguments)
    except ValueError as error:
        return str(error)


def made(graph: Any, operations: list[Operation]) -> Any:
    """The graph after all of them."""
    for operation in operations:
        play(graph, operation)
    return graph


def answers(graph: Any, longest: int = 5) -> list[object]:
    """All that a graph says: its edges, the best cycles through each and of all, with several bounds and lengths."""
    nodes, edges = graph.counts()
    told: list[object] = [nodes, edges, graph.best(), graph.cycles(7, None, longest, -4)]
    for edge in range(edges):
        told += [graph.edge(edge), graph.weight(edge)]
        told.append(graph.best_through((edge,), 2 + (edge + nodes) % (longest - 1), -1))
        told.append(graph.cycles(3, (edge, (edge + 1) % edges), longest))
    return told
