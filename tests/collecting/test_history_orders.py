"""Which venues tell single orders, and that each of their changes has what a row of it needs.

A row has side, change, id, price and size in the venue's digits. The venues' own frames, each with what it means
written by hand, are the conformance kit's corpora; here is what all of them together must allow.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from collecting.history_world import installed

from cryptopipe.api import Channel, ExchangePlugin, OrderChange, OrderEvent, OrdersDelta, OrdersSnapshot
from cryptopipe.market.names import orders_dialect
from cryptopipe.registry import Registry
from cryptopipe.testing import read_corpus
from cryptopipe.testing.corpus import play

PLUGINS = Path(__file__).parents[2] / "plugins"
CHANGES = {
    "coinbase_exchange": {OrderChange.ADD, OrderChange.SET, OrderChange.REDUCE, OrderChange.REMOVE},
    "kraken": {OrderChange.ADD, OrderChange.SET, OrderChange.REMOVE},
    "bitstamp": {OrderChange.SET, OrderChange.REMOVE},
    "bitfinex": {OrderChange.SET, OrderChange.REMOVE},
}
"""By venue, what its stream tells apart: the last two do not say whether an order is new."""


def folder(venue: str) -> Path:
    return next(one for one in sorted(PLUGINS.glob("cryptopipe_*"), reverse=True) if venue.startswith(one.name[11:]))


def told(plugin: ExchangePlugin) -> Iterator[tuple[OrdersDelta | OrdersSnapshot, bytes]]:
    """What each frame of the corpus says of single orders, and all that stands in it and the frames before."""
    dialect = orders_dialect(plugin)
    assert dialect is not None
    for sample in read_corpus(folder(plugin.venue) / "frames", plugin.venue):
        if sample.dialect == dialect.name and sample.events is not None:
            for event in play(plugin, sample):
                if isinstance(event, OrdersDelta | OrdersSnapshot):
                    yield event, b"\n".join((*sample.after, sample.frame))


def rows(event: OrdersDelta | OrdersSnapshot, plugin: ExchangePlugin) -> list[tuple[str, OrderEvent]]:
    """Side and change; a snapshot's orders are set, as its rule's format reads them."""
    if isinstance(event, OrdersDelta):
        return [("B", one) for one in event.bids] + [("A", one) for one in event.asks]
    dialect = orders_dialect(plugin)
    form = dialect.feed().rule.orders if dialect is not None else None
    assert form is not None
    sides = (("B", event.bids), ("A", event.asks))
    found = [(side, row) for side, raw in sides for row in json.loads(bytes(raw), parse_float=str, parse_int=str)]
    return [(s, OrderEvent(OrderChange.SET, row[form.order_id], row[form.price], row[form.size])) for s, row in found]


def test_these_venues_tell_single_orders() -> None:
    telling = {
        v for v, one in Registry().exchanges().items() if any(Channel.ORDERS in d.channels for d in one.dialects)
    }
    assert telling <= set(CHANGES) and (telling == set(CHANGES) or len(Registry().exchanges()) < 11)


@pytest.mark.parametrize("venue", CHANGES)
def test_each_change_has_what_a_row_needs_in_the_venues_own_digits(venue: str) -> None:
    plugin = installed(venue)
    changes, sides, counted = set(), set(), 0
    for event, frames in told(plugin):
        assert event.symbol and event.event_time >= 0
        for side, one in rows(event, plugin):
            needs = [one.order_id]
            needs += [] if one.change is OrderChange.REMOVE else [one.size]
            needs += [one.price] if one.change in (OrderChange.ADD, OrderChange.SET) else []
            assert all(needs), one
            assert all(text.encode() in frames for text in needs), one
            sides.add(side)
            counted += 1
            if isinstance(event, OrdersDelta):
                changes.add(one.change)
    assert changes == CHANGES[venue] and sides == {"A", "B"} and counted > 3
