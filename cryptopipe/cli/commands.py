"""The table of commands: where each lives and the line that `--help` shows, so that showing it imports none.

Enters: a name. Leaves: the command, imported now. Never: an import of another command.
"""

from importlib import import_module
from typing import NamedTuple

import click

from cryptopipe.errors import did_you_mean


class Entry(NamedTuple):
    """Module and attribute of a command, and its line in `--help`."""

    module: str
    attribute: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "action": Entry("cryptopipe.cli.action", "action", "Run a strategy: find, judge and simulate trades."),
    "post-mortem": Entry("cryptopipe.cli.post_mortem", "post_mortem", "What was found, refused, taken; where it went."),
    "journal": Entry("cryptopipe.cli.post_mortem", "journal", "The log of decisions and its projection."),
    "replay": Entry("cryptopipe.cli.replay", "replay", "The same run again, bit for bit."),
    "watch": Entry("cryptopipe.cli.watch", "watch", "Prices and edges as they come; never trades."),
    "index": Entry("cryptopipe.cli.index", "index", "How far apart venues' prices are, as the literature has it."),
    "sell": Entry("cryptopipe.cli.depletion", "sell", "What selling a quantity at once brings, venue by venue."),
    "buy": Entry("cryptopipe.cli.depletion", "buy", "What buying a quantity at once costs, venue by venue."),
    "plot": Entry("cryptopipe.cli.plot", "plot", "Prices over time, or depth, as a page or a PNG."),
    "sandbox": Entry("cryptopipe.cli.sandbox", "sandbox", "Simulated venues on this machine, for any client."),
    "balances": Entry("cryptopipe.cli.holdings", "balances", "What each account holds."),
    "fees": Entry("cryptopipe.cli.holdings", "fees", "What each account pays for a trade."),
    "networks": Entry("cryptopipe.cli.holdings", "networks", "By which chains assets go in and out."),
    "act": Entry("cryptopipe.cli.act", "act", "One order, transfer or withdrawal by hand."),
    "collect": Entry("cryptopipe.cli.collect", "collect", "Market data into files that can be trusted later."),
    "merge": Entry("cryptopipe.cli.merge", "merge", "Several collectors' data of one stream, without holes."),
    "securities": Entry("cryptopipe.cli.securities", "securities", "What venues list, by which rules, since when."),
    "capture": Entry("cryptopipe.cli.capture", "capture", "Export, import and describe raw captures."),
    "latency": Entry("cryptopipe.cli.latency", "latency", "How long things take, by stage and venue."),
    "bench": Entry("cryptopipe.cli.bench", "bench", "Measure the paths, beside other libraries where installed."),
    "config": Entry("cryptopipe.cli.config", "config", "Show, explain and check the configuration."),
    "plugins": Entry("cryptopipe.cli.plugins", "plugins", "Installed exchanges and strategies."),
    "optimum": Entry("cryptopipe.cli.optimum", "optimum", "The best plan at one moment, or a proof of none."),
    "rebalance": Entry("cryptopipe.cli.rebalance", "rebalance", "Bring capital where it is wanted, at least cost."),
    "qa": Entry("cryptopipe.cli.qa", "qa", "Are collected files what they should be?"),
    "upload": Entry("cryptopipe.cli.upload", "upload", "Copies of collected files in an object store."),
    "alerts": Entry("cryptopipe.cli.alerts", "alerts", "Tell people what happened: chats, mail, pagers."),
    "load": Entry("cryptopipe.cli.upload", "load", "Collected files as rows of DuckDB or PostgreSQL."),
    "doctor": Entry("cryptopipe.cli.doctor", "doctor", "Is this installation sound?"),
}


class Commands(click.Group):
    """A group that imports a command when it is invoked."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported; None for an unknown name."""
        entry = COMMANDS.get(cmd_name) or COMMANDS.get(cmd_name.replace("_", "-"))
        if entry is None:
            return None
        command = getattr(import_module(entry.module), entry.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.module}:{entry.attribute} is not a command but {type(command).__name__}")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the nearest name in the refusal whatever click's version."""
        typed = args[0]
        if not typed.startswith("-") and self.get_command(ctx, typed) is None:
            raise click.UsageError(f"unknown command {typed!r}{did_you_mean(typed, COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table's own lines."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])
