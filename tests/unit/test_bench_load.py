"""A load adds up: the schedule, the frames on the wire, the figures, and that one lost frame is noticed.

No test looks at how long anything took.
"""

import json

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.bench.load_figures import Course, Meter, found
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.cli.bench import bench
from cryptopipe.clock import MILLISECOND, SECOND
from cryptopipe.drivers.intake import Arrival
from cryptopipe.drivers.pace import Schedule, Tape
from cryptopipe.model.facts import VenueId

schedules = st.builds(
    Schedule, st.integers(1, 5_000), st.integers(1, 3_000), st.integers(0, 3_000), st.integers(0, 3_000)
)


@given(schedules, st.data())
def test_a_frame_is_sent_when_it_is_due_and_not_before(schedule: Schedule, data: st.DataObject) -> None:
    frame = data.draw(st.integers(0, schedule.frames - 1))
    due = schedule.due_at(frame)
    assert schedule.due_by(due) > frame
    assert due == 0 or schedule.due_by(due - 1) <= frame
    assert frame == 0 or schedule.due_at(frame - 1) <= due


def test_a_burst_lasts_a_second_between_two_stretches_at_the_rate() -> None:
    schedule = Schedule(rate=100, steady=200, burst=500, after=300)
    assert [schedule.due_at(n) for n in (0, 1, 200, 700)] == [0, SECOND // 100, 2 * SECOND, 3 * SECOND]
    assert schedule.due_at(701) - schedule.due_at(700) == SECOND // 100
    assert schedule.due_by(10 * SECOND) == schedule.frames == 1_000


def test_frames_are_headed_as_the_protocol_says() -> None:
    tape = Tape()  # RFC 6455, 5.7: unmasked Hello; 256 bytes; 65,536 bytes (there binary, here text)
    for number, text in enumerate(("Hello", "x" * 256, "y" * 65_536)):
        tape.add(number, text, lose=False)
    ends = [0, *tape.ends]
    heads = [bytes(tape.blob[end : end + 10]) for end in ends[:-1]]
    assert heads[0][:7] == b"\x81\x05Hello"
    assert heads[1][:4] == b"\x81\x7e\x01\x00"
    assert heads[2] == b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"
    assert np.diff(ends).tolist() == [7, 4 + 256, 10 + 65_536]


def heard(meter: Meter, conn: str, at: int) -> None:
    meter.ready.append(Arrival(Direction.RECV, VenueId("v"), conn, 0))
    meter.ready.heard_at[-1] = at
    meter.take(Input(1, 1, at, Direction.RECV, "v", conn, "", b"", 0, (), ""))


def ended(meter: Meter, at: int, cpu: int) -> None:
    meter.turn_ended(at)
    meter.ended_at[-1], meter.cpu[-1] = at, cpu


def test_each_frame_is_timed_from_its_own_due_time_to_the_end_of_its_turn() -> None:
    """Frames 0 to 3 on connections a, b, a, b; b's overtake a's. All times in ms, the first frame due at 1,000."""
    meter, ms = Meter(["v#1", "v#2"], lambda entry: None, lambda at: None), MILLISECOND
    for conn, at in (("v#2", 1_011), ("v#1", 1_012)):
        heard(meter, conn, at * ms)
    ended(meter, 1_015 * ms, 1 * ms)
    for conn, at in (("v#2", 1_031), ("v#1", 1_032)):
        heard(meter, conn, at * ms)
    ended(meter, 1_040 * ms, 4 * ms)
    schedule = Schedule(rate=100, steady=4, burst=0, after=0)
    course = Course.of(meter, bytes((0, 1, 0, 1)), schedule, 1_000 * ms)
    assert (course.due // ms).tolist() == [0, 10, 20, 30]
    assert (course.heard // ms).tolist() == [12, 11, 32, 31]
    assert (course.decided // ms).tolist() == [15, 15, 40, 40]
    figures = found(course.rows(warm=0))
    assert figures["due to decision, longest"] == 20
    assert figures["receive to decision, longest"] == 9
    assert figures["receive to decision, p50"] == pytest.approx((4 + 8) / 2)  # 3, 4, 8, 9


def test_frames_that_do_not_match_what_was_sent_are_not_timed() -> None:
    meter = Meter(["v#1", "v#2"], lambda entry: None, lambda at: None)
    heard(meter, "v#1", 5)
    ended(meter, 6, 1)
    with pytest.raises(ValueError, match="connection 1: sent 1 frames, received 0"):
        Course.of(meter, bytes((0, 1)), Schedule(10, 2, 0, 0), 0)


def run(*options: str) -> Result:
    return CliRunner().invoke(bench, ["load", "--for", "1s", "--rate", "800", "--burst", "0", "--json", *options])


def test_nothing_is_lost_and_the_numbers_add_up() -> None:
    result = run()
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["bench"], told["ok"], told["problems"]) == ("load", True, [])
    rows = {row["name"]: row for row in told["rows"]}
    assert rows["receive to decision, p50"]["n"] == 800 - 200
    heard = [rows[f"receive to decision, {part}"]["value"] for part in ("p50", "p99", "p99.9", "longest")]
    due = [rows[f"due to decision, {part}"]["value"] for part in ("p50", "p99", "p99.9", "longest")]
    assert heard == sorted(heard) and due == sorted(due) and heard[0] > 0
    assert all(short <= long for short, long in zip(heard, due, strict=True))
    frames = next(note for note in told["notes"] if note.startswith("frames by connection: "))
    counts = [int(one.rpartition(" ")[2].replace(",", "")) for one in frames.partition(": ")[2].split(", ")]
    assert len(counts) == 5 and sum(counts) == 800


def test_one_frame_that_is_never_sent_is_missed() -> None:
    result = run("--lose", "700")
    assert result.exit_code == 1, result.output
    told = json.loads(result.stdout)
    assert not told["ok"]
    missing = [problem.split(": ")[1].split() for problem in told["problems"] if "frames sent" in problem]
    assert [words[4] for words in missing] == ["received", "captured"]
    assert all(int(words[0]) - int(words[3]) == 1 for words in missing)
