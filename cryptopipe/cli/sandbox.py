"""`cryptopipe sandbox`: simulated venues on this machine's loopback, for any client.

Enters: venues, seed, ports, a schedule of faults. Leaves: where they listen, on stdout; at the end how quick they were.
Never: an address that another machine reaches.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.action import duration_option
from cryptopipe.cli.options import Common, Seed, common_options
from cryptopipe.cli.output import print_json
from cryptopipe.cli.standing import announced
from cryptopipe.errors import UsageError

if TYPE_CHECKING:
    from cryptopipe.clock import Nanos
    from cryptopipe.drivers.outbox import Delays
    from cryptopipe.drivers.serve import Origin, Served
    from cryptopipe.model.contracts import ExchangePlugin
    from cryptopipe.model.facts import Currency, Network
    from cryptopipe.sandbox.house import House
    from cryptopipe.sandbox.world import World

PRIVATE = "private"
"""What a venue calls, among its websocket paths, the one of a user's stream, if it has one of its own."""
TRADED_BEFORE = 20_000_000_000
"""The market is this old when the venues open (nanoseconds), so that clients which ask for trades at once get some."""


@click.command("sandbox")
@click.option("--venues", metavar="A,B", help="Which venues.  [default: those of a run]")
@click.option("--assets", metavar="A,B", help="The assets that are traded.  [default: those of the parameters]")
@click.option("--seed", type=Seed(), metavar="N", help="Of the market and the faults.  [default: new]")
@click.option(
    "--port-base", type=click.IntRange(0, 65_535), default=0, metavar="P", help="First port.  [default: free ports]"
)
@click.option("--faults", type=click.Path(path_type=Path), metavar="FILE", help="What shall go wrong, and when.")
@click.option("--parameters", type=click.Path(path_type=Path), metavar="FILE", help="What the market is like.")
@click.option("--tls", is_flag=True, help="https and wss, with an authority of its own.")
@click.option("--for", "for_text", metavar="T", help="Serve for so long: 30s.  [default: until stopped]")
@click.option("--until-stdin-closes", is_flag=True, hidden=True)
@common_options
def sandbox(
    common: Common,
    venues: str | None,
    assets: str | None,
    seed: int | None,
    port_base: int,
    faults: Path | None,
    parameters: Path | None,
    tls: bool,
    for_text: str | None,
    until_stdin_closes: bool,
) -> None:
    """Serve simulated venues that speak the real ones' protocols, until stopped.

    \b
    Examples:
      cryptopipe sandbox
      cryptopipe sandbox --venues A,B --seed 7 --port-base 8001 --faults faults.yaml --json
    """
    from cryptopipe.drivers.serve import serve

    for_ns = duration_option(for_text)
    plugins = _plugins(_names(venues, "--venues"))
    seed = time.time_ns() % 1_000_000 if seed is None else seed
    start_at = time.time_ns()
    world, houses = _market(plugins, _names(assets, "--assets"), seed, start_at, faults, parameters)
    with ExitStack() as stack:
        authority = stack.enter_context(_authority()) if tls else None
        announcement = _Announcement(
            common, seed, start_at, houses, None if authority is None else authority.ca_file, for_text
        )
        if not (tls or until_stdin_closes):
            announcement.stands = lambda document: stack.enter_context(announced(common.load([]).data_dir, document))
        delays = serve(
            houses, world.advance, announcement.listening, announcement.measured, port_base,
            None if authority is None else authority.context, for_ns, until_stdin_closes,
        )  # fmt: skip
    if not until_stdin_closes:  # who started it asks with a signal, if at all
        announcement.measured(delays)


def _market(
    plugins: "Sequence[ExchangePlugin]",
    assets: Sequence[str],
    seed: int,
    start_at: "Nanos",
    faults: Path | None,
    parameters: Path | None,
) -> "tuple[World, list[House]]":
    """Raises `ConfigError` for what the files say."""
    from cryptopipe import registry
    from cryptopipe.model.facts import Asset
    from cryptopipe.sandbox.faults import load_faults
    from cryptopipe.sandbox.house import House
    from cryptopipe.sandbox.parameters import Parameters
    from cryptopipe.sandbox.world import World

    by_venue = {plugin.venue: plugin for plugin in plugins}
    schedule = () if faults is None else load_faults(faults, by_venue)
    flow = Parameters.load(parameters, registry.names("exchange"))
    world = World(by_venue, flow, seed, start_at - TRADED_BEFORE, frozenset(Asset(name) for name in assets) or None)
    world.advance(start_at)
    return world, [
        House(plugin, world.books[plugin.venue], schedule, seed, start_at, world.desks.get(plugin.venue))
        for plugin in plugins
    ]


