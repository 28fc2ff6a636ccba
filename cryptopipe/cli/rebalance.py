"""`cryptopipe rebalance`: the cheapest way to bring capital to where it is wanted, as a plan; on a sandbox, its deeds.

Enters: balances of accounts or of paper, the setting `capital`. Leaves: stages of transfers and conversions, what they
cost, a shadow price for each place. Never: a deed without `--apply`, a deed at a real venue.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.accounts import Accounts, KeyOptions, Need, key_options, opened
from cryptopipe.cli.action import duration_option
from cryptopipe.cli.market import MarketOptions, market_options
from cryptopipe.cli.moment import DEPTH, WITHIN, Moment
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json
from cryptopipe.cli.standing import standing
from cryptopipe.errors import UsageError

if TYPE_CHECKING:
    from decimal import Decimal

    from cryptopipe.evaluate.rebalance import Cost, Rebalance, Wish
    from cryptopipe.evaluate.snapshot import Node, Snapshot
    from cryptopipe.model.facts import Currency, VenueId
    from cryptopipe.settings import Settings


@dataclass(frozen=True)
class _Seen:
    """The moment, and the accounts whose balances are in it; None: they are paper's."""

    moment: Moment
    accounts: Accounts | None


@click.command("rebalance")
@market_options
@key_options
@click.option("--paper", is_flag=True, help="Of the balances of paper, not of the accounts.")
@click.option("--depth", type=click.IntRange(1, 5000), default=DEPTH, show_default=True, help="Levels a side.")
@click.option("--for", "for_text", metavar="T", help="Of recordings: how far to read.")
@click.option("--apply", "applied", is_flag=True, help="Do the first stage; without this only the plan is shown.")
@common_options
def rebalance(
    common: Common,
    market: MarketOptions,
    keys_of: KeyOptions,
    paper: bool,
    depth: int,
    for_text: str | None,
    applied: bool,
) -> None:
    """Plan transfers and conversions that bring capital where the setting `capital` wants it, at least cost.

    With `cryptopipe sandbox` running in another terminal it is about that sandbox's accounts; else about paper's.

    \b
    Examples:
      cryptopipe rebalance
      cryptopipe rebalance --seed 7 --set capital.targets.A=3 --set capital.targets.B=1
      cryptopipe rebalance --apply
    """
    from cryptopipe.cli.optimum import quiet
    from cryptopipe.cli.rebalance_deeds import first_stage, tell
    from cryptopipe.evaluate.rebalance import rebalance as cheapest

    settings = common.load([])
    if applied:
        _refuse_deeds(market, settings, paper)
    with _seen(market, settings, keys_of, paper, depth, duration_option(for_text)) as seen:
        snapshot = seen.moment.snapshot
        with quiet():
            plan = cheapest(snapshot, _wish(settings, snapshot))
        if not common.json:
            _render(seen, plan)
        done = first_stage(seen.accounts, plan, settings.data_dir) if applied and seen.accounts else []
    if common.json:
        print_json(_document(seen, plan, applied, done))
    elif applied:
        tell(done, plan)
    if any(not one["done"] for one in done):
        raise click.exceptions.Exit(1)


def _refuse_deeds(market: MarketOptions, settings: "Settings", paper: bool) -> None:
    """Raises `UsageError` unless it is about a sandbox that lasts."""
    if market.kind == "live":
        raise UsageError(
            "capital is not moved at real venues yet: what is missing is the recovery of withdrawals after a crash and "
            "the arming of a run",
            where="--apply",
            fix="leave it out, and send what the plan says by hand",
        )
    if paper or market.replays or market.is_drawn or standing(settings.data_dir) is None:
        raise UsageError(
            "these balances end with the command",
            where="--apply",
            fix="start `cryptopipe sandbox` in another terminal; balances of paper are the settings paper.venues",
        )


@contextmanager
def _seen(
    market: MarketOptions, settings: "Settings", keys_of: KeyOptions, paper: bool, depth: int, for_ns: int | None
) -> Iterator[_Seen]:
    from cryptopipe.cli.moment import moment

    there = market.kind != "live" and not market.is_drawn and standing(settings.data_dir) is not None
    if paper or market.replays or not (there or market.kind == "live"):
        yield _Seen(moment(market, settings, depth, for_ns, timed=True), None)
        return
    need = Need.WITHDRAW if there else Need.READ  # some venues tell ways out only to keys that may withdraw
    with opened(market, settings, need, keys_of) as accounts:
        yield _Seen(_of_accounts(accounts, settings, depth), accounts)


def _of_accounts(accounts: Accounts, settings: "Settings", depth: int) -> Moment:
    from cryptopipe.cli.moment import assembled, looked_at, shown_books
    from cryptopipe.drivers.streams import credentials_for
    from cryptopipe.market.networks import Networks
    from cryptopipe.model.facts import Asset
    from cryptopipe.wiring import PAPER, Wiring

    balances, currencies = _told(accounts, {Asset(one) for one in settings.assets})
    wiring = Wiring("", settings, accounts.plugins).executed(PAPER, accounts.kind)
    keys = credentials_for(wiring.plugins, settings, accounts.kind == "sandbox")
    books, at = looked_at(wiring, accounts.rewrite, keys, settings, WITHIN)
    networks = Networks(books.listings, wiring.custody())
    for venue, told in currencies.items():
        networks.tell(venue, told, at)
    snapshot, shut = assembled(at, shown_books(books, wiring.fees, depth), balances, networks, timed=True)
    return Moment(snapshot, shut, accounts.kind, "balances of the accounts", None)


