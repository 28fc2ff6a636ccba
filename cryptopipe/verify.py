"""Runs a captured run again and compares the two journals, byte for byte.

Enters: a run's directory. Leaves: whether they are identical, and the first difference by record and field. Never: a
comparison with a configuration other than the run's own.
"""

import time
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import msgspec
from pydantic import ValidationError

from cryptopipe import __version__, registry
from cryptopipe.capture.reader import read
from cryptopipe.drivers.replay import ReplayLabel
from cryptopipe.errors import JournalError
from cryptopipe.journal.log import MemoryLog
from cryptopipe.journal.reader import Records
from cryptopipe.journal.records import RunEnded
from cryptopipe.journal.runs import Run
from cryptopipe.settings import compose, effective
from cryptopipe.settings.effective import NOT_HASHED
from cryptopipe.wiring import PAPER, Wiring, may_withdraw


@dataclass(frozen=True)
class Verification:
    """The outcome. `compared` says what: the whole run, or the captured prefix of one that was cut off."""

    identical: bool
    compared: str
    records: int
    hash_run: str
    hash_replay: str
    first_difference: dict[str, Any] | None
    seconds: float
    notes: list[str]

    def document(self) -> dict[str, Any]:
        """The JSON contract of `replay RUN --verify`."""
        return dict(vars(self))


def wiring_of(run: Run) -> Wiring:
    """The pipe's parts as the run had them. Raises `JournalError` if its description is missing."""
    told, where = run.description(), str(run.path / "run.json")
    missing = [key for key in ("strategy", "venues", "config") if key not in told]
    if missing:
        raise JournalError(f"the run does not say its {' and '.join(missing)}", where=where)
    strategy = told["strategy"]
    model = compose({strategy: registry.strategy(strategy).settings})
    try:
        settings = model.model_validate(told["config"])
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(part) for part in fault["loc"])
        raise JournalError(
            f"config.{key}: {fault['msg'].lower()}: not a configuration of this version",
            where=where,
            fix=f"replay the run with the version that made it: {told.get('version', 'unknown')}",
        ) from error
    execution = told.get("execution", PAPER)
    wiring = Wiring.of(strategy, settings, told["venues"], execution)
    return replace(wiring, withdraws=may_withdraw(execution, told.get("market", "")))


def notes_of(run: Run) -> list[str]:
    """What this version and the run's own do not have in common: known before anything is replayed. Raises as
    `wiring_of`.
    """
    told, notes = run.description(), []
    read = effective(wiring_of(run).settings)
    recorded_by = told.get("version", "unknown")
    if recorded_by != __version__:
        notes.append(f"recorded by version {recorded_by}, this is {__version__}")
    changed = [key for key in _changed(told["config"], read, "") if key.partition(".")[0] not in NOT_HASHED]
    if changed:
        notes.append(f"recorded with settings that this version reads differently: {', '.join(changed)}")
    return notes


def _changed(one: Any, other: Any, path: str) -> list[str]:
    """Dotted keys whose values differ, or that one side lacks."""
    if one == other:
        return []
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return [path]
    keys = dict.fromkeys([*one, *other])
    return [name for key in keys for name in _changed(one.get(key), other.get(key), f"{path}.{key}" if path else key)]


def label_of(run: Run) -> ReplayLabel:
    """The run's label, as it was journalled."""
    told = run.description()
    return ReplayLabel(bool(told.get("simultaneous", True)), told.get("label", ""), ())


def verify(run: Run) -> Verification:
    """Run the capture again, in memory, and compare."""
    began = time.perf_counter()
    notes = notes_of(run)
    records = list(Records(run.journal).lines())
    original = [line + b"\n" for _, line in records]
    again, prefix = _again(run)
    compared = "whole run"
    if prefix is None and not (records and records[-1][0].kind == RunEnded.kind):
        compared = "journalled prefix: it was cut off while the run ended"
        again = again[: len(original)]
    elif prefix is not None:
        compared = f"captured prefix, inputs before {prefix}"
        original, again = _before(original, prefix), _before(again, prefix)
        again = again[: len(original)]  # the journal may have lost its tail; the replay lacks nothing before the prefix
    return Verification(
        identical=original == again,
        compared=compared,
        records=len(original),
        hash_run=sha256(b"".join(original)).hexdigest(),
        hash_replay=sha256(b"".join(again)).hexdigest(),
        first_difference=_first_difference(original, again),
        seconds=round(time.perf_counter() - began, 3),
        notes=notes,
    )


def _again(run: Run) -> tuple[list[bytes], int | None]:
    """The records of the replay, and where the capture was cut: before which input the run's records are all caused by
    captured turns. None if the capture holds the run's end.
    """
    wiring, log = wiring_of(run), MemoryLog()
    pipe = wiring.pipe(log)
    pipe.tell_start(wiring.started(label_of(run)))
    last_turn_seq, turn = 0, -1
    for entry in read(run.capture):
        if entry.ends:
            pipe.finish(entry.payload.decode())
            return log.lines, None
        if entry.turn != turn:
            turn, last_turn_seq = entry.turn, entry.seq
        pipe.receive(entry)
        pipe.market.take_commands()
    return log.lines, last_turn_seq


def _before(lines: list[bytes], seq: int) -> list[bytes]:
    """The records caused by inputs before `seq`: what both sides must have in full."""
    return [line for line in lines if msgspec.json.decode(line)["seq"] < seq]


def _first_difference(original: list[bytes], again: list[bytes]) -> dict[str, Any] | None:
    for number, (one, other) in enumerate(zip(original, again, strict=False), 1):
        if one != other:
            field, was, now = _field(msgspec.json.decode(one), msgspec.json.decode(other), "")
            return {"record": number, "field": field, "run": was, "replay": now}
    if len(original) != len(again):
        number = min(len(original), len(again)) + 1
        missing = {"record": number, "field": "", "run": None, "replay": None}
        side, lines = ("run", original) if len(original) > len(again) else ("replay", again)
        return {**missing, side: msgspec.json.decode(lines[number - 1])["kind"]}
    return None


def _field(one: Any, other: Any, path: str) -> tuple[str, Any, Any]:
    """Path of the first difference between two JSON values, and both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            if one.get(key) != other.get(key):
                return _field(one.get(key), other.get(key), f"{path}.{key}" if path else key)
    if isinstance(one, list) and isinstance(other, list):
        for index, (a, b) in enumerate(zip(one, other, strict=False)):
            if a != b:
                return _field(a, b, f"{path}[{index}]")
    return path, one, other