def _authority() -> Any:
    from cryptopipe.drivers.authority import authority

    return authority()


def _names(text: str | None, option: str) -> list[str]:
    """Of a list with commas. Raises `UsageError` if it is given and empty."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    if text is not None and not names:
        raise UsageError(f"names nothing: {text!r}", where=option, fix=f"{option} A,B; leave it out for all")
    return list(dict.fromkeys(names))


def _plugins(names: Sequence[str]) -> "list[ExchangePlugin]":
    """Raises `UsageError` for a venue that is not installed or cannot be simulated, `PluginError`."""
    from cryptopipe import registry

    installed = registry.exchanges()
    simulated = [name for name, plugin in installed.items() if plugin.sandbox is not None]
    chosen = names or [name for name in simulated if installed[name].first_choice] or simulated
    if not chosen:
        raise UsageError("no installed exchange brings a simulated venue", fix="`cryptopipe plugins list`")
    plugins = [registry.exchange(name) for name in chosen]
    for plugin in plugins:
        if plugin.sandbox is None:
            message = f"{plugin.venue} brings no simulated venue"
            raise UsageError(message, where="--venues", fix=f"these do: {', '.join(simulated) or 'none'}")
    return plugins


def _private_side(house: "House", origin: "Origin") -> dict[str, str | None]:
    """Where a user's stream is, and a key with all rights; nulls where the venue has no private side."""
    key, paths = house.credentials, house.endpoints
    if key is None:
        return dict.fromkeys(("ws_private", "key", "secret", "passphrase"))
    path = paths[PRIVATE] if PRIVATE in paths else next(iter(paths.values()))
    return {"ws_private": origin.ws(path), "key": key.key, "secret": key.secret, "passphrase": key.passphrase}


def _network(currency: "Currency", network: "Network") -> dict[str, Any]:
    fee = network.withdrawal_fee
    return {
        "asset": currency.asset,
        "network": network.code,
        "chain": network.chain,
        "deposits": network.deposits,
        "withdrawals": network.withdrawals,
        "withdrawal_fee": None if fee is None else f"{fee:f}",
        "confirmations": network.confirmations,
    }


class _Announcement:
    """What is told: at the start where to connect, when asked and at the end how quick the sandbox is."""

    def __init__(
        self,
        common: Common,
        seed: int,
        start_at: "Nanos",
        houses: "Sequence[House]",
        ca_file: Path | None,
        for_text: str | None,
    ) -> None:
        self._until = "until Ctrl-C" if for_text is None else f"for {for_text}, or until Ctrl-C"
        self._json, self._seed, self._start_at = common.json, seed, start_at
        self._houses, self._ca_file = houses, ca_file
        self.stands: Callable[[dict[str, Any]], object] = lambda document: None
        """Told what was announced; that other commands find the sandbox."""

    def listening(self, served: "Served") -> None:
        """All venues listen."""
        document = self._document(served)
        self.stands(document)
        if self._json:
            print_json(document)
        else:
            click.echo(f"simulated venues, seed {self._seed}, {self._until}")
            for name, venue in document["venues"].items():
                click.echo(f"{name}: {venue['rest']}  {len(venue['instruments'])} instruments")
                for market, url in venue["ws"].items():
                    click.echo(f"  {market}: {url}")
                if venue["key"]:
                    click.echo(f"  private: {venue['ws_private']}  key {venue['key']}, secret {venue['secret']}")
            if self._ca_file is not None:
                click.echo(f"trust this authority: {self._ca_file}")
        sys.stdout.flush()

    def measured(self, delays: "Delays") -> None:
        """Frames and delay, on stderr."""
        from cryptopipe.drivers.outbox import delay_line

        line = delay_line(delays)
        if self._json:
            import json

            click.echo(json.dumps({"schema": 1, **line}), err=True)
            return
        quick = ", ".join(f"{line[f'{name}_ms']} ms {name}" for name in ("p50", "p99", "max"))
        click.echo(f"{line['frames']} frames, own delay {quick}", err=True)

    def _document(self, served: "Served") -> dict[str, Any]:
        from cryptopipe.clock import format_at

        venues = {}
        for house in self._houses:
            origin = served.origins[house.venue]
            venues[house.venue] = {
                "rest": origin.rest,
                "ws": {market: origin.ws(path) for market, path in house.endpoints.items() if market != PRIVATE},
                **_private_side(house, origin),
                "instruments": list(house.symbols),
                "networks": [_network(currency, one) for currency in house.currencies for one in currency.networks],
            }
        tls = {} if self._ca_file is None else {"ca_file": str(self._ca_file)}
        started_at = format_at(self._start_at)
        return {"pid": os.getpid(), "seed": self._seed, "started_at": started_at, "venues": venues, **tls}
