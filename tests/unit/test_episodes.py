"""One edge from its opening to its closing: two seconds of it are one line, and the counts count lines."""

from collections import Counter
from collections.abc import Collection
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.gate.episodes import Chapter, Episodes, Phase
from cryptopipe.model.facts import Asset, Fee, Instrument, Side, VenueId
from cryptopipe.model.trading import Decision, Leg, Opportunity, Reason

pytestmark = pytest.mark.core

OPEN, CHANGE, END = Phase.OPEN, Phase.CHANGE, Phase.END
X, Y = Asset("X"), Asset("Y")
MARKETS = {name: Instrument(VenueId(name), "XY", X, Y) for name in "abc"}
EDGES = {"ab": "ab", "bc": "bc", "ac": "ac"}
"""Each edge by its name, over two of the markets."""


def decision(edge: str = "ab", failed: Collection[str] = ("net",), gross: int = 5, net: int = -1) -> Decision:
    side = {0: Side.BUY, 1: Side.SELL}
    legs = tuple(
        Leg(MARKETS[name], side[at], D(1), D(100), D(100), Fee(D(0), Y)) for at, name in enumerate(EDGES[edge])
    )
    found = Opportunity(edge, legs, D(gross), D(net), (), {}, D(0), Y, D(100), ())
    reasons = tuple(Reason(check, check not in failed, "limit", "measured") for check in ("age", "net", "funds"))
    return Decision(1, found, not failed, reasons, 0)


def told(chapters: list[Chapter]) -> list[tuple[Phase, str]]:
    return [(chapter.phase, chapter.decision.opportunity.edge) for chapter in chapters]


def asked(edges: str) -> list[str]:
    return [f"{name}:XY" for name in edges]


def test_an_edge_alive_through_two_hundred_evaluations_is_one_line() -> None:
    episodes = Episodes()
    assert told(episodes.turn(asked("a"), [decision(gross=3)], 10)) == [(OPEN, "ab")]
    for now in range(11, 210):
        assert episodes.turn(asked("b"), [decision(gross=9 if now == 50 else 4, net=2 if now == 60 else -3)], now) == []
    (end,) = episodes.turn(asked("a"), [], 300)
    assert (end.phase, end.at, end.episode.opened_at, end.episode.evaluations) == (END, 300, 10, 200)
    assert (end.episode.best_gross_bps, end.episode.best_net_bps) == (D(9), D(2))
    assert (episodes.found, episodes.accepted, episodes.refused) == (1, 0, 1)
    assert episodes.refusals == Counter({"net": 1})


def test_a_changed_set_of_reasons_is_a_line() -> None:
    episodes = Episodes()
    lines = [
        told(episodes.turn(asked("a"), [decision(failed=failed)], now))
        for now, failed in enumerate([["net"], ["net"], ["net", "age"], ["age", "net"], ["age"], ["net"]])
    ]
    assert lines == [[(OPEN, "ab")], [], [(CHANGE, "ab")], [], [(CHANGE, "ab")], [(CHANGE, "ab")]]
    assert told(episodes.close(9)) == [(END, "ab")]
    assert episodes.refusals == Counter({"net": 1, "age": 1})


def test_every_acceptance_is_a_line_and_one_episode_is_accepted_once() -> None:
    episodes = Episodes()
    lines = [
        told(episodes.turn(asked("a"), [decision(failed=failed)], now))
        for now, failed in enumerate([["net"], [], [], ["funds"], []])
    ]
    assert lines == [[(OPEN, "ab")], *[[(CHANGE, "ab")]] * 4]
    assert (episodes.found, episodes.accepted, episodes.refused) == (1, 1, 0)


def test_an_edge_that_comes_again_is_another_episode() -> None:
    episodes = Episodes()
    (first,) = episodes.turn(asked("a"), [decision()], 1)
    (end,) = episodes.turn(asked("a"), [], 2)
    (second,) = episodes.turn(asked("a"), [decision(failed=[])], 3)
    (last,) = episodes.close(4)
    assert [chapter.episode.episode_id for chapter in (first, end, second, last)] == [1, 1, 2, 2]
    assert (end.at, last.at, second.episode.opened_at) == (2, 4, 3)
    assert (episodes.found, episodes.accepted, episodes.refused) == (2, 1, 1)
    assert episodes.refusals == Counter({"net": 1})


def test_an_edge_whose_markets_were_not_asked_stays_open() -> None:
    episodes = Episodes()
    episodes.turn(asked("ab"), [decision("ab")], 1)
    assert episodes.turn(asked("c"), [], 2) == []
    assert told(episodes.turn(asked("c"), [decision("bc")], 3)) == [(OPEN, "bc")]
    assert told(episodes.turn(asked("b"), [decision("bc")], 4)) == [(END, "ab")]
    assert told(episodes.turn(asked("a"), [], 5)) == []
    assert told(episodes.close(6)) == [(END, "bc")]
    assert episodes.close(7) == []


def test_endings_come_before_openings_and_in_order_of_name() -> None:
    episodes = Episodes()
    episodes.turn(asked("abc"), [decision("bc"), decision("ac")], 1)
    chapters = episodes.turn(asked("abc"), [decision("ab")], 2)
    assert told(chapters) == [(END, "ac"), (END, "bc"), (OPEN, "ab")]


turns = st.lists(
    st.tuples(
        st.sets(st.sampled_from("abc"), min_size=1),
        st.dictionaries(st.sampled_from(sorted(EDGES)), st.sets(st.sampled_from(["age", "net", "funds"]))),
    ),
    max_size=30,
)


@given(turns)
def test_laws(steps: list[tuple[set[str], dict[str, set[str]]]]) -> None:
    """Found = accepted + refused; each opening has exactly one end; no acceptance and no evaluation is lost."""
    episodes = Episodes()
    chapters: list[tuple[int, Phase, str, bool, int]] = []
    seen, accepted_decisions = 0, 0

    def keep(new: list[Chapter]) -> None:
        chapters.extend(
            (one.episode.episode_id, one.phase, one.decision.opportunity.edge, one.decision.accepted,
             one.episode.evaluations) for one in new
        )  # fmt: skip

    for now, (markets, found) in enumerate(steps):
        possible = {edge: failed for edge, failed in found.items() if markets & set(EDGES[edge])}
        decisions = [decision(edge, failed) for edge, failed in possible.items()]
        seen += len(decisions)
        accepted_decisions += sum(one.accepted for one in decisions)
        keep(episodes.turn(asked("".join(sorted(markets))), decisions, now))
        assert episodes.found == episodes.accepted + episodes.refused
    keep(episodes.close(len(steps)))

    assert episodes.found == episodes.accepted + episodes.refused
    by_episode: dict[int, list[tuple[int, Phase, str, bool, int]]] = {}
    for chapter in chapters:
        by_episode.setdefault(chapter[0], []).append(chapter)
    assert sorted(by_episode) == list(range(1, episodes.found + 1))
    for lines in by_episode.values():
        phases = [line[1] for line in lines]
        assert phases == [OPEN, *[CHANGE] * (len(lines) - 2), END]
        assert len({line[2] for line in lines}) == 1
    assert sum(lines[-1][4] for lines in by_episode.values()) == seen
    assert sum(line[3] for line in chapters if line[1] is not END) == accepted_decisions
    assert episodes.accepted == sum(any(line[3] for line in lines) for lines in by_episode.values())
    open_now: set[str] = set()
    for _, phase, edge, _, _ in chapters:
        assert (edge in open_now) == (phase is not OPEN)
        open_now = open_now - {edge} if phase is END else open_now | {edge}
    assert not open_now
