"""Rows made again from captures: those of sessions that a crash cut, and of any capture that somebody names.

Enters: sessions, captures, plans. Leaves: the row files that a collector writes of them; what the next session must
know. Never: a file touched that is sealed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import structlog

from cryptopipe.capture.inputs import Input
from cryptopipe.capture.reader import Capture
from cryptopipe.clock import Nanos
from cryptopipe.collect.collection import Collection
from cryptopipe.collect.derive import first_stamp, play, session_id
from cryptopipe.collect.layout import HOUR, PART, RAW, folder_symbol, root
from cryptopipe.collect.plan import Carried, Plan
from cryptopipe.collect.sealing import Sealer
from cryptopipe.collect.sessions import Session, all_sessions, carried_over
from cryptopipe.collect.streams import Origin
from cryptopipe.errors import CaptureError
from cryptopipe.model.contracts import ExchangePlugin

_LOG = structlog.get_logger()


def origin_of(data_dir: Path, session: Session, began_at: Nanos) -> Origin:
    """Of a collector's session."""
    return Origin(data_dir, session.id, f"{RAW}/{session.id}", began_at)


def mend(data_dir: Path, plugin: ExchangePlugin, plan: Plan, before: str, now: Callable[[], Nanos]) -> Iterator[int]:
    """Seal the rows of every session of a venue before this one that was cut, piece by piece; one that another process
    is at is waited for if it has streams of the plan. Raises `CaptureError` for a capture that is damaged, `OSError`.
    """
    for session in all_sessions(data_dir, plugin.venue):
        facts = session.facts()
        if session.id >= before or facts is None or session.sealed() is not None:
            continue
        with ExitStack() as holding:
            if not holding.enter_context(session.held()):
                if not _meet(facts.plan, plan):
                    continue
                holding.enter_context(session.held(wait=True))
            if session.sealed() is None:
                yield from _mend_one(data_dir, plugin, session, now)


def _mend_one(data_dir: Path, plugin: ExchangePlugin, session: Session, now: Callable[[], Nanos]) -> Iterator[int]:
    facts = session.facts()
    assert facts is not None, "a session of a collector"
    carried = facts.carried
    if carried is None:
        before = [one for one in all_sessions(data_dir, plugin.venue) if one.id < session.id]
        carried = carried_over(before, facts.plan)
    _LOG.info("collect.mending", venue=plugin.venue, session=session.id)
    made = Collection(facts.plan, plugin, origin_of(data_dir, session, facts.began_at), Sealer(now), carried)
    if session.has_inputs:
        yield from play(Capture(session.path), made, session.spills())
    carried = made.end()
    sweep(data_dir, facts.plan)
    session.seal(made.rows, carried)
    _LOG.info("collect.mended", venue=plugin.venue, session=session.id, inputs=made.seq, rows=made.rows)


def sweep(data_dir: Path, plan: Plan) -> None:
    """Take away what a crash left of files that are made no more, since their inputs were lost. Raises `OSError`."""
    symbols = None if plan.symbols is None else {folder_symbol(symbol) for symbol in plan.symbols}
    for wanted in plan.wanted:
        for pattern in (f"*{PART}", ".*.new"):
            for path in (root(data_dir) / plan.venue / wanted.folder).glob(f"*/{pattern}"):
                if symbols is None or path.parent.name in symbols:
                    path.unlink()


def _meet(one: Plan, other: Plan) -> bool:
    """Whether two plans have a stream in common; no two that are at work have one."""
    folders = {wanted.folder for wanted in one.wanted} & {wanted.folder for wanted in other.wanted}
    symbols = one.symbols is None or other.symbols is None or bool(set(one.symbols) & set(other.symbols))
    return bool(folders) and symbols


def from_raw(
    paths: Sequence[Path],
    plugin: ExchangePlugin,
    plan_of: Callable[[Plan | None], Plan],
    data_dir: Path,
    now: Callable[[], Nanos],
    show: Callable[[str], None] | None = None,
    watched: Callable[[Iterable[Input]], Iterable[Input]] = iter,
) -> Collection:
    """Write the rows of captures, one after the other; the last one's collection. `plan_of` is asked with the plan of a
    capture's collector, None for any other capture. Raises `CaptureError`, `OSError`.
    """
    carried: dict[str, Carried] = {}
    made: Collection | None = None
    for path in paths:
        session = Session(path)
        facts = session.facts() if path.is_dir() else None
        capture = Capture(path, None if facts is not None else plugin.venue)
        plan = plan_of(None if facts is None else facts.plan)
        if facts is not None:
            origin, before = origin_of(data_dir, session, facts.began_at), facts.carried or {}
        else:
            first = first_stamp(capture)
            origin, before = Origin(data_dir, session_id(first), path.name, first), {}
        made = Collection(plan, plugin, origin, Sealer(now), _wanted({**before, **carried}, plan), show)
        for _ in play(watched(capture), made, session.spills() if facts is not None else ()):
            pass
        carried |= made.end()
    if made is None:
        raise CaptureError("no capture is named", fix="--from-raw FILE")
    return made


def _wanted(carried: Mapping[str, Carried], plan: Plan) -> dict[str, Carried]:
    folders = {one.folder for one in plan.wanted}
    return {key: one for key, one in carried.items() if key.partition("/")[0] in folders}


def next_hour(at: Nanos) -> Nanos:
    """The end of the hour of a stamp."""
    return (at // HOUR + 1) * HOUR
