"""`cryptopipe optimum`: the most that a market lets one gain at one moment, or the prices that prove there is nothing.

Enters: a market, what must not become less. Leaves: a plan or a certificate, as a table or one JSON object. Never: an
order, or a gain that exact arithmetic has not found.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.action import duration_option
from cryptopipe.cli.market import MarketOptions, market_options
from cryptopipe.cli.moment import DEPTH, Moment
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json, terminal

if TYPE_CHECKING:
    from fractions import Fraction

    from cryptopipe.evaluate.optimum import Certificate, NoPlan, Plan, Sent
    from cryptopipe.evaluate.snapshot import Node, Route
    from cryptopipe.model.trading import Leg


@click.command("optimum")
@market_options
@click.option(
    "--keep",
    type=click.Choice(["place", "asset"]),
    default="place",
    show_default=True,
    help="What may not become less: each asset on each venue, or each asset over all of them.",
)
@click.option("--lots", is_flag=True, help="On the venues' grids and minimums; without it sizes are a bound.")
@click.option("--any-stock", is_flag=True, help="Whatever stock it takes: only the numeraire's balances bound.")
@click.option("--depth", type=click.IntRange(1, 5000), default=DEPTH, show_default=True, help="Levels a side.")
@click.option(
    "--for", "for_text", metavar="T", help="Of recordings: how far to read; of real venues: how long to wait."
)
@common_options
def optimum(
    common: Common, market: MarketOptions, keep: str, lots: bool, any_stock: bool, depth: int, for_text: str | None
) -> None:
    """Find the best plan of all trades and transfers at one moment, or the prices under which nothing gains.

    \b
    Examples:
      cryptopipe optimum --seed 7
      cryptopipe optimum --keep asset --lots --json
      cryptopipe optimum --replay A=btcusdt.jsonl.gz --replay B=btcusdt.jsonl.gz
    """
    from cryptopipe.cli.moment import moment
    from cryptopipe.evaluate.optimum import Keep, Question, solve
    from cryptopipe.model.facts import Asset

    settings = common.load([])
    seen = moment(market, settings, depth, duration_option(for_text))
    question = Question(Asset(settings.numeraire), Keep(keep), not any_stock, lots)
    with quiet():
        answer = solve(seen.snapshot, question)
    if common.json:
        print_json(_document(seen, answer))
    else:
        _render(seen, answer)


@contextmanager
def quiet() -> Iterator[None]:
    """The solver's library writes notes of its own to stdout, past Python and into a buffer of its own; they would
    break JSON.
    """
    import ctypes
    import os
    import sys

    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _document(seen: Moment, answer: "Plan | Certificate | NoPlan") -> dict[str, Any]:
    from cryptopipe.clock import format_at
    from cryptopipe.evaluate.optimum import Certificate, Plan

    question, snapshot = answer.question, seen.snapshot
    outcome = "plan" if isinstance(answer, Plan) else "certificate" if isinstance(answer, Certificate) else "none"
    return {
        "market": seen.market,
        "seed": seen.seed,
        "label": seen.label,
        "at": format_at(snapshot.at),
        "numeraire": question.numeraire,
        "keep": question.keep.value,
        "any_stock": not question.funded,
        "lots": question.lots,
        "books": len(snapshot.books),
        "routes": len(snapshot.routes),
        "shut": list(seen.shut),
        "outcome": outcome,
        "plan": plan_document(answer) if isinstance(answer, Plan) else None,
        "certificate": _certificate_document(answer, snapshot.routes) if isinstance(answer, Certificate) else None,
        "none": _none_document(answer) if outcome == "none" else None,  # type: ignore[arg-type]
    }


def plan_document(plan: "Plan") -> dict[str, Any]:
    """Legs, transfers and what they change, as facts."""
    from cryptopipe.evaluate.certificate import in_digits
    from cryptopipe.model.money import plain

    change: dict[str, dict[str, str]] = {}
    for (venue, asset), amount in plan.change.items():
        change.setdefault(venue, {})[asset] = plain(amount)
    return {
        "gain": plain(plan.gain),
        "bound": plain(plan.bound),
        "gap": plain(plan.gap),
        "ceiling": plain(in_digits(plan.ceiling)),
        "legs": [leg_document(leg) for leg in plan.legs],
        "transfers": [sent_document(one) for one in plan.sent],
        "change": change,
    }


def leg_document(leg: "Leg") -> dict[str, str]:
    """One order."""
    from cryptopipe.model.money import plain

    return {
        "instrument": leg.instrument.id,
        "side": leg.side.value,
        "quantity": plain(leg.quantity),
        "limit": plain(leg.limit),
        "vwap": plain(leg.vwap),
        "fee": plain(leg.fee.amount),
        "fee_asset": leg.fee.asset,
    }


def sent_document(one: "Sent") -> dict[str, str | None]:
    """One transfer."""
    from cryptopipe.model.money import plain

    route = one.route
    return {
        "asset": route.asset,
        "source": route.source,
        "target": route.target,
        "chain": route.chain,
        "amount": plain(one.amount),
        "fee": plain(one.fee),
        "arrives": plain(one.arrives),
        "minutes": None if route.minutes is None else plain(route.minutes),
    }


def _certificate_document(answer: "Certificate", routes: "Sequence[Route]") -> dict[str, Any]:
    from cryptopipe.model.money import plain

    def named(numbers: "frozenset[int]") -> list[str]:
        ways = (routes[number] for number in sorted(numbers))
        return [f"{one.asset} {one.source} to {one.target} by {one.chain}" for one in ways]

    return {
        "prices": price_rows(answer.prices),
        "checked": answer.checked,
        "any_balance": answer.any_balance,
        "solver_off": None if answer.solver_off is None else plain(answer.solver_off),
        "cases": [
            {
                "on": named(one.on),
                "off": named(one.off),
                "prices": price_rows(one.prices),
                "rents": price_rows(one.rents),
                "bound": str(one.bound),
            }
            for one in answer.cases
        ],
    }


def _none_document(answer: "NoPlan") -> dict[str, Any]:
    from cryptopipe.evaluate.certificate import in_digits
    from cryptopipe.model.money import plain

    return {
        "why": answer.why,
        "relaxed": plain(answer.relaxed),
        "prices": price_rows(answer.prices),
        "ceiling": plain(in_digits(answer.ceiling)),
    }


def price_rows(prices: "Mapping[Node, Fraction]") -> list[dict[str, str | None]]:
    """To 12 digits for a reader, and exactly for who checks."""
    from cryptopipe.evaluate.certificate import in_digits
    from cryptopipe.model.money import plain

    return [
        {"venue": venue or None, "asset": asset, "price": plain(in_digits(price)), "exact": str(price)}
        for (venue, asset), price in sorted(prices.items())
    ]


def _render(seen: Moment, answer: "Plan | Certificate | NoPlan") -> None:
    from cryptopipe.evaluate.optimum import Certificate, Plan
    from cryptopipe.model.money import plain, readable

    where = seen.label + (f", seed {seen.seed}" if seen.seed is not None else "")
    click.echo(f"{seen.market}: {where}" if where else seen.market)
    kept = "on each venue" if answer.question.keep.value == "place" else "over all venues"
    numeraire = answer.question.numeraire
    click.echo(f"the most {numeraire} to gain, every asset kept {kept}; {len(seen.snapshot.routes)} routes are open")
    if isinstance(answer, Plan):
        show_legs(answer.legs)
        show_transfers(answer.sent)
        click.echo(f"gain {readable(answer.gain)} {numeraire} exactly; {plain(answer.gap)} below the solver's bound")
    elif isinstance(answer, Certificate):
        _show_prices(answer.prices)
        if answer.cases:
            click.echo(
                f"no arbitrage exists of what is held now: it gains in none of {answer.checked} cases of routes gone by"
            )
            click.echo("or not, each with prices of its own; these are the first's, --json has all")
            return
        scope = "whatever is held, at any size" if answer.any_balance else "of what is held now"
        click.echo(f"no arbitrage exists, {scope}: under these prices none of {answer.checked} levels and routes gains")
    else:
        click.echo(f"no plan gains: nothing is left of {readable(answer.relaxed)} {numeraire} after {answer.why}")


def show_legs(legs: "Sequence[Leg]") -> None:
    """A table of orders, if there are any."""
    from cryptopipe.model.money import plain, readable

    rows = [
        (leg.instrument.venue, leg.side.value, plain(leg.quantity), leg.instrument.symbol, plain(leg.limit),
         f"{readable(leg.fee.amount)} {leg.fee.asset}")
        for leg in legs
    ]  # fmt: skip
    show(("venue", "side", "quantity", "symbol", "limit", "fee"), rows, "trades")


def show_transfers(sent: "Sequence[Sent]") -> None:
    """A table of transfers, if there are any."""
    from cryptopipe.model.money import plain, readable

    rows = [
        (one.route.asset, one.route.source, one.route.target, one.route.chain, plain(one.amount), plain(one.fee),
         plain(one.arrives), "" if one.route.minutes is None else readable(one.route.minutes))
        for one in sent
    ]  # fmt: skip
    columns = ("asset", "from", "to", "chain", "amount", "fee", "arrives", "minutes")
    timed = any(row[-1] for row in rows)
    show(columns if timed else columns[:-1], rows if timed else [row[:-1] for row in rows], "transfers")


def _show_prices(prices: "Mapping[Node, Fraction]") -> None:
    from cryptopipe.evaluate.certificate import in_digits
    from cryptopipe.model.money import plain

    rows = [(venue or "any", asset, plain(in_digits(price))) for (venue, asset), price in sorted(prices.items())]
    show(("venue", "asset", "price"), rows, "prices under which nothing gains")


_LEFT = frozenset({"venue", "asset", "side", "symbol", "from", "to", "chain"})


def show(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> None:
    """A table, unless it has no rows."""
    from rich.table import Table

    if not rows:
        return
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column in _LEFT else "right")
    for row in rows:
        table.add_row(*row)
    terminal().print(table)
