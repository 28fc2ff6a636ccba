"""`cryptopipe balances | fees | networks`: what an account holds, pays, and by which ways its coins move.

Enters: venues and their keys. Leaves: tables, or one JSON object. Never: an order, a transfer, or a key's secret.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.accounts import Accounts, KeyOptions, Need, key_options, opened
from cryptopipe.cli.market import MarketOptions, market_options
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json, terminal
from cryptopipe.errors import CryptopipeError

if TYPE_CHECKING:
    from cryptopipe.model.actions import Action, ActionCodec
    from cryptopipe.model.facts import Currency, Network
    from cryptopipe.model.outcomes import KeyReport, Reports

Rows = Sequence[Mapping[str, Any]]
Answers = "list[Reports | CryptopipeError]"


@click.command("balances")
@market_options
@key_options
@common_options
def balances(common: Common, market: MarketOptions, keys_of: KeyOptions) -> None:
    """What each account holds: free, and held back by orders and withdrawals.

    \b
    Examples:
      cryptopipe balances
      cryptopipe balances --market live --venues A --json
    """
    from cryptopipe.model.actions import FetchBalances
    from cryptopipe.model.desk import TRADING

    def rows(told: "Reports", question: "Action") -> Rows:
        assert isinstance(question, FetchBalances), "only balances are asked for"
        return [
            {
                "asset": one.asset,
                "wallet": question.wallet or one.wallet or TRADING,
                "free": one.free,
                "locked": one.locked,
                "total": one.free + one.locked,
            }
            for one in told.balances
            if one.free or one.locked
        ]

    columns = ("venue", "asset", "wallet", "free", "locked", "total")
    _tell(
        common, market, keys_of, "balances", columns, rows,
        lambda a: [FetchBalances(venue, wallet) for venue, codec in a.codecs.items() for wallet in wallets_of(codec)],
    )  # fmt: skip


def wallets_of(codec: "ActionCodec") -> Sequence[str]:
    """That which orders are paid from, and where the venue has one the funding wallet."""
    from cryptopipe.act.venues import rules_of
    from cryptopipe.model.desk import FUNDING

    return ("", FUNDING) if FUNDING in rules_of(codec).wallets else ("",)


@click.command("fees")
@market_options
@key_options
@common_options
def fees(common: Common, market: MarketOptions, keys_of: KeyOptions) -> None:
    """What each account pays for a trade of each instrument between the configured assets.

    \b
    Examples:
      cryptopipe fees
      cryptopipe fees --venues A,B --set assets=BTC,USDT
    """
    from cryptopipe.model.actions import FetchFees

    settings = common.load([])

    def questions(accounts: Accounts) -> "list[Action]":
        from cryptopipe.drivers.streams import instruments_of

        plugins = accounts.plugins.values()
        return [FetchFees(one) for plugin in plugins for one in instruments_of(plugin, settings.assets)]

    def rows(told: "Reports", question: "Action") -> Rows:
        assert isinstance(question, FetchFees) and told.fees is not None, "a question about fees tells fees"
        maker, taker = told.fees.maker_rate * 10_000, told.fees.taker_rate * 10_000
        charged = told.fees.charged_in
        return [{"symbol": question.instrument.symbol, "maker_bps": maker, "taker_bps": taker, "charged_in": charged}]

    columns = ("venue", "symbol", "maker_bps", "taker_bps", "charged_in")
    _tell(common, market, keys_of, "fees", columns, rows, questions)


@click.command("networks")
@click.option("--asset", metavar="A", help="Of one asset only.")
@market_options
@key_options
@common_options
def networks(common: Common, market: MarketOptions, keys_of: KeyOptions, asset: str | None) -> None:
    """By which chains each asset goes in and out of each venue, at which fee, minimum and confirmations.

    \b
    Examples:
      cryptopipe networks --asset BTC
    """
    from cryptopipe.model.actions import FetchCurrencies

    wanted = set(common.load([]).assets) if asset is None else {asset}

    def rows(told: "Reports", question: "Action") -> Rows:
        return [
            _network_row(currency, one)
            for currency in told.currencies
            if currency.asset in wanted
            for one in currency.networks
        ]

    def questions(accounts: Accounts) -> "list[Action]":
        able = [venue for venue, codec in accounts.codecs.items() if FetchCurrencies in codec.supports]
        if missing := [venue for venue in accounts.codecs if venue not in able]:
            click.echo(f"not asked, for its plugin has no question for them: {', '.join(missing)}", err=True)
        return [FetchCurrencies(venue) for venue in able]

    # some venues tell the ways out only to keys that may withdraw
    any_key = replace(keys_of, any_key=True)
    _tell(common, market, any_key, "networks", _OF_NETWORKS, rows, questions, Need.WITHDRAW)


def _network_row(currency: "Currency", one: "Network") -> dict[str, object]:
    return {
        "asset": currency.asset,
        "network": one.code,
        "chain": one.chain,
        "deposits": one.deposits,
        "withdrawals": one.withdrawals,
        "withdrawal_fee": one.withdrawal_fee,
        "min_withdrawal": one.min_withdrawal,
        "confirmations": one.confirmations,
    }


def _tell(
    common: Common,
    market: MarketOptions,
    keys_of: KeyOptions,
    name: str,
    columns: Sequence[str],
    rows: "Callable[[Reports, Action], Rows]",
    questions: "Callable[[Accounts], Sequence[Action]]",
    sandbox_need: Need = Need.READ,
) -> None:
    """Ask every venue, and tell what came: a venue that failed is told beside those that did not."""
    from cryptopipe.model.actions import venue_of

    settings = common.load([])
    with opened(market, settings, Need.READ, keys_of, sandbox_need) as accounts:
        asked = questions(accounts)
        with accounts.asked() as errands:
            answers = errands.each(asked)
    told: dict[str, list[Mapping[str, Any]]] = {venue: [] for venue in accounts.codecs}
    failed: dict[str, str] = {}
    for question, answer in zip(asked, answers, strict=True):
        if isinstance(answer, CryptopipeError):
            failed[venue_of(question)] = str(answer)
        else:
            told[venue_of(question)] += rows(answer, question)
    if common.json:
        keys = {venue: _key_document(key) for venue, key in accounts.keys.items()}
        print_json({"market": accounts.kind, "keys": keys, name: told, "failed": failed})
    else:
        _table(accounts, columns, told, failed)
    if failed:
        raise click.exceptions.Exit(1)


def _key_document(key: "KeyReport | None") -> dict[str, Any] | None:
    if key is None:
        return None
    from cryptopipe.clock import format_at

    expires = None if key.expires_at is None else format_at(key.expires_at) if key.expires_at else "never"
    return {
        "reads": key.reads,
        "trades": key.trades,
        "withdraws": key.withdraws,
        "ip_restricted": key.ip_restricted,
        "expires": expires,
    }


def key_line(key: "KeyReport | None") -> str:
    """`may read and trade; not withdraw; from any address; without end`."""
    if key is None:
        return "its venue does not say what it may do"
    document = _key_document(key)
    assert document is not None
    verbs = {"read": key.reads, "trade": key.trades, "withdraw": key.withdraws}
    may = " and ".join(verb for verb, able in verbs.items() if able) or "do nothing"
    unknown = ", ".join(verb for verb, able in verbs.items() if able is None)
    place = {True: "from listed addresses", False: "from any address", None: "from addresses it does not say"}
    until = {"never": "without end", None: "until it does not say"}.get(
        document["expires"], f"until {document['expires']}"
    )
    return f"may {may}; {place[key.ip_restricted]}; {until}" + (f"; not told: {unknown}" if unknown else "")


def _table(
    accounts: Accounts,
    columns: Sequence[str],
    told: Mapping[str, Sequence[Mapping[str, Any]]],
    failed: Mapping[str, str],
) -> None:
    from rich.table import Table

    console = terminal()
    where = "real venues" if accounts.kind == "live" else "simulated venues"
    table = Table(title=where, title_justify="left")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="left" if column in _WORDS else "right")
    for venue, lines in told.items():
        for line in lines:
            table.add_row(venue, *(_cell(line[column]) for column in columns[1:]))
    console.print(table)
    for venue, key in accounts.keys.items():
        click.echo(f"key of {venue}: {key_line(key)}", err=True)
    for venue, why in failed.items():
        click.echo(f"{venue}: {why}", err=True)


_OF_NETWORKS = (
    "venue", "asset", "network", "chain", "deposits", "withdrawals", "withdrawal_fee", "min_withdrawal",
    "confirmations",
)  # fmt: skip
_WORDS = frozenset({"venue", "asset", "wallet", "symbol", "network", "chain", "charged_in"})


def _cell(value: Any) -> str:
    from decimal import Decimal

    from cryptopipe.model.money import plain

    if value is None:
        return "not told"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(value) if isinstance(value, Decimal) else str(value)
