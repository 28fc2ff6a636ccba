"""The unified cross-venue record: one moment of one base and quote, on every venue that trades it.

Enters: books. Leaves: the record as the product's users know it. Never: a number that is not in the venue's digits.
"""

from collections.abc import Iterable
from typing import Any

from cryptopipe.clock import MILLISECOND, format_at
from cryptopipe.market.sync import BookSync


def unified_record(syncs: Iterable[BookSync]) -> dict[str, Any]:
    """`{"event_time": ms, "<venue>": {"symbol", "top_bid", …}}`: tops as decimal strings, None for an empty side.

    `event_time` is the newest venue's, or its stamp of arrival where the venue sends none. A book that is not live
    has its `state` and no prices. Each venue also has `received_at`.
    """
    record: dict[str, Any] = {"event_time": 0}
    newest = 0
    for sync in syncs:
        top = sync.book.top
        venue: dict[str, Any] = {"symbol": sync.instrument.symbol, "state": sync.state.value}
        if top is not None:
            newest = max(newest, top.event_time or top.received_at)
            venue["top_bid"], venue["top_bid_quantity"] = _text(top.bid), _text(top.bid_size)
            venue["top_ask"], venue["top_ask_quantity"] = _text(top.ask), _text(top.ask_size)
            venue["received_at"] = format_at(top.received_at)
        record[sync.instrument.venue] = venue
    record["event_time"] = newest // MILLISECOND
    return record


def _text(number: object) -> str | None:
    return None if number is None else f"{number:f}"
