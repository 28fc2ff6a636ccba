"""One fault at one simulated venue, and what it did to the run: what docs/faults.md counts.

Enters: a kind of fault, a venue, a seed. Leaves: a `Trial` of measured times. Never: an expectation; those stand in
`test_faults_matrix`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from simulation.arena import Arena, Venue, plain
from simulation.ends import channels_of, end_of, instruments_of, plugin_of, rule_of
from simulation.hits import UNREADABLE, difference, meanings

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.drivers.simulate import LATENCY
from cryptopipe.market.sync import BookState
from cryptopipe.model.stream import Proof
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.parameters import Parameters

STEP = 20 * MILLISECOND
RATE = 0.3
LONGEST = 100 * SECOND
"""A run that has not healed by then has failed."""
CALM = 2 * SECOND
"""Watched after everything is well again,"""
CALM_UNPROVEN = 30 * SECOND
"""and for so long where nothing proves that it is."""
LOOKS = SECOND // 4
MINUTE = 60 * SECOND


_BROKEN = Fault("reset", lasts=STEP)
_FRAMES = {"lasts": 5 * SECOND, "probability": 0.1}

CASES: Mapping[str, tuple[Fault, ...]] = {
    "reset": (Fault("reset", lasts=SECOND),),
    "accept_then_close": (Fault("accept_then_close", lasts=8 * SECOND), _BROKEN),
    "refuse": (Fault("refuse", lasts=8 * SECOND, values={"retry_after": 5 * SECOND}), _BROKEN),
    "stall": (Fault("stall", lasts=8 * SECOND),),
    "black_hole": (Fault("black_hole", lasts=8 * SECOND),),
    "drop": (Fault("drop", **_FRAMES),),
    "duplicate": (Fault("duplicate", **_FRAMES),),
    "reorder": (Fault("reorder", **_FRAMES),),
    "truncate": (Fault("truncate", **_FRAMES),),
    "corrupt": (Fault("corrupt", **_FRAMES),),
    "corrupt_digit": (Fault("corrupt", values={"digit": 1}, **_FRAMES),),
    "delay": (Fault("delay", lasts=8 * SECOND, values={"delay": 3 * SECOND}),),
    "http_429": (Fault("http_429", lasts=8 * SECOND, values={"retry_after": 5 * SECOND}), _BROKEN),
    "http_5xx": (Fault("http_5xx", lasts=8 * SECOND), _BROKEN),
    "stale_snapshot": (Fault("stale_snapshot", lasts=8 * SECOND, values={"age": 5 * SECOND}), _BROKEN),
    "clock_offset": (Fault("clock_offset", lasts=8 * SECOND, values={"offset": SECOND}),),
    "clock_drift": (Fault("clock_drift", lasts=20 * SECOND, values={"drift_ppm": 200}),),
    "huge_frame": (Fault("huge_frame", lasts=SECOND),),
}
"""What is tried; the first fault of each gives its kind. What only a new connection or a request meets comes together
with a reset.
"""


OF_FRAMES = ("drop", "duplicate", "reorder", "truncate", "corrupt")


@dataclass(frozen=True)
class Trial:
    """What one run showed. Times since its start."""

    case: str
    end: str
    seed: int
    begun: Nanos
    """When the fault began,"""
    ended: Nanos
    """and when it was over."""
    struck: Nanos | None
    """When the first change of the book that the fault hit would have arrived; None if it hit none."""
    heard: Nanos
    """The last frame on the first connection."""
    down: Nanos | None
    """When the book could not be read any more; None if it always could."""
    why: str
    calm_from: Nanos
    """Since when, after the fault, nothing stood in the way: its end, the end of a wait that the venue asked for, or
    the first connection that it accepted afterwards."""
    up: Nanos | None
    """When every book could be read after the fault; None if it stayed lost."""
    losses: int
    dials: tuple[tuple[Nanos, int, Nanos], ...]
    requests: tuple[tuple[Nanos, int, Nanos], ...]
    closed: tuple[Nanos, ...]
    lies: tuple[str, ...]
    wrong: tuple[tuple[Nanos, Nanos], ...]
    """From when to when a book that could be read showed a top that the engine never had."""
    backwards: int
    """How often such a top was one that the engine had had before the last."""
    checked: int
    proof: Proof

    @property
    def detected_in(self) -> Nanos | None:
        """From the first change that was hit, or from the beginning, until the book could not be read."""
        if self.struck is None or self.down is None:
            return None
        return max(0, self.down - self.struck)

    @property
    def silent_for(self) -> Nanos | None:
        """From the last frame until the book could not be read."""
        return None if self.down is None else self.down - self.heard

    @property
    def healed_in(self) -> Nanos | None:
        """From when nothing stood in the way until all could be read. What hits single frames refuses no connection:
        there it is from the fault's end, however long we waited to dial.
        """
        since = self.ended if faults_kind(self.case) in OF_FRAMES else self.calm_from
        return None if self.up is None else max(0, self.up - since)

    @property
    def dialled_amid(self) -> bool:
        """Whether a connection was made while the fault was in force, which hit its first frames too."""
        return any(self.begun <= at <= self.ended for at, _, _ in self.dials)

    @property
    def dials_a_minute(self) -> int:
        """The most in any minute."""
        times = [at for at, _, _ in self.dials]
        return max(sum(at <= other < at + MINUTE for other in times) for at in times)

    def hurries(self) -> list[str]:
        """Dials and requests that came before the venue allowed them, and waits that nothing asked for."""
        found = []
        for name, asked in (("dial", self.dials), ("request", self.requests)):
            for at, _, wait in asked:
                early = [one for one, _, _ in asked if at + 2 * LATENCY < one < at + wait]
                found += [f"{name} at {one}, told at {at} to wait {wait}" for one in early]
        dials = [at for at, _, _ in self.dials]
        for number, at in enumerate(dials):
            before = [one for one in self.closed if one < at]
            if not before:
                continue
            held = [told + wait for told, _, wait in self.dials if told < at]
            free = [dials[number - 5] + MINUTE] if number >= 5 else []
            if at > max(before[-1] + 15 * SECOND, *held, *free) + 2 * LATENCY:
                found.append(f"dial at {at} waited since {before[-1]}")
        return found


def try_out(case: str, end: str, seed: int) -> Trial:
    """One run: four seconds of calm, the fault, and what follows until all is well again."""
    one = end_of(end)
    phase = Random(f"{case} {end} {seed}").randrange(SECOND)
    begun = 4 * SECOND + phase
    faults = [replace(fault, at=begun) for fault in CASES[case]]
    ended = faults[0].until
    arena = Arena(
        {one.venue: plugin_of(end)},
        _parameters(),
        seed,
        faults,
        one.assets,
        instruments_of(end),
        STEP,
        listening=True,
        channels=channels_of(end),
    )
    arena.run(begun)
    if not arena.live():
        raise AssertionError(f"{end} is not live after {arena.now}: {arena.told}")
    calm = CALM_UNPROVEN if rule_of(end).proof is Proof.NONE and faults[0].kind in OF_FRAMES else CALM
    arena.run(ended)
    while not _well_for(arena, ended, calm) and arena.now < LONGEST:
        arena.run(arena.now + LOOKS)
    return _trial(arena, case, end, seed, begun, ended)


def _well_for(arena: Arena, ended: Nanos, calm: Nanos) -> bool:
    up = _up(arena, ended)
    return up is not None and arena.live() and arena.now >= max(up, ended) + calm


def _up(arena: Arena, ended: Nanos) -> Nanos | None:
    """When all books could be read first, at the fault's end or after it."""
    lost: set[str] = set()
    known: set[str] = set()
    up: Nanos | None = None
    for told in arena.told:
        if told.at > ended and not lost and known:
            break
        known.add(told.book)
        (lost.discard if told.state is BookState.LIVE else lost.add)(told.book)
        up = told.at
    return None if lost or up is None else max(up, ended)


