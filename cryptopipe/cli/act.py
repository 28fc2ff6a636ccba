"""`cryptopipe act long|short|close|transfer|withdraw`: one deed by hand, as a plan, and with `--apply` done.

Enters: an amount, an asset or a symbol, venues. Leaves: a plan; what came of it. Never: a deed without `--apply`, an
order or withdrawal whose intent is not durable, a real venue that is acted on.
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.accounts import Accounts, KeyOptions, Need, key_options, opened
from cryptopipe.cli.market import MarketOptions, market_options
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json
from cryptopipe.errors import UsageError

if TYPE_CHECKING:
    from cryptopipe.cli.deeds import Deed

_LEAST = Decimal("1e-18")
"""No coin is divided further."""
apply_option = click.option("--apply", "applied", is_flag=True, help="Do it; without this only the plan is shown.")


class Amount(click.ParamType):  # type: ignore[type-arg]
    """A decimal number above zero and below `limit`, of a size that amounts of coins have."""

    name = "amount"

    def __init__(self, limit: str = "1e18") -> None:
        self._limit = Decimal(limit)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Fails with what was expected."""
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal(0)
        if not number.is_finite() or not _LEAST <= number < self._limit:
            self.fail(f"expected a number above zero and below {self._limit:f}, got {value!r}", param, ctx)
        return number


@click.group("act")
def act() -> None:
    """One order, transfer or withdrawal by hand: a plan, and with --apply the deed. On simulated venues, or on paper.

    With `cryptopipe sandbox` running in another terminal it acts there, and what it did stays; else on simulated
    venues of its own, which end with it.
    """


def _order_command(name: str, doc: str) -> click.Command:
    @click.argument("size", type=Amount())
    @click.argument("symbol")
    @click.option("--perpetual", is_flag=True, help="The linear perpetual of that name, not the spot market.")
    @click.option(
        "--slack", type=Amount("10000"), default="10", show_default=True, metavar="BPS", help="Beyond what is needed."
    )
    @click.option(
        "--execution", type=click.Choice(["venue", "paper"]), help="[default: venue on the sandbox, else paper]"
    )
    @apply_option
    @market_options
    @key_options
    @common_options
    def command(
        common: Common,
        market: MarketOptions,
        keys_of: KeyOptions,
        applied: bool,
        size: Decimal,
        symbol: str,
        perpetual: bool,
        slack: Decimal,
        execution: str | None,
    ) -> None:
        from cryptopipe.cli.deed_trade import trade

        filled_by = _execution(market, execution)

        def deed(accounts: Accounts) -> "Deed":
            return trade(accounts, name, size, symbol, perpetual, slack, filled_by)

        _carry_out(common, market, Need.TRADE, keys_of, applied, deed)

    command.__doc__ = doc
    return click.command(name)(command)


for _name, _doc in {
    "long": "Buy SIZE (in base) of SYMBOL, such as `BTC/USDT`, at one venue: --venues A.",
    "short": "Sell SIZE of SYMBOL: of a perpetual what the account does not have, on spot what it has.",
    "close": "Close SIZE of a position: sell what is held on spot, reduce a perpetual's position whichever way it is.",
}.items():
    act.add_command(_order_command(_name, _doc))


@act.command("transfer")
@click.argument("amount", type=Amount())
@click.argument("asset")
@click.option("--from", "source", required=True, metavar="WALLET", help="By the venue's own name.")
@click.option("--to", "target", required=True, metavar="WALLET", help="By the venue's own name.")
@apply_option
@market_options
@key_options
@common_options
def transfer(
    common: Common,
    market: MarketOptions,
    keys_of: KeyOptions,
    applied: bool,
    amount: Decimal,
    asset: str,
    source: str,
    target: str,
) -> None:
    """Move AMOUNT of ASSET between two wallets of one venue: --venues A."""
    from cryptopipe.cli.deed_transfers import move

    _carry_out(
        common, market, Need.TRADE, keys_of, applied, lambda accounts: move(accounts, amount, asset, source, target)
    )  # fmt: skip


@act.command("withdraw")
@click.argument("amount", type=Amount())
@click.argument("asset")
@click.option("--from", "source", required=True, metavar="VENUE", help="Where it is.")
@click.option("--to", "target", required=True, metavar="VENUE", help="Where it shall be.")
@click.option("--network", metavar="CHAIN", help="By this chain.  [default: the cheapest that both have open]")
@click.option("--wait", is_flag=True, help="Until it is credited, or has failed.")
@apply_option
@market_options
@key_options
@common_options
def withdraw(
    common: Common,
    market: MarketOptions,
    keys_of: KeyOptions,
    applied: bool,
    amount: Decimal,
    asset: str,
    source: str,
    target: str,
    network: str | None,
    wait: bool,
) -> None:
    """Send AMOUNT of ASSET from one venue's account to another's, over a chain that both have open.

    \b
    Examples:
      cryptopipe act withdraw 0.5 BTC --from A --to B
      cryptopipe act withdraw 0.5 BTC --from A --to B --apply --wait
    """
    from dataclasses import replace

    from cryptopipe.cli.deed_transfers import send

    both = replace(market, venues=(source, target))
    _carry_out(
        common, both, Need.WITHDRAW, keys_of, applied,
        lambda accounts: send(accounts, amount, asset, source, target, network, wait),
    )  # fmt: skip


def _execution(market: MarketOptions, asked: str | None) -> str:
    """Raises `UsageError` for orders at real venues."""
    if market.kind == "live":
        market.execution(asked, {})
        return "paper"
    return asked or "venue"


def _carry_out(
    common: Common,
    market: MarketOptions,
    need: Need,
    keys_of: KeyOptions,
    applied: bool,
    make: "Callable[[Accounts], Deed]",
) -> None:
    """Show the plan, and do it if that was asked for."""
    if market.kind == "live" and need is Need.WITHDRAW:
        raise UsageError(
            "nothing is withdrawn from real venues yet: what is missing is the recovery of a withdrawal after a crash",
            where="--market live",
            fix="--market sandbox",
        )
    settings = common.load([])
    with opened(market, settings, need, keys_of) as accounts:
        deed = make(accounts)
        if not common.json:
            for line in deed.lines():
                click.echo(line)
        if not applied:
            _unapplied(common, deed)
            return
        outcome = deed.do(settings.data_dir)
    if common.json:
        print_json({"plan": deed.document(), "applied": True, **outcome.document()})
    else:
        for line in outcome.lines():
            click.echo(line)
    if not outcome.done:
        raise click.exceptions.Exit(1)


def _unapplied(common: Common, deed: "Deed") -> None:
    if common.json:
        print_json({"plan": deed.document(), "applied": False})
    else:
        click.echo("nothing was done: say --apply to do it", err=True)
