"""`cryptopipe securities list | history | diff`: the security master as it is, was, and changed.

Enters: the store, a time. Leaves: rows as a table, CSV or one JSON object. Never: a change to the store, a number in
other digits than it is kept in.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json
from cryptopipe.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from cryptopipe.clock import Nanos
    from cryptopipe.securities.versions import Version

COLUMNS = (
    "exchange", "datetime", "trading_pair", "unified", "is_current", "last_modified_datetime", "last_modified_user",
    "kind", "base", "quote", "state", "tick", "step", "min_size", "min_notional", "price_min", "price_max",
    "contract_size", "delists_at", "valid_to",
)  # fmt: skip
"""Of the CSV, in this order, and of each row of the JSON."""
_SHOWN = (
    "exchange", "trading_pair", "unified", "kind", "state", "tick", "step", "min_size", "min_notional", "datetime"
)  # fmt: skip
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_PATH = click.Path(path_type=Path)
_MARKET = click.option(
    "--market", type=click.Choice(["sandbox", "live"]), help="Which one.  [default: live if there is one]"
)
_CSV = click.option("--csv", "csv_file", type=_PATH, metavar="FILE", help="The rows as CSV; replaces FILE.")


@click.command("list")
@click.option("--exchange", "exchanges", multiple=True, metavar="E", help="Of this venue; repeatable.")
@click.option("--symbol", metavar="S", help="As the venue spells it, or unified: BTC/USDT.")
@click.option("--at", "at_text", metavar="T", help="As it was then: 2026-11-01, 2026-11-01T12:00:00Z, or 24h ago.")
@click.option("--all", "everything", is_flag=True, help="Delisted ones too.")
@_MARKET
@_CSV
@common_options
def list_command(
    common: Common, exchanges: Sequence[str], symbol: str | None, at_text: str | None, everything: bool,
    market: str | None, csv_file: Path | None,
) -> None:  # fmt: skip
    """What is listed now, or was at a time."""
    from cryptopipe.securities.versions import in_force

    kind, kept, now = _read(common, market)
    at = when(at_text, now, "--at") if at_text else now
    found = [one for one in in_force(kept, at).values() if everything or one.listed]
    _tell(common, kind, "securities", _chosen(found, kept, exchanges, symbol), csv_file)


@click.command("history")
@click.argument("symbol")
@click.option("--exchange", "exchanges", multiple=True, metavar="E", help="Of this venue; repeatable.")
@_MARKET
@_CSV
@common_options
def history_command(
    common: Common, symbol: str, exchanges: Sequence[str], market: str | None, csv_file: Path | None
) -> None:
    """Every version of SYMBOL (the venue's spelling, or unified), oldest first."""
    kind, kept, _ = _read(common, market)
    _tell(common, kind, "history", _chosen(kept, kept, exchanges, symbol), csv_file)


@click.command("diff")
@click.argument("times", nargs=-1, metavar="[T1 T2]")
@click.option("--since", metavar="T", help="From then until now.  [default: 24h]")
@click.option("--exchange", "exchanges", multiple=True, metavar="E", help="Of this venue; repeatable.")
@_MARKET
@common_options
def diff_command(
    common: Common, times: Sequence[str], since: str | None, exchanges: Sequence[str], market: str | None
) -> None:
    """What is another at T2 than at T1: new, changed, delisted, listed again."""
    from cryptopipe.clock import format_at
    from cryptopipe.securities.compare import between
    from cryptopipe.securities.telling import in_words

    if times and (len(times) != 2 or since):
        raise UsageError("expected two times, or --since", where="diff", fix="diff 2026-11-01 2026-11-02")
    kind, kept, now = _read(common, market)
    earlier = when(times[0] if times else since or "24h", now, "T1" if times else "--since")
    later = when(times[1], now, "T2") if times else now
    if later < earlier:
        raise UsageError(f"{times[1]} is before {times[0]}", where="diff", fix="the earlier time first")
    changes = between(_chosen(kept, kept, exchanges, None), earlier, later)
    if common.json:
        rows = [
            {"kind": one.kind.replace(" ", "_"), "exchange": one.exchange, "trading_pair": one.symbol,
             "unified": one.unified,
             "fields": {name: {"was": was, "is": now} for name, (was, now) in one.fields.items()}}
            for one in changes
        ]  # fmt: skip
        print_json({"market": kind, "from": format_at(earlier), "to": format_at(later), "changes": rows})
        return
    click.echo(f"{len(changes)} changes from {format_at(earlier)} to {format_at(later)}", err=True)
    for one in changes:
        click.echo(f"{one.exchange} {one.symbol}: {in_words(one)}")


def when(text: str, now: "Nanos", where: str) -> "Nanos":
    """An instant, a day's beginning in UTC, or so long before now. Raises `UsageError`."""
    from cryptopipe.clock import parse_at, parse_duration

    try:
        if _DAY.fullmatch(text):
            return parse_at(f"{text}T00:00:00Z")
        return parse_at(text) if "T" in text else now - parse_duration(text)
    except ValueError:
        raise UsageError(
            f"not a time: {text!r}", where=where, fix="2026-11-01, 2026-11-01T12:00:00Z, or so long ago: 24h"
        ) from None


def _read(common: Common, market: str | None) -> "tuple[str, list[Version], Nanos]":
    from cryptopipe.clock import Stamper
    from cryptopipe.securities.access import LIVE, SANDBOX, database, opened

    data_dir = common.load([]).data_dir
    kinds = [LIVE, SANDBOX] if market is None else [market]
    kind = next((one for one in kinds if database(data_dir, one).exists()), kinds[0])
    with opened(data_dir, kind) as store:
        return kind, store.versions(), Stamper()()


def _chosen(
    found: "Sequence[Version]", kept: "Sequence[Version]", exchanges: Sequence[str], symbol: str | None
) -> "list[Version]":
    """Those of the exchanges and of the symbol. Raises `UsageError` for a name that was never kept."""
    known = {one.exchange for one in kept}
    for name in exchanges:
        if name not in known:
            raise UsageError(
                f"no instrument of {name!r} is kept{did_you_mean(name, known)}",
                where="--exchange",
                fix=f"kept are: {', '.join(sorted(known)) or 'none'}",
            )
    if symbol is not None:
        names = {name for one in kept for name in (one.symbol, one.terms.unified)}
        by_case = {name.casefold(): name for name in names}
        if symbol not in names and symbol.casefold() not in by_case:
            raise UsageError(
                f"no instrument {symbol!r} was ever listed{_near(symbol, by_case)}",
                where="symbol",
                fix="`securities list --all` shows what was",
            )
        symbol = symbol if symbol in names else by_case[symbol.casefold()]
    return [
        one
        for one in found
        if (not exchanges or one.exchange in exchanges)
        and (symbol is None or symbol in (one.symbol, one.terms.unified))
    ]


def _near(symbol: str, by_case: "Mapping[str, str]") -> str:
    from difflib import get_close_matches

    near = get_close_matches(symbol.casefold(), sorted(by_case), n=1, cutoff=0.6)
    return f"; did you mean {by_case[near[0]]!r}?" if near else ""


def row_of(one: "Version") -> dict[str, Any]:
    """A version by the names of `COLUMNS`; None for what is not told."""
    from decimal import Decimal

    from cryptopipe.clock import format_at
    from cryptopipe.model.money import plain

    terms = {name: getattr(one.terms, name) for name in one.terms.__struct_fields__}
    row: dict[str, Any] = {
        "exchange": one.exchange,
        "datetime": format_at(one.valid_from),
        "trading_pair": one.symbol,
        "is_current": one.is_current,
        "last_modified_datetime": format_at(one.modified_at),
        "last_modified_user": one.modified_by,
        **{name: plain(value) if isinstance(value, Decimal) else value for name, value in terms.items()},
        "delists_at": format_at(one.terms.delists_at) if one.terms.delists_at else None,
        "valid_to": None if one.valid_to is None else format_at(one.valid_to),
    }
    return {name: row[name] for name in COLUMNS}


def _tell(common: Common, market: str, name: str, found: "Sequence[Version]", csv_file: Path | None) -> None:
    rows = [row_of(one) for one in found]
    if csv_file is not None:
        _write_csv(csv_file, rows)
    if common.json:
        print_json({"market": market, name: rows})
        return
    if csv_file is not None:
        click.echo(f"{len(rows)} rows written to {csv_file}", err=True)
        return
    cells = [[_cell(row[column]) for column in _SHOWN] for row in rows]
    widths = [max(map(len, column)) for column in zip(_SHOWN, *cells, strict=True)]
    for line in [list(_SHOWN), *cells] if cells else []:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    click.echo(f"{len(rows)} rows of the {'simulated venues' if market == 'sandbox' else 'real venues'}", err=True)


def _cell(value: Any) -> str:
    return "-" if value is None else str(value)


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    import csv
    import io

    from cryptopipe.capture.files import DISK

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([["" if row[name] is None else row[name] for name in COLUMNS] for row in rows])
    DISK.replace(path, text.getvalue().encode())