def _told(accounts: Accounts, assets: Any) -> "tuple[dict[Node, Decimal], Mapping[VenueId, Sequence[Currency]]]":
    """What is free of these assets where orders are paid from, and each venue's currencies if it tells them."""
    from cryptopipe.model.actions import FetchBalances, FetchCurrencies

    balances, currencies = {}, {}
    with accounts.asked() as errands:
        for venue, codec in accounts.codecs.items():
            told = errands.told(FetchBalances(venue)).balances
            balances.update({(venue, one.asset): one.free for one in told if one.asset in assets})
            if FetchCurrencies in codec.supports:
                currencies[venue] = errands.told(FetchCurrencies(venue)).currencies
    return balances, currencies


def _wish(settings: "Settings", snapshot: "Snapshot") -> "Wish":
    from decimal import Decimal

    from cryptopipe.clock import SECOND
    from cryptopipe.evaluate.rebalance import Charges, Wish, equal_targets
    from cryptopipe.model.facts import Asset, VenueId

    capital = settings.capital
    charges = Charges(
        carrying_rate=capital.carrying_rate,
        risk_bps=capital.risk_bps,
        shortfall_bps=capital.shortfall_bps,
        default_risk={VenueId(venue): rate for venue, rate in capital.default_risk.items()},
        horizon_minutes=Decimal(capital.horizon // (60 * SECOND)),
        limits={VenueId(venue): most for venue, most in capital.limits.items()},
    )
    targets = equal_targets(snapshot, {VenueId(venue): share for venue, share in capital.targets.items()})
    return Wish(Asset(settings.numeraire), targets, charges, frozenset(Asset(one) for one in capital.convert))


def _document(seen: _Seen, plan: "Rebalance", applied: bool, done: Sequence[Any]) -> dict[str, Any]:
    from cryptopipe.clock import format_at
    from cryptopipe.model.money import plain

    one = seen.moment
    return {
        "market": one.market,
        "seed": one.seed,
        "label": one.label,
        "at": format_at(one.snapshot.at),
        "numeraire": plan.wish.numeraire,
        "balances": "paper" if seen.accounts is None else "accounts",
        "routes": len(one.snapshot.routes),
        "shut": list(one.shut),
        "stages": [[_step(step) for step in stage] for stage in plan.stages],
        "cost": _cost(plan.cost),
        "idle": _cost(plan.idle),
        "bound": plain(plan.bound),
        "places": [_place(one.snapshot, plan, node) for node in one.snapshot.nodes],
        "applied": applied,
        "done": list(done),
    }


def _step(step: Any) -> dict[str, Any]:
    from cryptopipe.cli.optimum import leg_document, sent_document
    from cryptopipe.evaluate.optimum import Sent

    if isinstance(step, Sent):
        return {"act": "transfer", **sent_document(step)}
    return {"act": "trade", **leg_document(step)}


def _cost(cost: "Cost") -> dict[str, str]:
    from dataclasses import fields

    from cryptopipe.evaluate.certificate import in_digits
    from cryptopipe.model.money import plain

    parts = {one.name: plain(in_digits(getattr(cost, one.name))) for one in fields(cost)}
    return {**parts, "total": plain(in_digits(cost.total))}


def _place(snapshot: "Snapshot", plan: "Rebalance", node: "Node") -> dict[str, str | None]:
    from decimal import Decimal

    from cryptopipe.model.money import plain

    target, shadow = plan.wish.targets.get(node), plan.shadow.get(node)
    return {
        "venue": node[0],
        "asset": node[1],
        "held": plain(snapshot.balances.get(node, Decimal(0))),
        "target": None if target is None else plain(target),
        "final": plain(plan.final[node]),
        "shadow": None if shadow is None else plain(shadow),
    }


def _render(seen: _Seen, plan: "Rebalance") -> None:
    from cryptopipe.cli.optimum import show, show_legs, show_transfers
    from cryptopipe.evaluate.certificate import in_digits
    from cryptopipe.evaluate.optimum import Sent
    from cryptopipe.model.money import readable

    one, numeraire = seen.moment, plan.wish.numeraire
    click.echo(f"{one.market}: {one.label}" + (f", seed {one.seed}" if one.seed is not None else ""))
    for number, stage in enumerate(plan.stages, 1):
        click.echo(f"stage {number}")
        show_legs([step for step in stage if not isinstance(step, Sent)])
        show_transfers([step for step in stage if isinstance(step, Sent)])
    rows = [
        tuple(_place(one.snapshot, plan, node)[name] or "none" for name in _COLUMNS)
        for node in one.snapshot.nodes
        if node in plan.shadow
    ]
    show(_COLUMNS, rows, "places")
    cost, idle = (readable(in_digits(each.total)) for each in (plan.cost, plan.idle))
    told = f"costs {cost} {numeraire} in all; doing nothing costs {idle}"
    click.echo(
        told if plan.stages else f"nothing to do: nothing costs less than the {idle} {numeraire} of doing nothing"
    )


_COLUMNS = ("venue", "asset", "held", "target", "final", "shadow")
