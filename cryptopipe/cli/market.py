"""The options that say where market data comes from, as one value.

Enters: `--market`, `--venues`, `--seed`, `--faults`, `--parameters`, or `--replay`, `--align`, `--shift`. Leaves:
`MarketOptions`. Never: two answers to one question: options of different markets are refused.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cryptopipe.cli.options import Seed
from cryptopipe.errors import CoreUnavailable, UsageError

if TYPE_CHECKING:
    from cryptopipe.clock import Nanos
    from cryptopipe.market.feeds import Rewrite
    from cryptopipe.model.contracts import ExchangePlugin
    from cryptopipe.model.facts import VenueId
    from cryptopipe.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Place:
    """A market that is open: its kind, where URLs lead, why it is gone (empty while it is there)."""

    kind: str
    label: str
    seed: int | None
    rewrite: "Rewrite"
    ended: Callable[[], str]
    faults: "Callable[[Nanos], list[str]]"
    """Those in force at a time, as text."""


@dataclass(frozen=True)
class MarketOptions:
    """Where market data comes from; of recordings if `replays` is not empty."""

    kind: str
    venues: tuple[str, ...]
    seed: int | None
    faults: Path | None
    parameters: Path | None
    replays: tuple[str, ...]
    align: str | None
    shifts: tuple[str, ...]

    @property
    def is_drawn(self) -> bool:
        """Whether a sandbox of the user's own making was asked for."""
        return any(one is not None for one in (self.seed, self.faults, self.parameters))

    def venue_names(self, settings: "Settings") -> list[str]:
        """The venues of `--venues`, else those that are the first choice, as far as they are enabled."""
        from cryptopipe import registry

        if self.venues:
            return list(self.venues)
        first = [name for name, plugin in registry.exchanges().items() if plugin.first_choice]
        return [name for name in first if settings.venue(name).enabled]

    def execution(self, asked: str | None, plugins: Mapping["VenueId", "ExchangePlugin"]) -> str:
        """Who fills orders. Raises `UsageError` where what was asked for cannot be."""
        from cryptopipe.wiring import PAPER, VENUE

        if self.kind == "live":
            if asked == VENUE:
                raise UsageError(
                    "orders are not sent to real venues yet: what is missing is the recovery of orders after a crash, "
                    "the reconciliation of private streams and the arming of a run",
                    where="--execution venue",
                    fix="--execution paper, or --market sandbox",
                )
            return PAPER
        unable = [venue for venue, one in plugins.items() if one.actions is None or one.trading_sandbox is None]
        if unable and asked == VENUE:
            names = ", ".join(unable)
            raise UsageError(
                f"no orders can be sent to {names}", where="--execution venue", fix="leave it out, or --execution paper"
            )
        return asked or (PAPER if unable else VENUE)

    @contextmanager
    def open(self, plugins: Mapping["VenueId", "ExchangePlugin"], assets: Sequence[str]) -> Iterator[Place]:
        """The simulated venues, or the real ones. Raises `UsageError`, `VenueUnavailable`."""
        from cryptopipe.drivers.sources import refuse_unready
        from cryptopipe.drivers.streams import instruments_of
        from cryptopipe.market.feeds import as_written, subscriptions_of

        if not plugins:
            raise UsageError("no venue is enabled", where="venues", fix="name some: --venues A,B")
        if self.kind == "live":
            _fit_for_live()
            wanted = {venue: subscriptions_of(instruments_of(one, assets)) for venue, one in plugins.items()}
            refuse_unready(plugins, wanted)
            yield Place("live", "", None, as_written, str, lambda at: [])
            return
        from cryptopipe import registry
        from cryptopipe.drivers.child import sandbox
        from cryptopipe.sandbox.faults import in_force, load_faults
        from cryptopipe.sandbox.parameters import Parameters

        missing = [venue for venue, plugin in plugins.items() if plugin.sandbox is None]
        if missing:
            raise UsageError(
                f"no simulated venue for {', '.join(missing)}", where="--venues", fix="leave it out, or --market live"
            )
        schedule = () if self.faults is None else load_faults(self.faults, plugins)
        if self.parameters is not None:  # the sandbox reads it too; a fault of it is told once, here
            Parameters.load(self.parameters, registry.names("exchange"))
        with sandbox(list(plugins), self.seed, self.faults, self.parameters, assets) as child:
            yield Place(
                kind="sandbox",
                label="simulated venues, not a market",
                seed=child.seed,
                rewrite=child.rewrite,
                ended=child.ended,
                faults=lambda at: in_force(schedule, at - child.started_at),
            )


