"""The summary of a run, for a person.

Enters: a run's result. Leaves: lines on stdout. Never: a figure that the JSON document does not have exactly.
"""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cryptopipe.cli.output import terminal
from cryptopipe.cli.words import check_in_words
from cryptopipe.market.sync import BookState
from cryptopipe.model.money import readable

if TYPE_CHECKING:
    from rich.console import Console

    from cryptopipe.result import RunResult

_WORDS = {"duration": "duration (--for)", "interrupt": "interrupt (Ctrl-C or SIGTERM)"}
_TRADE_ON = (
    "look at what is left (balances, exposure in --json), close it, and start a new run, which trades again; with a"
    " higher limit if you want one: --set"
)


def show(result: "RunResult") -> None:
    """Print it."""
    console, document = terminal(), result.document()
    console.print(_venues(document))
    if document["label"]:
        text = document["label"] if document["simultaneous"] else f"not simultaneous: {document['label']}"
        _say(console, text, style="bold yellow", markup=False)
    _stopped(console, document, (result.ended_at - result.started_at) / 1e9)
    _edges(console, document)
    _episodes(console, document)
    _quotes(console, document)
    _value(console, document)
    if document["halted"]:
        _say(console, f"[bold red]halted[/]: {document['halted']}")
        limit = next((one for one in ("risk.max_residual", "risk.max_loss") if one in document["halted"]), "risk.…")
        _say(console, f"  fix: {_TRADE_ON} {limit}=…")
    for note in document["notes"]:
        _say(console, f"note: {note}", style="yellow", markup=False)
    _say(console, f"run {document['run_id']}, journal {document['journal']['records']:,} records", style="dim")
    _say(console, "next: cryptopipe --mode post-mortem, cryptopipe replay last --verify", style="dim")


_BY = {"paper": "paper", "venue": "orders at the venues"}


def _settled(console: "Console", settled: dict[str, Any]) -> None:
    """Whether the venues hold what the books say."""
    equal = [venue for venue, differs in settled["differences"].items() if not differs]
    if equal:
        _say(console, f"what {', '.join(equal)} hold at the end is what our books say, to the last digit")
    for venue, differs in settled["differences"].items():
        for asset, pair in differs.items():
            _say(console, f"{venue} holds {pair['told']} {asset}, our books say {pair['booked']}", style="bold red")
    for unknown in settled["unknown"]:
        _say(console, f"not known when the run ended: {unknown}", style="bold red")


def _say(console: "Console", text: str, style: str | None = None, markup: bool = True) -> None:
    """One line, however long: who reads it in a file finds it in one piece."""
    console.print(text, style=style, markup=markup, soft_wrap=True)


def _venues(document: dict[str, Any]) -> Any:
    from rich.table import Table

    where = {"replay": "recordings", "sandbox": "simulated venues", "live": "real venues"}[document["market"]]
    title = f"{document['strategy']} on {where}, {_BY[document['execution']]}, {document['core']} core"
    table = Table(title=title, title_justify="left")
    single = any(counts["orders"][state.value] for counts in document["venues"].values() for state in BookState)
    for column in ("venue", "state", "proof", "frames", "tops", "gaps", "books live", *(["L3 live"] if single else [])):
        table.add_column(column, justify="left" if column in ("venue", "state", "proof") else "right")
    for venue, counts in document["venues"].items():
        table.add_row(
            venue, counts["state"], counts["proof"], f"{counts['frames']:,}", f"{counts['tops']:,}",
            f"{counts['gaps']:,}", str(counts["books"]["live"]), *([_of_all(counts["orders"])] if single else []),
        )  # fmt: skip
    return table


def _of_all(orders: dict[str, Any]) -> str:
    """`1`, or `1 of 2` where another one is not live."""
    live, count = orders["live"], sum(orders[state.value] for state in BookState)
    return f"{live} of {count}" if live < count else str(live)


def _stopped(console: "Console", document: dict[str, Any], seconds: float) -> None:
    why = document["stopped_by"]
    _say(console, f"stopped by: {_WORDS.get(why, why)}, after {seconds:,.1f} s", markup=False)
    if document["seed"] is not None:
        _say(console, f"seed {document['seed']}: repeat this market with --seed {document['seed']}")


def _edges(console: "Console", document: dict[str, Any]) -> None:
    for name, edge in document["best_edges"].items():
        told = "none"
        if edge:
            told = f"{Decimal(edge['bps']):+.4f} bps, {edge['name']} {edge['where']}, at {edge['at']}"
        _say(console, f"largest {name} edge: {told}")


def _episodes(console: "Console", document: dict[str, Any]) -> None:
    found = document["opportunities"]
    _say(
        console,
        f"opportunities: {found['found']:,} found, {found['accepted']:,} accepted, {found['refused']:,} refused",
    )
    fills = document["fills"] - sum(one["fills"] for one in document["quotes"])
    _say(
        console,
        f"traded: {document['plans']:,} plans, {fills:,} fills of their orders (an edge is traded again"
        " while it lasts)",
    )
    if document["refusals"]:
        _say(console, "checks that failed, by episode (an accepted edge fails some before and after):")
    for check, count in sorted(document["refusals"].items(), key=lambda item: -item[1]):
        _say(console, f"  {check_in_words(check)} ({check}): {count:,} of {found['found']:,}")


def _quotes(console: "Console", document: dict[str, Any]) -> None:
    """What rested on paper, where any quote was proposed."""
    if not (quotes := document["quotes"]):
        return
    where = "on paper, as maker" if document["execution"] == "paper" else "none is sent to venues: --execution paper"
    sums = (sum(one[name] for one in quotes) for name in ("placed", "refused", "cancelled", "fills"))
    words = zip(("placed", "refused", "cancelled", "fills"), sums, strict=True)
    _say(console, f"quotes: {', '.join(f'{count:,} {word}' for word, count in words)}; {where}")
    for one in quotes:
        if one["fills"]:
            moved = f"bought {_short(one['bought'])}, sold {_short(one['sold'])} {one['asset']}"
            _say(
                console, f"  {one['instrument']}: {one['fills']:,} fills, {moved}, inventory {_short(one['inventory'])}"
            )


def _value(console: "Console", document: dict[str, Any]) -> None:
    if document["profit"]:
        changed = ", ".join(f"{_short(amount)} {asset}" for asset, amount in document["profit"].items())
        _say(console, f"holdings changed by: {changed}")
    for asset, amount in document["exposure"].items():
        _say(console, f"left unhedged by unfilled legs: {_short(amount)} {asset}", style="bold red")
    for one in document["in_flight"]:
        what = f"{_short(one['amount'])} {one['asset']} from {one['from']} to {one['to']}: {one['state']}"
        _say(console, f"on its way when the run ended: {what}", style="yellow")
    if document["settled"] is not None:
        _settled(console, document["settled"])
    value = document["value"]
    _say(
        console,
        f"value in {value['numeraire']}: trading {_short(value['trading'])},"
        f" revaluation of inventory {_short(value['revaluation'])}, restoring {_short(value['restoring'])}",
    )
    if value["unpriced"]:
        _say(console, f"no price in {value['numeraire']} for inventory in {', '.join(value['unpriced'])}: left out")


def _short(amount: str | None) -> str:
    return "unknown (no price)" if amount is None else readable(Decimal(amount))
