"""Of the desk: an alert is told, counted or held, never lost and never twice; nobody is disturbed without need."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.alerts import Alert
from cryptopipe.alerts.desk import ChannelState, State, delivered, failed, next_message, step, waiting
from cryptopipe.alerts.rules import Quiet, Rule, Rules
from cryptopipe.alerts.spool import Line, Place
from cryptopipe.clock import SECOND, parse_at

NOON = parse_at("2026-03-02T12:00:00Z")
HOUR = 3600 * SECOND
RULES = Rules(("desk", "pager"), (Rule("all", severity="info", channels=("desk",)), Rule("bad", severity="critical")))


class Stage:
    """The desk with a list of what its channels were sent; they fail while they are told to."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules, self.state, self.now = rules, State(), NOON
        self.sent: dict[str, list[tuple[int, Any]]] = {name: [] for name in rules.channels}
        self.queued: dict[str, list[tuple[int, Any]]] = {name: [] for name in rules.channels}
        self.told: list[Alert] = []
        self._numbers = count()

    def alert(self, where: str = "alpha", severity: str = "warning", kind: str = "feed.dead", at: int = 0) -> Alert:
        return Alert(kind, where, f"<{next(self._numbers)}>", severity, at or self.now)

    def take(self, *alerts: Alert, fail: bool = False) -> None:
        lines = [
            Line(Place(1, len(self.told) + n), Place(1, len(self.told) + n + 1), one) for n, one in enumerate(alerts)
        ]
        before = {name: len(one.outbox) for name, one in self.state.channels.items()}
        step(self.state, self.rules, lines, self.now)
        self.told += alerts
        for name, channel in self.state.channels.items():
            self.queued[name] += [(self.now, one) for one in channel.outbox[before.get(name, 0) :]]
            while (message := next_message(channel, self.now)) is not None:
                if fail:
                    failed(channel, "no", self.now)
                else:
                    self.sent[name].append((self.now, message))
                    delivered(channel, self.now)
        self.state = msgspec.json.decode(msgspec.json.encode(self.state), type=State)  # as a crash would leave it

    def later(self, duration: int, fail: bool = False) -> None:
        self.now += duration
        self.take(fail=fail)

    def messages(self, name: str = "desk") -> list[Any]:
        return [message for _, message in self.sent[name]]

    def matched(self, name: str) -> int:
        return sum(name in self.rules.channels_of(one) for one in self.told)


acts = st.lists(
    st.tuples(
        st.integers(0, 4 * 3600),
        st.lists(
            st.tuples(
                st.sampled_from(["alpha", "beta", "gamma"]),
                st.sampled_from(["info", "warning", "critical"]),
                st.sampled_from(["feed.dead", "feed.back", "fill"]),
                st.sampled_from([0, 0, 0, 30 * 3600]),
            ),
            max_size=5,
        ),
        st.booleans(),
    ),
    max_size=25,
)
rule_sets = st.builds(
    lambda repeat, burst, pace, start, end, critical: replace(
        RULES, repeat=repeat * SECOND, burst=burst, pace=pace * SECOND, quiet=Quiet(start, end, "UTC", critical)
    ),
    st.integers(1, 7200),
    st.integers(1, 4),
    st.integers(1, 2000),
    st.sampled_from([0, 100, 22 * 60, 12 * 60 + 30]),
    st.sampled_from([0, 7 * 60, 14 * 60]),
    st.booleans(),
)


def _play(rules: Rules, script: list[Any]) -> Stage:
    stage = Stage(rules)
    for seconds, alerts, fail in script:
        stage.now += seconds * SECOND
        stage.take(*(stage.alert(w, s, k, stage.now - age * SECOND) for w, s, k, age in alerts), fail=fail)
    return stage


@settings(max_examples=60, deadline=None)
@given(rule_sets, acts)
def test_every_alert_is_told_counted_or_held_and_none_twice(rules: Rules, script: list[Any]) -> None:
    stage = _play(rules, script)
    for name in rules.channels:
        channel = stage.state.channels.get(name, ChannelState())
        told = sum(message.count for message in stage.messages(name))
        assert told + sum(waiting(channel)) == stage.matched(name)
        text = " ".join(message.body for message in stage.messages(name))
        assert [n for n in range(len(stage.told)) if text.count(f"<{n}>") > 1] == []


@settings(max_examples=40, deadline=None)
@given(rule_sets, acts)
def test_in_the_end_everything_is_told(rules: Rules, script: list[Any]) -> None:
    stage = _play(rules, script)
    for _ in range(60):
        stage.later(HOUR)
    for name in rules.channels:
        assert sum(message.count for message in stage.messages(name)) == stage.matched(name)
        assert stage.state.channels[name].held == {} and stage.state.channels[name].outbox == []


@settings(max_examples=40, deadline=None)
@given(rule_sets, acts)
def test_nobody_is_disturbed_more_than_is_set(rules: Rules, script: list[Any]) -> None:
    stage = _play(rules, script)
    for queued in stage.queued.values():
        for at, message in queued:
            assert not rules.quiet.reigns(at) or (rules.quiet.critical and message.severity == "critical")
        for first, (began, _) in enumerate(queued):
            for last, (ended, _) in enumerate(queued[first:], 1):
                assert last <= rules.burst + (ended - began) // rules.pace


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 1 << 31),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.sampled_from(["UTC", "Europe/Zurich", "America/New_York", "Asia/Kathmandu"]),
)
def test_quiet_hours_are_those_of_the_clock_on_the_wall(at: int, start: int, end: int, zone: str) -> None:
    wall = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(zone)).strftime("%H:%M")
    a, b = (f"{minute // 60:02d}:{minute % 60:02d}" for minute in (start, end))
    expected = a <= wall < b if a <= b else not (b <= wall < a)
    assert Quiet(start, end, zone).reigns(at * SECOND) is expected


