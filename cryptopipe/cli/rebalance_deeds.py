"""The first stage of a rebalancing as deeds, on the accounts of a sandbox.

Enters: accounts, a plan. Leaves: orders and withdrawals, each with its journal, and what came of them. Never: a deed
after one that was not done, or a later stage: what it spends is still on its way.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from cryptopipe.cli.accounts import Accounts
from cryptopipe.cli.deed_trade import trade
from cryptopipe.cli.deed_transfers import move, send
from cryptopipe.cli.deeds import Deed
from cryptopipe.evaluate.optimum import Sent
from cryptopipe.evaluate.rebalance import Rebalance
from cryptopipe.model.facts import Side, VenueId
from cryptopipe.model.money import plain
from cryptopipe.model.trading import Leg

_SLACK_BPS = Decimal(10)


def first_stage(accounts: Accounts, plan: Rebalance, data_dir: Path) -> list[dict[str, Any]]:
    """One deed after the other; stops at the first that was not done. Raises `VenueError`, `UnknownOutcome`."""
    done: list[dict[str, Any]] = []
    for step in plan.stages[0] if plan.stages else ():
        for deed in _deeds(accounts, step):
            outcome = deed.do(data_dir)
            done.append({"plan": deed.document(), **outcome.document()})
            if not outcome.done:
                return done
    return done


def _deeds(accounts: Accounts, step: Leg | Sent) -> Iterator[Deed]:
    """Each is made when the one before is done: a plan looks at what is there."""
    if isinstance(step, Leg):
        one, name = step.instrument, "long" if step.side is Side.BUY else "short"
        yield trade(_alone(accounts, one.venue), name, step.quantity, one.symbol, False, _SLACK_BPS, "venue")
        return
    route = step.route
    if (first := route.move_out) is not None:
        yield move(_alone(accounts, route.source), step.amount, route.asset, first.source, first.target)
    yield send(accounts, step.amount, route.asset, route.source, route.target, route.chain, wait=False)


def _alone(accounts: Accounts, venue: VenueId) -> Accounts:
    """The accounts without those of other venues."""
    return replace(
        accounts, plugins={venue: accounts.plugins[venue]}, codecs={venue: accounts.codecs[venue]}, keys={}
    )  # fmt: skip


def tell(done: Sequence[Mapping[str, Any]], plan: Rebalance) -> None:
    """For a person: each deed, and what is left to do when coins have arrived."""
    for one in done:
        what = one["plan"]
        told = one.get("id") or one.get("filled") or one.get("reason") or ""
        click.echo(f"{what['act']} at {what['venue']}: {'done' if one['done'] else 'not done'} {told}".rstrip())
    for step in plan.stages[0] if plan.stages else ():
        if isinstance(step, Sent) and (last := step.route.move_in) is not None:
            what = f"{plain(step.arrives)} {step.route.asset} --venues {step.route.target}"
            command = f"cryptopipe act transfer {what} --from {last.source} --to {last.target} --apply"
            click.echo(f"when it has arrived: {command}", err=True)
    if len(plan.stages) > 1:
        click.echo("the next stage: ask again when all of it has arrived", err=True)
