"""`cryptopipe sell` and `cryptopipe buy`: what a quantity brings or costs at once, venue by venue and over all.

Enters: a quantity of base, a pair, a market or recordings. Leaves: the levels it takes, as trees, tables and a list, or
as JSON. Never: an order; a quantity that is called filled beyond what live books show.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.action import duration_option
from cryptopipe.cli.market import MarketOptions, market_options
from cryptopipe.cli.options import Common, common_options
from cryptopipe.errors import UsageError

if TYPE_CHECKING:
    from cryptopipe.cli.depletion_looking import Request
    from cryptopipe.clock import Nanos

_SHARED = (
    click.argument("quantity"),
    click.option("--symbol", default="BTC/USD", show_default=True, metavar="BASE/QUOTE", help="The same on all."),
    market_options,
    click.option("--fees", is_flag=True, help="Net of what each account pays as taker, and ordered by that."),
    click.option("--watch", is_flag=True, help="Again whenever a book has changed, until Ctrl-C or --for."),
    click.option("--wait", is_flag=True, help="Until the whole quantity is there, or --for is over."),
    click.option("--at", "at_text", metavar="T", help="Of recordings: when to look; 20s, or an instant."),
    click.option("--for", "for_text", metavar="T", help="How long to watch or wait; of real venues: for their books."),
    common_options,
)  # fmt: skip


def _command(function: Callable[..., Any], name: str) -> click.Command:
    for one in reversed(_SHARED):
        function = one(function)
    return click.command(name)(function)


def _sell(**given: Any) -> None:
    """What selling QUANTITY (in base) at once brings: the bids it takes on each venue, and on all of them together.

    Exit code 1 if the books do not show so much. Nothing is ordered.

    \b
    Examples:
      cryptopipe sell 15
      cryptopipe sell 15 --venues A,B --fees --json
      cryptopipe sell 15 --replay A=btcusd.jsonl.gz --replay B=btcusd.jsonl.gz --align start
    """
    _deplete("sell", **given)


def _buy(**given: Any) -> None:
    """What buying QUANTITY (in base) at once costs: the asks it takes on each venue, and on all of them together.

    Exit code 1 if the books do not show so much. Nothing is ordered.

    \b
    Examples:
      cryptopipe buy 15
      cryptopipe buy 2.5 --symbol ETH/USDT --market live --watch
      cryptopipe buy 40 --market live --wait --for 10m
    """
    _deplete("buy", **given)


sell, buy = _command(_sell, "sell"), _command(_buy, "buy")


def _deplete(side: str, common: Common, quantity: str, market: MarketOptions, **given: Any) -> None:
    from cryptopipe.cli.depletion_looking import as_it_opens, of_connections, of_recordings
    from cryptopipe.cli.depletion_shown import shown

    request = _request(side, common, quantity, market, **given)
    with shown(request.watch or request.wait, request.watch, common.json, request.settings.risk.max_age) as screen:
        if market.replays:
            last, interrupted = of_recordings(request, screen)
        elif market.kind == "live" or request.watch or request.wait:
            last, interrupted = of_connections(request, screen)
        else:
            last, interrupted = as_it_opens(request, screen), False
        screen.end(last)
    if interrupted:
        raise click.exceptions.Exit(130)
    if last.depletion.merged.missing:
        raise click.exceptions.Exit(1)


def _request(side: str, common: Common, quantity: str, market: MarketOptions, **given: Any) -> "Request":
    from cryptopipe.cli.depletion_books import Question, pair_named, quantity_of
    from cryptopipe.cli.depletion_looking import Request
    from cryptopipe.model.facts import Side

    question = Question(Side(side), quantity_of(quantity), *pair_named(given["symbol"]), given["fees"])
    for_ns = duration_option(given["for_text"])
    if given["watch"] and given["wait"]:
        raise UsageError(
            "one of --watch and --wait", where="--wait", fix="leave one out: --wait shows what it waits for"
        )
    if given["at_text"] is not None and not market.replays:
        raise UsageError("only recordings have a past", where="--at", fix="leave it out, or name some: --replay A=FILE")
    if given["at_text"] is not None and for_ns is not None:
        raise UsageError("it says when to look, and so does --at", where="--for", fix="leave one out")
    if for_ns is not None and not (market.replays or market.kind == "live" or given["watch"] or given["wait"]):
        raise UsageError("a simulated market is looked at as it opens", where="--for", fix="add --watch or --wait")
    until, from_start = _moment_of(given["at_text"])
    for_ns = from_start if from_start is not None else for_ns
    return Request(question, market, common.load([]), given["watch"], given["wait"], until, for_ns)


def _moment_of(text: str | None) -> "tuple[Nanos | None, Nanos | None]":
    """(instant, None), or (None, duration from the start). Raises `UsageError`."""
    from cryptopipe.clock import parse_at, parse_duration

    if text is None:
        return None, None
    try:
        return (parse_at(text), None) if "T" in text else (None, parse_duration(text))
    except ValueError as error:
        raise UsageError(str(error), where="--at", fix="write 20s, or 2021-04-17T16:43:50Z") from error