def market_options(command: F) -> F:
    """Add the options; the function gets them as its keyword `market`, a `MarketOptions`."""

    @wraps(command)
    def with_market(*args: Any, **given: Any) -> Any:
        venues = given.pop("venue_names")
        options = MarketOptions(
            kind=given.pop("market_kind") or "sandbox",
            venues=_named(venues),
            seed=given.pop("seed"),
            faults=given.pop("faults"),
            parameters=given.pop("parameters"),
            replays=given.pop("replays"),
            align=given.pop("align"),
            shifts=given.pop("shifts"),
        )
        _agree(options)
        return command(*args, market=options, **given)

    decorated: Any = with_market
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def _named(text: str | None) -> tuple[str, ...]:
    """Of a list with commas. Raises `UsageError` if it is given and empty: all venues are not what was meant."""
    names = tuple(dict.fromkeys(name.strip() for name in (text or "").split(",") if name.strip()))
    if text is not None and not names:
        raise UsageError(f"names nothing: {text!r}", where="--venues", fix="--venues A,B; leave it out for all")
    return names


def _fit_for_live() -> None:
    """Raises `CoreUnavailable` where only the reference core is at hand and nobody asked for it: it falls behind."""
    import os

    from cryptopipe import core

    if core.NAME == "reference" and os.environ.get("CRYPTOPIPE_USE_CORE") != "reference":
        raise CoreUnavailable(
            "the native core is not built, and the reference core is too slow for real venues",
            where="--market live",
            fix="install with a Rust toolchain and CRYPTOPIPE_CORE=require, or set CRYPTOPIPE_USE_CORE=reference",
        )


def _agree(options: MarketOptions) -> None:
    simulated = {"--seed": options.seed, "--faults": options.faults, "--parameters": options.parameters}
    given = [name for name, value in simulated.items() if value is not None]
    if options.replays:
        given += ["--venues"] if options.venues else []
        given += ["--market"] if options.kind == "live" else []
        if given:
            raise UsageError(f"{given[0]} says nothing of recordings", where="--replay", fix=f"leave out {given[0]}")
        return
    if options.align or options.shifts:
        raise UsageError("nothing is replayed", where="--align and --shift", fix="name recordings: --replay VENUE=FILE")
    if options.kind == "live" and given:
        raise UsageError(f"{given[0]} is of simulated venues", where="--market live", fix=f"leave out {given[0]}")


_FILE = click.Path(path_type=Path)
_OPTIONS = (
    click.option(
        "--market",
        "market_kind",
        type=click.Choice(["sandbox", "live"]),
        help="Simulated venues on this machine, or the real ones' public feeds.  [default: sandbox]",
    ),
    click.option("--venues", "venue_names", metavar="A,B", help="Only these venues."),
    click.option("--seed", type=Seed(), metavar="N", help="Of the simulated venues; drawn if not given."),
    click.option("--faults", type=_FILE, metavar="FILE", help="Faults of the simulated venues."),
    click.option("--parameters", type=_FILE, metavar="FILE", help="Order flow of the simulated venues."),
    click.option(
        "--replay",
        "replays",
        multiple=True,
        metavar="VENUE=FILE",
        help="A capture to replay; repeatable; or: generated.",
    ),
    click.option("--align", type=click.Choice(["start"]), help="Bring recordings of different days to one origin."),
    click.option("--shift", "shifts", multiple=True, metavar="VENUE=T", help="Delay a venue's recording: A=120s."),
)
