"""The single orders (L3) that a run keeps, as the setting `orders` names them.

Enters: the run's plugins, names such as `alpha:XYUSD`, the place that set them. Leaves: subscriptions by venue. Never:
a name that is passed over because nothing in the run fits it.
"""

from collections.abc import Iterable, Mapping, Sequence

from cryptopipe.errors import ConfigError, did_you_mean
from cryptopipe.market.names import orders_dialect
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Instrument, VenueId
from cryptopipe.model.stream import Channel, Subscription

_SHOWN = 6
"""Symbols named where none is near."""


def orders_subscriptions(
    plugins: Mapping[VenueId, ExchangePlugin],
    names: Sequence[str],
    place: str = "",
    simulated: Mapping[VenueId, Sequence[Instrument]] | None = None,
) -> dict[VenueId, list[Subscription]]:
    """By venue. `simulated` are the only instruments that there are, if the venues are.

    Raises `ConfigError` with every name of a venue that is not in the run or tells no single orders, and of an
    instrument that its venue does not list.
    """
    found: dict[VenueId, list[Subscription]] = {}
    faults: list[str] = []
    for name in dict.fromkeys(names):
        instrument = _wanted(plugins, name, simulated)
        if isinstance(instrument, str):
            faults.append(f"orders: {name!r}: {instrument}")
        else:
            found.setdefault(instrument.venue, []).append(Subscription(instrument, Channel.ORDERS))
    if faults:
        raise ConfigError("\n".join(faults), where=place or "orders", fix=_fix(plugins))
    return found


def _wanted(
    plugins: Mapping[VenueId, ExchangePlugin],
    name: str,
    simulated: Mapping[VenueId, Sequence[Instrument]] | None,
) -> Instrument | str:
    """What is named, or why it cannot be had."""
    venue, _, symbol = name.partition(":")
    plugin = plugins.get(VenueId(venue))
    if plugin is None:
        return f"{venue} is not in this run, which has {', '.join(plugins)}"
    if orders_dialect(plugin) is None:
        able = telling_orders(plugins.values())
        return f"{venue} tells no single orders; of this run's venues {', '.join(able) or 'none'} {_does(able)}"
    listed = plugin.instruments.listed() if simulated is None else simulated.get(plugin.venue, ())
    found = next((one for one in listed if one.symbol == symbol), None)
    if found is not None:
        return found
    lists = "lists" if simulated is None else "is simulated with"
    return f"{venue} {lists} no {symbol!r}{_near(symbol, [one.symbol for one in listed])}"


def _does(venues: Sequence[VenueId]) -> str:
    return "do" if len(venues) > 1 else "does"


def telling_orders(plugins: Iterable[ExchangePlugin]) -> list[VenueId]:
    """The venues that have a stream of single orders."""
    return [plugin.venue for plugin in plugins if orders_dialect(plugin) is not None]


def _near(symbol: str, known: Sequence[str]) -> str:
    """What was meant, perhaps; else what there is."""
    by_letters = {one.lower(): one for one in known}
    near = did_you_mean(symbol, by_letters)
    for letters, one in by_letters.items():
        near = near.replace(repr(letters), repr(one))
    if near or not known:
        return near
    return f"; it has {', '.join(known[:_SHOWN])}{', …' if len(known) > _SHOWN else ''}"


def _fix(plugins: Mapping[VenueId, ExchangePlugin]) -> str:
    able = telling_orders(plugins.values())
    example = ""
    if able and (listed := plugins[able[0]].instruments.listed()):
        example = f", as in {listed[0].id}"
    return f"name instruments of the run's venues (--venues A,B){example}, or take the entry out of `orders`"
