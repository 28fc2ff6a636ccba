"""What a venue's answers change: a pure function of what is known and what is told.

Enters: a venue's latest versions, a snapshot of it. Leaves: versions to close and to open, each change in words. Never:
a change in the past, an instrument taken for delisted because a venue failed or answered suspiciously little.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cryptopipe.clock import Nanos, format_at
from cryptopipe.errors import CryptopipeError, Remedy
from cryptopipe.model.contracts import Listing
from cryptopipe.securities.versions import DELISTED, Terms, Version, after, differences, in_force, terms_of

NEW, CHANGED, LISTED_AGAIN = "new", "changed", "listed again"
"""What may become of an instrument, beside `DELISTED`."""


class SnapshotRefused(CryptopipeError):
    """A venue's answers cannot be all that it lists, or come too late."""

    remedy = Remedy.REJECT
    code = "snapshot"


class Snapshot(msgspec.Struct, frozen=True):
    """All that a venue lists, by symbol, as told at `at`. `missing`: which answers are not in it, empty if none."""

    exchange: str
    at: Nanos
    terms: Mapping[str, Terms]
    missing: str = ""


class Change(msgspec.Struct, frozen=True):
    """What became of one instrument; `fields` say by name what was and what is, of a changed one."""

    kind: str
    exchange: str
    symbol: str
    unified: str
    fields: Mapping[str, tuple[str, str]] = {}


class Changes(msgspec.Struct, frozen=True):
    """Versions to close (as they are then), versions to open, and the same for a reader."""

    closed: Sequence[Version] = ()
    opened: Sequence[Version] = ()
    told: Sequence[Change] = ()


def snapshot_of(exchange: str, at: Nanos, listings: Iterable[Listing], missing: str = "") -> Snapshot:
    """The answers of one round as one: a later one's word holds over an earlier one's (`versions.after`)."""
    terms: dict[str, Terms] = {}
    ends: dict[str, Nanos] = {}
    for one in listings:
        for told in one.instruments:
            if told.venue == exchange:
                terms[told.symbol] = after(terms.get(told.symbol), terms_of(told))
        ends.update(one.delists)
    for symbol in ends.keys() & terms.keys():
        known = [at for at in (ends[symbol], terms[symbol].delists_at) if at]
        terms[symbol] = msgspec.structs.replace(terms[symbol], delists_at=min(known, default=0))
    return Snapshot(exchange, at, terms, missing)


def compare(known: Mapping[str, Version], last: Nanos, told: Snapshot, user: str, accept: bool = False) -> Changes:
    """What a snapshot changes. `known` has each symbol's latest version, `last` is when the venue was asked last.

    Raises `SnapshotRefused` for one that is older than `last`, that has no instrument, or, unless `accept`, that lacks
    an answer or has less than half of what was listed, of the venue or of one kind.
    """
    _judge(known, last, told, accept)
    closed: list[Version] = []
    opened: list[Version] = []
    changes: list[Change] = []

    def turn(before: Version | None, symbol: str, now: Terms, kind: str, fields: Mapping[str, tuple[str, str]]) -> None:
        if before is not None:
            closed.append(_closed(before, told.at, user))
        listed = now.state != DELISTED
        opened.append(Version(told.exchange, symbol, now, told.at, None, listed, told.at, user))
        changes.append(Change(kind, told.exchange, symbol, now.unified, fields))

    for symbol in sorted(told.terms):
        before = known.get(symbol)
        if before is None or not before.listed:
            turn(before, symbol, told.terms[symbol], NEW if before is None else LISTED_AGAIN, {})
            continue
        now = after(before.terms, told.terms[symbol])
        if fields := differences(before.terms, now):
            turn(before, symbol, now, CHANGED, fields)
    for symbol in sorted(known.keys() - told.terms.keys()):
        if (before := known[symbol]).listed:
            turn(before, symbol, msgspec.structs.replace(before.terms, state=DELISTED), DELISTED, {})
    if closed and told.at <= max(one.valid_from for one in closed):
        raise SnapshotRefused(
            f"differs from what was told at the same time, {format_at(told.at)}",
            where=told.exchange,
            fix="give the time at which each answer was given",
        )
    return Changes(closed, opened, changes)


def between(versions: Iterable[Version], earlier: Nanos, later: Nanos) -> list[Change]:
    """What is another at the later time than at the earlier one, by id. What came and went between is not in it."""
    versions = list(versions)
    before, now = in_force(versions, earlier), in_force(versions, later)
    changes = []
    for name in sorted(now):
        was, one = before.get(name), now[name]
        if was == one or not (one.listed or (was is not None and was.listed)):
            continue
        fields: Mapping[str, tuple[str, str]] = {}
        if was is None:
            kind = NEW
        elif not one.listed:
            kind = DELISTED
        elif not was.listed:
            kind = LISTED_AGAIN
        elif fields := differences(was.terms, one.terms):
            kind = CHANGED
        else:
            continue
        changes.append(Change(kind, one.exchange, one.symbol, one.terms.unified, fields))
    return changes


def _closed(one: Version, at: Nanos, user: str) -> Version:
    return msgspec.structs.replace(one, valid_to=at, is_current=False, modified_at=at, modified_by=user)


def _judge(known: Mapping[str, Version], last: Nanos, told: Snapshot, accept: bool) -> None:
    if told.at < last:
        raise SnapshotRefused(
            f"told at {format_at(told.at)}, and what is known is of {format_at(last)}",
            where=told.exchange,
            fix="sync recordings in the order of their time, before newer answers",
        )
    if not told.terms:
        raise SnapshotRefused("lists no instrument", where=told.exchange, fix="ask again; `--accept` does not help")
    if accept:
        return
    if told.missing:
        raise SnapshotRefused(
            f"not all that it lists: {told.missing}",
            where=told.exchange,
            fix="ask again, or take what is there for all of it: --accept",
        )
    before = Counter(one.terms.kind for one in known.values() if one.listed)
    now = Counter(one.kind for one in told.terms.values())
    pairs = [("instruments", before.total(), now.total())] + [(kind, before[kind], now[kind]) for kind in before]
    for name, was, found in pairs:
        if 2 * found < was:
            raise SnapshotRefused(
                f"suspiciously short: {found} {name} where {was} were listed",
                where=told.exchange,
                fix="ask again, or take it for all that is listed: --accept",
            )