def _trial(arena: Arena, case: str, end: str, seed: int, begun: Nanos, ended: Nanos) -> Trial:
    venue = arena.venues[end_of(end).venue]
    down = next((one for one in arena.told if one.at >= begun and one.state is not BookState.LIVE), None)
    up = _up(arena, ended)
    return Trial(
        case, end, seed, begun, ended,
        _struck(faults_kind(case), venue, end, begun, ended),
        venue.last_frame_at,
        None if down is None else down.at,
        "" if down is None else down.reason,
        _calm_from(venue, ended, up),
        up,
        sum(one.at >= begun and one.state is not BookState.LIVE for one in arena.told),
        tuple(venue.dials), tuple(venue.requests), tuple(at for at, _ in venue.closed),
        tuple(arena.lies()), tuple(arena.wrong_for()), sum(len(one.backwards) for one in arena.truths.values()),
        sum(one.checked for one in arena.truths.values()),
        rule_of(end).proof,
    )  # fmt: skip


def _calm_from(venue: Venue, ended: Nanos, up: Nanos | None) -> Nanos:
    waits = [at + wait + 2 * LATENCY for at, _, wait in (*venue.dials, *venue.requests) if wait]
    calm = max([ended, *waits])
    first = next((at for at in venue.opened if at >= ended), None)
    return calm if first is None or (up is not None and first > up) else max(calm, first)


def _struck(kind: str, venue: Venue, end: str, begun: Nanos, ended: Nanos) -> Nanos | None:
    """When the first change of the book would have come that did not come so; for other faults the beginning.

    Where a checksum covers a part of the book: since when that part was not the venue's when it was noticed.
    """
    if kind not in OF_FRAMES and kind not in ("stall", "black_hole"):
        return begun
    has_sum = rule_of(end).proof is Proof.CHECKSUM
    covered = difference(end, venue, begun) if has_sum else None
    if covered is not None or (has_sum and kind in ("drop", "reorder")):
        return covered
    said = [(at, text.encode()) for at, text in venue.said if at <= ended]
    meant = meanings(end, (text for _, text in said))
    if kind == "corrupt":
        came = meanings(end, (text for _, text in venue.arrivals))
        pairs = zip(said, meant, venue.arrivals, came, strict=False)
        return next((at + LATENCY for (at, text), its, (_, got), read in pairs
                     if text != got and (read == UNREADABLE if has_sum else read != its)), None)  # fmt: skip
    of_book = [one for one, its in zip(said, meant, strict=True) if its]
    texts = {text for _, text in of_book}
    rest = (text for _, text in venue.arrivals if text in texts)
    return next((at + LATENCY for at, text in of_book if next(rest, None) != text), None)


def faults_kind(case: str) -> str:
    """The kind of fault that is tried."""
    return CASES[case][0].kind


@cache
def _parameters() -> Parameters:
    return plain(Parameters.load(), RATE)