def test_what_happens_again_is_counted_and_told_once() -> None:
    stage = Stage()
    stage.take(stage.alert())
    for _ in range(4):
        stage.later(600 * SECOND)
        stage.take(stage.alert())
    assert [(one.title, one.count) for one in stage.messages()] == [("[warning] feed.dead alpha", 1)]
    stage.later(HOUR)
    assert [one.count for one in stage.messages()] == [1, 4]
    assert stage.messages()[1].body.startswith("4 times more in 1 h, the last: <4>")
    stage.later(3 * HOUR)
    stage.take(stage.alert())
    assert [one.count for one in stage.messages()] == [1, 4, 1]


def test_another_kind_under_one_key_is_news_and_brings_the_repeats_with_it() -> None:
    stage = Stage()
    dead = [msgspec.structs.replace(stage.alert(), key="feed alpha") for _ in range(3)]
    back = msgspec.structs.replace(stage.alert(kind="feed.back"), key="feed alpha")
    stage.take(*dead, back)
    assert [one.count for one in stage.messages()] == [1, 3]
    assert "Before that: feed.dead alpha: <2> (2 times" in stage.messages()[1].body


def test_the_same_but_worse_is_news() -> None:
    stage = Stage()
    stage.take(stage.alert(severity="info"), stage.alert(severity="critical"), stage.alert(severity="warning"))
    assert [one.severity for one in stage.messages()] == ["info", "critical"]
    assert [one.severity for one in stage.messages("pager")] == ["critical"]


@pytest.mark.parametrize(("critical", "at_once"), [(True, ["critical"]), (False, [])])
def test_quiet_hours_end_with_one_digest(critical: bool, at_once: list[str]) -> None:
    stage = Stage(replace(RULES, quiet=Quiet(11 * 60, 13 * 60, "UTC", critical)))
    stage.take(stage.alert(), stage.alert(), stage.alert("beta", "info"), stage.alert("gamma", "critical"))
    assert [one.severity for one in stage.messages()] == at_once
    stage.later(HOUR)
    night = stage.messages()[len(at_once) :]
    assert len(night) == 1 and night[0].count == 4 - len(at_once)
    assert "[warning] feed.dead alpha: <1> (2 times, the last 2026-03-02 12:00:00 UTC)" in night[0].body


def test_a_digest_forgets_no_repeat_that_is_being_counted() -> None:
    stage = Stage(replace(RULES, quiet=Quiet(11 * 60, 13 * 60), repeat=2 * HOUR))
    stage.take(stage.alert(), stage.alert(severity="critical"), stage.alert(severity="critical"))
    for _ in range(3):
        stage.later(HOUR)
    assert [one.count for one in stage.messages()] == [1, 1, 1]
    assert stage.messages()[1].severity == "warning" and "once more" in stage.messages()[2].body


def test_a_flood_becomes_a_digest() -> None:
    stage = Stage(replace(RULES, burst=3, pace=60 * SECOND))
    stage.take(*(stage.alert(f"v{n}") for n in range(30)))
    assert [one.count for one in stage.messages()] == [1, 1, 1]
    stage.later(60 * SECOND)
    assert [one.count for one in stage.messages()] == [1, 1, 1, 27]
    assert "and 7 more of 7 others" in stage.messages()[-1].body


def test_what_is_old_when_it_is_read_is_told_in_a_digest() -> None:
    stage = Stage()
    stage.take(*(stage.alert(f"v{n}", at=NOON - 25 * HOUR) for n in range(5)))
    assert stage.messages() == []
    stage.later(SECOND)
    assert [one.count for one in stage.messages()] == [5]


def test_a_channel_that_fails_is_tried_later_and_later_and_holds_up_nobody() -> None:
    stage = Stage()
    stage.take(stage.alert(severity="critical"), fail=True)
    desk, pager = stage.state.channels["desk"], stage.state.channels["pager"]
    assert desk.retry_at == pager.retry_at == NOON + 5 * SECOND
    assert next_message(desk, NOON + 4 * SECOND) is None
    delivered(pager, NOON)
    waits = []
    for _ in range(12):
        stage.now = stage.state.channels["desk"].retry_at
        stage.take(fail=True)
        waits.append((stage.state.channels["desk"].retry_at - stage.now) // SECOND)
    assert waits == [10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900, 900]
    stage.later(900 * SECOND)
    assert [one.count for one in stage.messages()] == [1]
    assert stage.state.channels["desk"].failures == 0


def test_what_a_dead_channel_keeps_has_a_bound() -> None:
    stage = Stage()
    for n in range(60):
        stage.now += SECOND
        stage.take(*(stage.alert(f"v{n}.{m}") for m in range(10)), fail=True)
    desk = stage.state.channels["desk"]
    assert len(desk.outbox) <= RULES.burst and len(desk.held) <= 310 and sum(waiting(desk)) == 600


@pytest.mark.parametrize(
    ("rule", "alert", "fits"),
    [
        (Rule("r"), ("feed.dead", "alpha", "warning"), True),
        (Rule("r"), ("feed.dead", "alpha", "info"), False),
        (Rule("r", ("feed.*",)), ("quality.failed", "alpha", "critical"), False),
        (Rule("r", ("fill", "feed.*")), ("feed.back", "alpha", "warning"), True),
        (Rule("r", where="alpha:*"), ("feed.dead", "alpha:XY", "warning"), True),
        (Rule("r", where="alpha:*"), ("feed.dead", "beta:XY", "warning"), False),
    ],
)
def test_a_rule_fits(rule: Rule, alert: tuple[str, str, str], fits: bool) -> None:
    kind, where, severity = alert
    assert rule.fits(Alert(kind, where, "", severity, 0)) is fits
