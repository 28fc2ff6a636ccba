"""The accounts that a command acts on: their place, keys, and what each key may do.

Enters: `--market`, `--venues`, settings, what the command needs. Leaves: venues that can be asked. Never: a key with
more power than the command needs, unless the user says so; a real venue that is traded on.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cryptopipe.cli.market import MarketOptions
from cryptopipe.cli.standing import standing
from cryptopipe.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from cryptopipe.drivers.errand import Errands, Heard
    from cryptopipe.market.feeds import Rewrite
    from cryptopipe.model.actions import ActionCodec
    from cryptopipe.model.contracts import ExchangePlugin
    from cryptopipe.model.facts import VenueId
    from cryptopipe.model.outcomes import KeyReport
    from cryptopipe.model.stream import Credentials
    from cryptopipe.settings import Settings

R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class KeyOptions:
    """`--account`: whose key; `--any-key`: one that may do more than is needed will do."""

    account: str = "main"
    any_key: bool = False


def key_options(command: F) -> F:
    """Add the options; the function gets them as its keyword `keys_of`, a `KeyOptions`."""

    @wraps(command)
    def with_keys(*args: Any, **given: Any) -> Any:
        return command(*args, keys_of=KeyOptions(given.pop("account"), given.pop("any_key")), **given)

    account = click.option(
        "--account",
        default="main",
        show_default=True,
        metavar="NAME",
        help="Whose key, of several accounts of a venue.",
    )
    any_key = click.option("--any-key", is_flag=True, help="Use a key that may do more than this command needs.")
    return account(any_key(with_keys))  # type: ignore[return-value]


class Need(Enum):
    """What a command does with a key."""

    READ = "read"
    TRADE = "trade"
    WITHDRAW = "withdraw"


@dataclass(frozen=True)
class Accounts:
    """Venues with their codecs and keys. `kind` is `sandbox` or `live`; `lasts`: the sandbox was there before."""

    kind: str
    lasts: bool
    plugins: "Mapping[VenueId, ExchangePlugin]"
    codecs: "Mapping[VenueId, ActionCodec]"
    credentials: "Mapping[VenueId, Credentials]"
    rewrite: "Rewrite"
    need: Need
    any_key: bool
    keys: "dict[VenueId, KeyReport | None]" = field(default_factory=dict)
    """What each key may do, once asked; None where its venue does not say."""

    @contextmanager
    def asked(self, heard: "Heard | None" = None) -> "Iterator[Errands]":
        """The means to ask, after the preflight of every key. Raises `ConfigError` for one that does not fit."""
        from cryptopipe.drivers.errand import errands

        quiet: Heard = lambda action, outcome, took: None  # noqa: E731
        with errands(self.codecs, self.credentials, self.rewrite, heard or quiet) as one:
            for venue in self.codecs:
                self.keys[venue] = self._preflight(one, venue)
            yield one

    def _preflight(self, errands: "Errands", venue: "VenueId") -> "KeyReport | None":
        from cryptopipe.model.actions import FetchKey

        if FetchKey not in self.codecs[venue].supports:
            return None
        key = errands.told(FetchKey(venue)).key
        assert key is not None, "an answer without a key is none"
        judge(venue, key, self.need, self.any_key)
        return key


def judge(venue: str, key: "KeyReport", need: Need, any_key: bool = False) -> None:
    """Raises `ConfigError` for a key with less power than `need`, or with more unless `any_key`."""
    has = {Need.READ: key.reads, Need.TRADE: key.trades, Need.WITHDRAW: key.withdraws}
    where = f"keys.{venue}"
    if has[need] is False:
        raise ConfigError(f"the key may not {need.value}", where=where, fix=f"use one that may {need.value}")
    order = list(Need)
    spare = [one.value for one in order[order.index(need) + 1 :] if has[one]]
    if spare and not any_key:
        raise ConfigError(
            f"the key may {' and '.join(spare)}, which this command does not need",
            where=where,
            fix="make a key without that right, or say --any-key",
        )


@contextmanager
def opened(
    market: MarketOptions, settings: "Settings", need: Need, keys_of: "KeyOptions", sandbox_need: Need | None = None
) -> Iterator[Accounts]:
    """The accounts of `--venues`: at real venues by the user's keys, or at a sandbox: the one that serves beside the
    data directory, else one for as long as this lasts. `sandbox_need`: which of the sandbox's keys, where that is not
    the one of `need`. Raises `UsageError`, `ConfigError`, `VenueUnavailable`.
    """
    from cryptopipe import registry
    from cryptopipe.model.facts import VenueId

    if market.replays:
        raise UsageError("recordings hold no accounts", where="--replay", fix="leave it out")
    there = None if market.kind == "live" or market.is_drawn else standing(settings.data_dir)
    names = list(market.venues) or (list(there.document["venues"]) if there else market.venue_names(settings))
    plugins = {VenueId(name): registry.exchange(name) for name in names}
    if there is not None:
        absent = [name for name in names if name not in there.document["venues"]]
        if absent:
            raise UsageError(f"the sandbox that serves has no {', '.join(absent)}", where="--venues")
        yield _accounts("sandbox", True, plugins, settings, there.rewrite, need, keys_of, sandbox_need)
        return
    with market.open(plugins, settings.assets) as place:
        yield _accounts(place.kind, False, plugins, settings, place.rewrite, need, keys_of, sandbox_need)


def _accounts(
    kind: str,
    lasts: bool,
    plugins: "Mapping[VenueId, ExchangePlugin]",
    settings: "Settings",
    rewrite: "Rewrite",
    need: Need,
    keys_of: "KeyOptions",
    sandbox_need: Need | None,
) -> Accounts:
    from cryptopipe.wiring import codecs_of

    able = {venue: one for venue, one in plugins.items() if one.actions is not None}
    if kind == "sandbox":
        able = {venue: one for venue, one in able.items() if one.trading_sandbox is not None}
    if not able:
        raise UsageError(f"nothing can be asked of {', '.join(plugins)}", where="--venues", fix="name others")
    keys = {venue: _key(kind, one, settings, sandbox_need or need, keys_of.account) for venue, one in able.items()}
    any_key = keys_of.any_key or (kind == "sandbox" and keys_of.account != "main")  # its other key may do everything
    return Accounts(kind, lasts, able, codecs_of(able, settings.assets), keys, rewrite, need, any_key)


def _key(kind: str, plugin: "ExchangePlugin", settings: "Settings", need: Need, account: str) -> "Credentials":
    """Raises `ConfigError` where the user has set none."""
    from cryptopipe.model.simulated import SANDBOX_CREDENTIALS, SANDBOX_OTHER, SANDBOX_READER, SANDBOX_TRADER
    from cryptopipe.settings.keys import MAIN, find_key

    if kind == "sandbox":
        if account not in (MAIN, "other"):
            raise UsageError(f"a sandbox has the accounts {MAIN} and other, not {account!r}", where="--account")
        if account == "other":
            return plugin.in_sandbox(SANDBOX_OTHER)
        own = {Need.READ: SANDBOX_READER, Need.TRADE: SANDBOX_TRADER, Need.WITHDRAW: SANDBOX_CREDENTIALS}[need]
        return plugin.in_sandbox(own)
    found = find_key(plugin.venue, settings, account)
    if found is None:
        raise ConfigError(
            f"no key of the account {account} is set",
            where=f"keys.{plugin.venue}",
            fix="docs/live.md says where keys may stand, such as keys.yaml beside the user's config.yaml",
        )
    return found.credentials
