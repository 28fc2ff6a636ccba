"""One sync: snapshots into the store, alerts of what changed.

Enters: snapshots, and the failures of venues that told none. Leaves: the same in the store, one venue after the other,
and what each changed. Never: the store open while a venue is asked, or a venue that keeps another one's snapshot out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptopipe.clock import Nanos, Stamper
from cryptopipe.drivers.questions import ask_each
from cryptopipe.errors import ProtocolError, VenueError
from cryptopipe.market.feeds import Rewrite
from cryptopipe.market.inquiry import APART
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import VenueId
from cryptopipe.securities.access import opened
from cryptopipe.securities.answers import requests_of, snapshot
from cryptopipe.securities.compare import Changes, Snapshot, SnapshotRefused
from cryptopipe.securities.telling import tell

Told = Snapshot | VenueError | ProtocolError


@dataclass
class Outcome:
    """What a sync did: the snapshots taken with what each changed, why a venue has none, how many alerts were told."""

    taken: list[tuple[Snapshot, Changes]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    fixes: dict[str, str] = field(default_factory=dict)
    alerts: int = 0


def ask(plugins: Mapping[VenueId, ExchangePlugin], rewrite: Rewrite, apart: Nanos = APART) -> list[Told]:
    """Each venue's snapshot as it answers now, or why there is none."""
    questions, told = {}, list[Told]()
    for venue, plugin in plugins.items():
        try:
            questions[venue] = requests_of(plugin)
        except (VenueError, ProtocolError) as error:
            told.append(error)
    answers, at = ask_each(questions, rewrite, apart), Stamper()()
    for venue, answer in answers.items():
        try:
            told.append(answer if isinstance(answer, VenueError) else snapshot(plugins[venue], answer, at))
        except (VenueError, ProtocolError) as error:
            told.append(error)
    return told


def take(
    data_dir: Path, market: str, told: Iterable[Told], origin: str, user: str, accept: bool = False
) -> Outcome:  # fmt: skip
    """Write what was told, each snapshot in a transaction of its own, then tell the alerts. Raises `SecuritiesBusy`,
    `SecuritiesError`.
    """
    ready, outcome = list(told), Outcome()
    with opened(data_dir, market, write=True) as store:
        for one in ready:
            try:
                if isinstance(one, Snapshot):
                    outcome.taken.append((one, store.take(one, origin, user, accept)))
                    continue
                raise one
            except (VenueError, ProtocolError, SnapshotRefused) as error:
                venue = one.exchange if isinstance(one, Snapshot) else error.where.partition(":")[0].split(" ")[0]
                outcome.failed[venue] = error.message
                outcome.fixes[venue] = error.fix
    outcome.alerts = tell(data_dir, market)
    return outcome
