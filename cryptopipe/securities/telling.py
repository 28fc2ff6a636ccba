"""New, changed and delisted instruments as alerts.

Enters: syncs whose changes nobody was told of. Leaves: alerts in the spool, and in the store that they are told. Never:
an alert lost because the process ended after a sync, or more than `SINGLY` lines for one thing that a venue did.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from cryptopipe.alerts import Alert, Spool
from cryptopipe.clock import Nanos
from cryptopipe.securities.access import opened
from cryptopipe.securities.compare import CHANGED, LISTED_AGAIN, NEW, Change
from cryptopipe.securities.store import Sync
from cryptopipe.securities.versions import DELISTED

SINGLY = 20
"""Changes of one kind at one venue in one sync that are told one by one; more are one alert."""
_KINDS = {NEW: "instrument.new", LISTED_AGAIN: "instrument.new", CHANGED: "instrument.changed"}
_KINDS[DELISTED] = "instrument.delisted"


def tell(data_dir: Path, market: str) -> int:
    """Tell what was not told yet; how many alerts. Told again next time where the spool did not take one."""
    with opened(data_dir, market, write=True) as store:
        waiting = store.untold()
    spool, told, count = Spool(data_dir), list[Sync](), 0
    for one, changes in waiting:
        alerts = list(alerts_of(one.exchange, one.at, changes))
        if all(spool.tell(alert) for alert in alerts):
            told.append(one)
            count += len(alerts)
    if told:
        with opened(data_dir, market, write=True) as store:
            store.tell(told)
    return count


def alerts_of(exchange: str, at: Nanos, changes: Sequence[Change]) -> Iterator[Alert]:
    """The alerts of one sync of a venue."""
    by_kind = sorted(changes, key=lambda one: _KINDS[one.kind])
    for kind, group in groupby(by_kind, key=lambda one: _KINDS[one.kind]):
        same = list(group)
        if len(same) > SINGLY:
            names = ", ".join(one.symbol for one in same[:SINGLY])
            yield Alert(kind, exchange, f"{len(same)} instruments: {names}, …", _severity(kind), at)
            continue
        for one in same:
            data = {name: f"{was} -> {now}" for name, (was, now) in one.fields.items()}
            key = f"{kind} {one.exchange}:{one.symbol} {at}"
            yield Alert(kind, f"{exchange} {one.symbol}", in_words(one), _severity(kind), at, key, data)


def _severity(kind: str) -> str:
    return "warning" if kind == "instrument.delisted" else "info"


def in_words(one: Change) -> str:
    """`BTC/USDT changed: tick 0.01 -> 0.1`."""
    fields = ", ".join(f"{name} {was or 'unknown'} -> {now or 'unknown'}" for name, (was, now) in one.fields.items())
    return f"{one.unified} {one.kind}" + (f": {fields}" if fields else "")
