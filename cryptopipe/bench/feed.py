"""`bench feed`: from raw bytes to best bid and ask, ours and the peers', pass by pass in turn.

Enters: recordings. Leaves: a `Report`. Never: a figure of a side whose books ended elsewhere without saying so, or of
two sides measured at different times.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from cryptopipe import __version__, core, registry
from cryptopipe.bench import sides
from cryptopipe.bench.corpus import Corpus, build
from cryptopipe.bench.recordings import PEERS, PeerPlan, Recording
from cryptopipe.bench.report import Peer, Report, Row, Spread

NATIVE, REFERENCE = "native", "reference"
Tell = Callable[[str], None]


@dataclass
class Samples:
    """Microseconds a frame of one side, and where its books ended."""

    micros: list[float]
    ends: list[list[str]]

    @property
    def spread(self) -> Spread:
        """Of all passes but the first, which warmed up."""
        return Spread.of(self.micros[1:] or self.micros)


class _Corpora:
    """Each recording's frames, built once and written where every side reads them."""

    def __init__(self, directory: Path, found: Sequence[Recording]) -> None:
        self._directory = directory
        self._found = {one.name: one for one in found}
        self.built: dict[str, tuple[Corpus, Path]] = {}

    def get(self, name: str) -> tuple[Corpus, Path]:
        if name not in self.built:
            recording = self._found[name]
            corpus = build(recording, registry.exchange(recording.venue))
            path = self._directory / f"{len(self.built)}.json"
            path.write_bytes(msgspec.json.encode(corpus))
            self.built[name] = corpus, path
        return self.built[name]


def measure(
    wanted: Sequence[Recording], found: Sequence[Recording], runs: int, peers_python: str, tell: Tell = lambda _: None
) -> Report:
    """Measure the wanted recordings; `found` holds those that peer plans may name. Raises `BenchFailed`."""
    notes = sides.busy()
    with ExitStack() as stack:
        corpora = _Corpora(Path(stack.enter_context(TemporaryDirectory(prefix="cryptopipe-bench-"))), found)
        own = {name: stack.enter_context(sides.ours(name)) for name in dict.fromkeys((core.NAME, REFERENCE))}
        drivers = dict.fromkeys(plan.driver for one in wanted for plan in one.peers.values())
        peers = {name: stack.enter_context(sides.peer(name, PEERS, peers_python)) for name in drivers}
        notes += [side.greeting["absent"] for side in peers.values() if "absent" in side.greeting]
        peers = {name: side for name, side in peers.items() if "absent" not in side.greeting}
        rows = []
        for recording in wanted:
            tell(recording.name)
            rows.append(_row(recording, corpora, own, peers, runs))
        hashed = sha256("".join(corpora.get(one.name)[0].sha256 for one in wanted).encode()).hexdigest()
    versions = {
        "cryptopipe": __version__,
        "msgspec": msgspec.__version__,
        "python": own[REFERENCE].greeting["versions"]["python"],
    }
    for name, side in peers.items():
        told = dict(side.greeting["versions"])
        versions[f"python of {name}"] = told.pop("python")
        versions |= told
    if sides.cpu() is None:
        notes.append("not pinned to one core: this system cannot")
    return Report("feed", core.NAME, versions, hashed, rows, notes)


def _row(
    recording: Recording, corpora: _Corpora, own: dict[str, sides.Side], peers: dict[str, sides.Side], runs: int
) -> Row:
    corpus, path = corpora.get(recording.name)
    plans = {name: plan for name, plan in recording.peers.items() if plan.driver in peers}
    samples: dict[str, Samples] = {name: Samples([], []) for name in (*own, *plans)}
    for side in own.values():
        side.load(path, {})
    for _ in range(runs + 1):
        for name, side in own.items():
            _take(samples[name], side.timed_pass())
        for name, plan in plans.items():
            side = peers[plan.driver]
            side.load(corpora.get(plan.corpus or recording.name)[1], plan.options)
            _take(samples[name], side.timed_pass())
    ours = samples[core.NAME]
    return Row(
        name=recording.name,
        n=len(corpus.frames),
        unit="us/frame",
        spread=ours.spread,
        proof=corpus.proof,
        peers={name: _peer(plan, samples[name], ours) for name, plan in plans.items()},
        reference=samples[REFERENCE].spread if core.NAME != REFERENCE else None,
        notes=[f"{corpus.name}: given to {corpus.tiles} fresh books in turn"] if corpus.tiles > 1 else [],
    )


def _take(samples: Samples, answer: dict[str, Any]) -> None:
    samples.micros.append(answer["seconds"] / answer["frames"] * 1e6)
    samples.ends = answer["ends"]


def _peer(plan: PeerPlan, theirs: Samples, ours: Samples) -> Peer:
    note = plan.note
    if not same_prices(theirs.ends, ours.ends):
        note = f"{note}; its books end at other tops than ours" if note else "its books end at other tops than ours"
    return Peer(theirs.spread, plan.checks, note)


def same_prices(one: Sequence[Sequence[str]], other: Sequence[Sequence[str]]) -> bool:
    """Whether two sides ended at the same best prices, whatever they call their books and however they print."""
    return sorted([Decimal(n) for n in top] for top in one) == sorted([Decimal(n) for n in top] for top in other)
