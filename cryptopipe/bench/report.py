"""What a measurement says: medians with their spread, ratios to peers, geometric means.

Enters: samples. Leaves: rows, and the document of `bench NAME --json`. Never: a ratio without both of its values, or a
mean over a peer that was not measured.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Spread:
    """Median, least and greatest of some samples."""

    value: float
    min: float
    max: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Spread":
        """Raises `ValueError` without a sample."""
        if not samples:
            raise ValueError("a spread needs at least one sample")
        return cls(median(samples), min(samples), max(samples))


@dataclass(frozen=True)
class Peer:
    """Another library on the same frames. `checks` says what it proves of them, `note` what differs."""

    spread: Spread
    checks: str
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One measured thing. `unit` is a time (less is better) if there are peers."""

    name: str
    n: int
    unit: str
    spread: Spread
    proof: str = ""
    peers: Mapping[str, Peer] = field(default_factory=dict)
    reference: Spread | None = None
    notes: Sequence[str] = ()

    @property
    def ratio(self) -> dict[str, float]:
        """How many times as long each peer took: median by median."""
        return {name: peer.spread.value / self.spread.value for name, peer in self.peers.items()}

    @property
    def reference_ratio(self) -> dict[str, float]:
        """The same for the reference core; empty where it was not measured."""
        if self.reference is None:
            return {}
        return {name: peer.spread.value / self.reference.value for name, peer in self.peers.items()}

    def document(self) -> dict[str, Any]:
        """The row's part of the JSON contract; what follows `ratio` is additional."""
        told: dict[str, Any] = {
            "name": self.name,
            "n": self.n,
            "unit": self.unit,
            **_rounded(self.spread),
            "peers": {name: round(peer.spread.value, 3) for name, peer in self.peers.items()},
            "ratio": {name: round(ratio, 2) for name, ratio in self.ratio.items()},
            "proof": self.proof,
            "peer_spreads": {name: _rounded(peer.spread) for name, peer in self.peers.items()},
            "peer_checks": {name: peer.checks for name, peer in self.peers.items()},
            "notes": [*self.notes, *(f"{name}: {peer.note}" for name, peer in self.peers.items() if peer.note)],
        }
        if self.reference is not None:
            ratios = {name: round(ratio, 2) for name, ratio in self.reference_ratio.items()}
            told["reference_core"] = {**_rounded(self.reference), "ratio": ratios}
        return told


def _rounded(spread: Spread) -> dict[str, float]:
    return {name: round(value, 3) for name, value in vars(spread).items()}


def geometric_mean(values: Iterable[float]) -> float:
    """Raises `ValueError` without a value, or for one not above zero."""
    found = list(values)
    if not found or min(found) <= 0:
        raise ValueError(f"a geometric mean needs values above zero: {found}")
    return math.exp(math.fsum(map(math.log, found)) / len(found))


def geometric_means(rows: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """By name, over the rows that have it."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            found.setdefault(name, []).append(value)
    return {name: geometric_mean(values) for name, values in found.items()}


@dataclass(frozen=True)
class Report:
    """One run of `bench NAME`."""

    bench: str
    core: str
    versions: Mapping[str, str]
    corpus_sha256: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()

    @property
    def geomean(self) -> dict[str, float]:
        """Of the ratios to each peer, over the rows where it was measured."""
        return geometric_means(row.ratio for row in self.rows)

    def document(self) -> dict[str, Any]:
        """The JSON contract."""
        reference = geometric_means(row.reference_ratio for row in self.rows)
        return {
            "bench": self.bench,
            "core": self.core,
            "versions": dict(self.versions),
            "corpus_sha256": self.corpus_sha256,
            "rows": [row.document() for row in self.rows],
            "geomean": {name: round(value, 2) for name, value in self.geomean.items()},
            "reference_core_geomean": {name: round(value, 2) for name, value in reference.items()},
            "notes": list(self.notes),
        }
