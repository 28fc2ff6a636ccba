"""Orders for collectors: what is asked for, checked against the venues' plugins.

Enters: words, the configuration. Leaves: plans with their instruments. Never: two plans of one venue in one process.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from cryptopipe import registry
from cryptopipe.collect.plan import Plan
from cryptopipe.collect.wish import everything, instruments_of, subscriptions_of, wanted_of
from cryptopipe.errors import ConfigError, UsageError
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Instrument
from cryptopipe.model.stream import Subscription
from cryptopipe.settings.collect import CollectSettings

MIB = 1 << 20


@dataclass(frozen=True)
class Order:
    """What is collected of one venue."""

    plugin: ExchangePlugin
    plan: Plan
    instruments: tuple[Instrument, ...]

    @property
    def subscriptions(self) -> list[Subscription]:
        """What the venue is asked for. Raises `UsageError`."""
        return subscriptions_of(self.plugin, self.instruments, [one.kind for one in self.plan.wanted])


def order(
    venue: str,
    symbols: Sequence[str],
    whole: bool,
    types: Sequence[str],
    intervals: Sequence[str],
    depth: int | None,
    form: str,
    header: bool,
    max_mb: int,
) -> Order:
    """Of a command line. Raises `UsageError`, `PluginError`."""
    plugin = registry.exchange(venue)
    if not types:
        raise UsageError("which kind of data?", where="--data_type", fix="--data_type trade,book")
    wanted = wanted_of(types, intervals, depth)
    found = everything(plugin) if whole else instruments_of(plugin, symbols)
    plan = Plan(plugin.venue, tuple(one.symbol for one in found), wanted, form, header, max_mb * MIB)
    made = Order(plugin, plan, tuple(found))
    assert made.subscriptions, "of at least one instrument"
    return made


def orders_of(settings: CollectSettings) -> list[Order]:
    """Of the configuration; what is asked of one venue is one order. Raises `ConfigError`."""
    made: dict[str, Order] = {}
    for place, one in enumerate(settings.streams):
        where = f"collect.streams[{place}]"
        try:
            new = order(
                one.exchange, one.symbols, not one.symbols, one.types, (), one.depth, one.format, one.header,
                settings.max_mb,
            )  # fmt: skip
        except UsageError as error:
            raise ConfigError(error.message, where=where, fix=error.fix) from error
        was = made.get(one.exchange)
        made[one.exchange] = new if was is None else _joined(was, new, where)
    return list(made.values())


def _joined(one: Order, other: Order, where: str) -> Order:
    """Two entries of one venue. Raises `ConfigError` where they differ in more than their symbols."""
    if msgspec.structs.replace(one.plan, symbols=None) != msgspec.structs.replace(other.plan, symbols=None):
        raise ConfigError(
            f"another entry collects other types or forms of {one.plan.venue}",
            where=where,
            fix="give the entries of one venue the same types and format, or collect it by a process of its own",
        )
    found = {instrument.symbol: instrument for instrument in (*one.instruments, *other.instruments)}
    return replace(one, plan=msgspec.structs.replace(one.plan, symbols=tuple(found)), instruments=tuple(found.values()))
