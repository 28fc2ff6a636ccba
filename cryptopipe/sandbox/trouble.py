"""The faults of one venue, as they strike.

Enters: its part of the schedule, a seed, the time. Leaves: what happens to a dial, a request, a connection, a frame.
Never: a draw from a source that others draw from, a clock.
"""

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from cryptopipe.clock import LAST, SECOND, Nanos
from cryptopipe.model.simulated import HangUp, Say
from cryptopipe.model.stream import HttpResponse
from cryptopipe.sandbox.fault_kinds import KINDS, Scope
from cryptopipe.sandbox.faults import Fault, of_venue

HELD_AT_MOST = SECOND
"""A frame that waits to be overtaken goes after this, whatever comes."""

DAMAGED = "\ufffd"
"""What one damaged byte of a text is read as."""


@dataclass
class Marks:
    """What the faults know of one connection: those drawn for it, and frames that wait to be overtaken."""

    drawn: dict[int, bool] = field(default_factory=dict)
    held: list[Say] = field(default_factory=list)
    held_since: Nanos = 0
    struck: set[int] = field(default_factory=set)


class Trouble:
    """The faults in force. `turn` first, then the questions: all are about the time that `turn` was told."""

    def __init__(self, faults: Collection[Fault], venue: str, seed: int, start_at: Nanos) -> None:
        own = list(of_venue(faults, venue))
        self.venue = venue
        self.faults = tuple(fault for _, fault in own)
        self._numbered = [(number, fault, random.Random(f"{seed}/{venue}/{number}")) for number, fault in own]
        self._start_at = start_at
        self._now: Nanos = start_at
        self._turns_at: Nanos = start_at
        self._by_kind: dict[str, list[tuple[int, Fault, random.Random]]] = {}
        self._of_frames: list[tuple[int, Fault, random.Random]] = []
        self.in_force: Sequence[Fault] = ()
        """Those at work now, in the order of the schedule."""

    def turn(self, at: Nanos) -> bool:
        """It is `at` now, which never falls; whether other faults are in force than before."""
        self._now = at
        if at < self._turns_at:
            return False
        since = at - self._start_at
        active = [entry for entry in self._numbered if entry[1].at <= since < entry[1].until]
        ends = (end for fault in self.faults for end in (fault.at, fault.until) if end > since)
        self._turns_at = self._start_at + min(ends, default=LAST)
        before, self.in_force = self.in_force, tuple(fault for _, fault, _ in active)
        self._by_kind = {kind: [entry for entry in active if entry[1].kind == kind] for kind in KINDS}
        frames = [entry for entry in active if KINDS[entry[1].kind].scope is Scope.FRAME]
        self._of_frames = frames + self._by_kind["huge_frame"]
        return before != self.in_force

    def swallows(self) -> bool:
        """Whether a dial or a request is lost in a black hole."""
        return self.draw("black_hole") is not None

    def refusal(self) -> HttpResponse | None:
        """The answer that refuses a dial."""
        fault = self.draw("refuse")
        return None if fault is None else _too_many(fault)

    def goodbye(self) -> HangUp | None:
        """The close that follows an accepted dial at once."""
        fault = self.draw("accept_then_close")
        return None if fault is None else HangUp(fault["code"], "try again later")

    def answer(self) -> HttpResponse | None:
        """An error in place of an answer."""
        fault = self.draw("http_429")
        if fault is not None:
            return _too_many(fault)
        fault = self.draw("http_5xx")
        return None if fault is None else HttpResponse(fault["status"], b'{"error":"out of order"}')

    def age(self) -> Nanos:
        """How old an answer is; 0 for one of now."""
        fault = self.draw("stale_snapshot")
        return 0 if fault is None else fault["age"]

    def afflicts(self, kind: str, marks: Marks) -> bool:
        """Whether a fault of this kind is at work on a connection: each draws once for each connection."""
        return any(self._marked(number, fault, source, marks) for number, fault, source in self._by_kind.get(kind, ()))

    def frames(self, frame: Say, marks: Marks) -> Sequence[Say]:
        """What becomes of a frame: nothing, or one or several, together with those that it overtook."""
        frames = [frame]
        for number, fault, source in self._of_frames:
            if fault.kind == "huge_frame":
                if number not in marks.struck and self._marked(number, fault, source, marks):
                    marks.struck.add(number)
                    frames = [_padded(one, fault["size"]) for one in frames]
            elif fault.probability == 1 or source.random() < fault.probability:
                if fault.kind == "reorder" and not marks.held:
                    marks.held, marks.held_since, frames = frames, self._now, []
                frames = [struck for one in frames for struck in _strike(one, fault, source)]
        if frames and marks.held:
            frames, marks.held = frames + marks.held, []
        return frames

    def released(self, marks: Marks) -> Sequence[Say]:
        """Frames that have waited long enough to be overtaken."""
        if not marks.held or self._now - marks.held_since < HELD_AT_MOST:
            return ()
        released, marks.held = marks.held, []
        return released

    def draw(self, kind: str, suits: Callable[[Fault], bool] | None = None) -> Fault | None:
        """The first fault of the kind that strikes now, of those that suit."""
        for _, fault, source in self._by_kind.get(kind, ()):
            if suits is not None and not suits(fault):
                continue
            if fault.probability == 1 or source.random() < fault.probability:
                return fault
        return None

    @staticmethod
    def _marked(number: int, fault: Fault, source: random.Random, marks: Marks) -> bool:
        drawn = marks.drawn.get(number)
        if drawn is None:
            drawn = marks.drawn[number] = fault.probability == 1 or source.random() < fault.probability
        return drawn


def _strike(frame: Say, fault: Fault, source: random.Random) -> Sequence[Say]:
    text = frame.text
    match fault.kind:
        case "drop":
            return ()
        case "duplicate":
            return (frame, frame)
        case "truncate":
            return (Say(text[: source.randrange(len(text))] if text else text, frame.after),)
        case "delay":
            return (Say(text, frame.after + fault["delay"]),)
        case "corrupt":
            return (Say(_corrupted(text, source, digit=bool(fault["digit"])), frame.after),)
    return (frame,)


def _corrupted(text: str, source: random.Random, *, digit: bool) -> str:
    """One character is damaged, or one digit is another one where there is any."""
    if not digit:
        at = source.randrange(max(1, len(text)))
        return text[:at] + DAMAGED + text[at + 1 :]
    places = [at for at, one in enumerate(text) if one in "0123456789"]
    if not places:
        return text
    at = source.choice(places)
    return text[:at] + str((int(text[at]) + source.randint(1, 9)) % 10) + text[at + 1 :]


def _padded(frame: Say, size: int) -> Say:
    """The same to a reader of JSON, in so many bytes."""
    return Say(frame.text + " " * (size - len(frame.text.encode())), frame.after)


def _too_many(fault: Fault) -> HttpResponse:
    seconds = -(-fault["retry_after"] // SECOND)
    return HttpResponse(429, b'{"error":"too many requests"}', headers={"Retry-After": str(seconds)})
