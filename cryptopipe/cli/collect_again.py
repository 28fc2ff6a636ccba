"""Collects again from captures.

Enters: captures, what is wanted of them. Leaves: rows as they were, or would have been, written live. Never: rows
beside those of a collector at work, or of another market.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.collect_live import document_of, unshown, venue_told
from cryptopipe.cli.options import Common
from cryptopipe.cli.tape import Tape
from cryptopipe.clock import Nanos, Stamper
from cryptopipe.errors import UsageError

if TYPE_CHECKING:
    from cryptopipe.capture.inputs import Input
    from cryptopipe.collect.collection import Collection
    from cryptopipe.collect.plan import Plan
    from cryptopipe.settings import Settings


def again(
    common: Common, settings: "Settings", given: dict[str, Any], for_ns: Nanos | None
) -> tuple[str, dict[str, Any]]:
    """Rows of captures. Raises `UsageError`, `CaptureError`."""
    from cryptopipe import registry
    from cryptopipe.collect.again import from_raw
    from cryptopipe.collect.running import MIB
    from cryptopipe.drivers.stop import stop_on_interrupt, watched

    stamp = Stamper()
    began_at = stamp()
    venue, paths = _named(given)
    plugin = registry.exchange(venue)
    plan_of = _plan_of(plugin, given, settings.data_dir, settings.collect.max_mb * MIB)
    tape = Tape(patient=True)
    show = None if common.json else tape
    with stop_on_interrupt() as stop, _alone(settings.data_dir, venue):

        def until(inputs: "Iterable[Input]") -> "Iterable[Input]":
            return inputs if for_ns is None and not stop.requested else watched(inputs, stop, for_ns)

        made = from_raw(paths, plugin, plan_of, settings.data_dir, stamp, show, until)
    unshown(tape)
    _refuse_nothing(made, venue)
    stopped_by = "interrupt" if stop.requested else "end of recordings"
    told = venue_told(settings.data_dir, made.session, venue, made.rows)
    return stopped_by, document_of(settings.data_dir, stopped_by, {venue: told}, began_at, stamp())


def _refuse_nothing(made: "Collection", venue: str) -> None:
    """Says what the captures tell of where no row came of them. Raises `CaptureError` where nothing was understood."""
    from cryptopipe.drivers.replay import refuse_foreign
    from cryptopipe.model.facts import VenueId
    from cryptopipe.summary import venue_counts

    refuse_foreign({VenueId(venue): venue_counts(made.market, VenueId(venue))})
    if not made.rows:
        books = sorted({*made.market.books[VenueId(venue)], *made.market.orders[VenueId(venue)]})
        click.echo(f"no row came of it: it tells of {', '.join(books) or 'no book'}", err=True)


@contextmanager
def _alone(data_dir: Path, venue: str) -> Iterator[None]:
    """Raises `StreamBusy` where a collector of the venue is at work: their files would be numbered into each other."""
    from cryptopipe.collect.sessions import StreamBusy, all_sessions

    for session in all_sessions(data_dir, venue):
        if session.runs:
            raise StreamBusy(
                f"a collector of {venue} is at work here, session {session.id}",
                where=str(data_dir),
                fix="write into a directory of its own: --data_dir DIR",
            )
    yield


def _named(given: dict[str, Any]) -> tuple[str, list[Path]]:
    """The venue and the captures. Raises `UsageError`, `CaptureError`."""
    if given["replays"]:
        pairs = [text.partition("=") for text in given["replays"]]
        wrong = next(
            (text for text, pair in zip(given["replays"], pairs, strict=True) if not (pair[0] and pair[2])), None
        )
        if wrong is not None:
            raise UsageError(f"--replay {wrong} is not VENUE=FILE", fix="write it as --replay A=recording.jsonl.gz")
        venues = {pair[0] for pair in pairs} | ({given["exchange"]} if given["exchange"] else set())
        paths = [Path(pair[2]).expanduser() for pair in pairs]
    else:
        paths = [path.expanduser() for path in given["raws"]]
        venues = {_venue_in(path, given["exchange"]) for path in paths}
    if len(venues) > 1:
        raise UsageError(
            f"captures of several venues: {', '.join(sorted(venues))}", where="--from-raw", fix="one a time"
        )
    return venues.pop(), paths


def _venue_in(path: Path, given: str | None) -> str:
    """Whose a capture is: as it says, else as `given`. Raises `UsageError` where neither or another one is said,
    `CaptureError`.
    """
    from cryptopipe.capture.reader import Capture
    from cryptopipe.collect.sessions import Session

    facts = Session(path).facts() if path.is_dir() else None
    said = facts.plan.venue if facts is not None else next((one.venue for one in Capture(path, given) if one.venue), "")
    if given is not None and said not in ("", given):
        raise UsageError(f"a capture of {said}, not of {given}", where=str(path), fix="leave --exchange out")
    if not said and given is None:
        raise UsageError("does not say of which venue it is", where=str(path), fix="add --exchange E")
    return given or said


def _plan_of(plugin: Any, given: dict[str, Any], data_dir: Path, max_bytes: int) -> "Callable[[Plan | None], Plan]":
    """What is written of a capture: what its collector wrote, or what is asked for. Raises `UsageError`."""
    import msgspec

    from cryptopipe.collect.plan import RECORDING, Plan
    from cryptopipe.collect.sessions import refuse_mixture
    from cryptopipe.collect.wish import instruments_of, wanted_of

    changes: dict[str, Any] = {}
    if given["types"]:
        changes["wanted"] = wanted_of(given["types"], given["intervals"], given["depth"])
    if given["symbols"]:
        changes["symbols"] = tuple(one.symbol for one in instruments_of(plugin, given["symbols"]))
    if given["form"]:
        changes["form"] = given["form"]
    if given["header"]:
        changes["header"] = True

    def plan_of(was: Plan | None) -> Plan:
        if was is None:
            if "wanted" not in changes:
                raise UsageError("which kind of data?", where="--data_type", fix="--data_type trade,book")
            was = Plan(plugin.venue, None, (), max_bytes=max_bytes, market=RECORDING)
        plan = msgspec.structs.replace(was, **changes)
        refuse_mixture(data_dir, plan)
        return plan

    return plan_of
