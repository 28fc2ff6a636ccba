"""The tickers of the simulated venue, as its streams and its REST answers have them.

Enters: a listing and the venue's other listings. Leaves: fields as text, in the venue's order. Never: a figure of the
market that the engine or a desk has not made; what neither makes (interest, funding without a desk) is constant.

bybit-exchange.github.io/docs/v5/websocket/public/ticker and docs/v5/market/tickers (2026-11-21, in copies).
"""

from collections.abc import Callable
from decimal import Decimal

from cryptopipe.api import DeskRefusal, Nanos, plain
from cryptopipe_bybit.market import LINEAR, MILLISECOND
from cryptopipe_bybit.sandbox_listing import Day, Listing

Reference = Callable[[str], Listing | None]
"""The spot pair of this asset against USDT, from which indices are taken; None where there is none."""

_FUNDED_EVERY = 8 * 3600 * 1000
_INTEREST = "0.0001"


def spot_ticker(listing: Listing, reference: Reference, at: Nanos) -> dict[str, str]:
    """Of the stream: without the best prices."""
    day = _day(listing, at)
    return {
        "symbol": listing.spelling,
        "lastPrice": listing.price(day.last),
        "highPrice24h": listing.price(day.high),
        "lowPrice24h": listing.price(day.low),
        "prevPrice24h": listing.price(day.before),
        "volume24h": listing.volume(day.volume),
        "turnover24h": listing.turnover(day.turnover),
        "price24hPcnt": _change(day, 4),
        "usdIndexPrice": _index(listing, reference),
    }


def contract_ticker(listing: Listing, reference: Reference, at: Nanos) -> dict[str, str]:
    """Of the stream: all fields."""
    day = _day(listing, at)
    mark = _mark(listing)
    return {
        "symbol": listing.spelling,
        "tickDirection": listing.tally.direction,
        "price24hPcnt": _change(day, 6),
        "lastPrice": listing.price(day.last),
        "prevPrice24h": listing.price(day.before),
        "highPrice24h": listing.price(day.high),
        "lowPrice24h": listing.price(day.low),
        "prevPrice1h": listing.price(day.hour_ago),
        "markPrice": mark,
        "indexPrice": _index(listing, reference) or mark,
        "openInterest": "0",
        "openInterestValue": "0.00",
        "turnover24h": listing.turnover(day.turnover),
        "volume24h": listing.volume(day.volume),
        "fundingIntervalHour": "8",
        "fundingCap": "0.005",
        "nextFundingTime": _next_funding(listing, at),
        "fundingRate": _funding_rate(listing),
        **best(listing),
        "preOpenPrice": "",
        "preQty": "",
        "curPreListingPhase": "",
    }


def listed_ticker(listing: Listing, reference: Reference, at: Nanos) -> dict[str, str]:
    """Of `/v5/market/tickers`: the same figures in its own order."""
    if listing.is_spot:
        fields = spot_ticker(listing, reference, at)
        order = "lastPrice prevPrice24h price24hPcnt highPrice24h lowPrice24h turnover24h volume24h usdIndexPrice"
        return {"symbol": listing.spelling, **best(listing), **{key: fields[key] for key in order.split()}}
    fields = contract_ticker(listing, reference, at)
    order = (
        "symbol lastPrice indexPrice markPrice prevPrice24h price24hPcnt highPrice24h lowPrice24h prevPrice1h "
        "openInterest openInterestValue turnover24h volume24h fundingRate nextFundingTime"
    )
    never = {"predictedDeliveryPrice": "", "basisRate": "", "deliveryFeeRate": "", "deliveryTime": "0"}
    tops = {key: fields[key] for key in ("ask1Size", "bid1Price", "ask1Price", "bid1Size")}
    return {**{key: fields[key] for key in order.split()}, **never, **tops, "basis": ""}


def best(listing: Listing) -> dict[str, str]:
    """Best prices and sizes, empty where a side is."""
    bid, ask = listing.top()
    return {
        "bid1Price": listing.price(bid[0]) if bid else "",
        "bid1Size": listing.size(bid[1]) if bid else "",
        "ask1Price": listing.price(ask[0]) if ask else "",
        "ask1Size": listing.size(ask[1]) if ask else "",
    }


def _day(listing: Listing, at: Nanos) -> Day:
    last = listing.last()
    return listing.tally.day(at) or Day(last, last, last, last, last, 0, 0)


def _change(day: Day, places: int) -> str:
    return f"{Decimal(day.last) / day.before - 1 if day.before else Decimal(0):z.{places}f}"


def _mark(listing: Listing) -> str:
    """The desk's where there is one, so that positions and tickers tell the same."""
    bid, ask = listing.top()
    if listing.desk is not None and bid and ask:
        mark = plain(listing.desk.mark(listing.instrument))
        whole, _, places = mark.partition(".")
        return f"{whole}.{places.ljust(2, '0')}"
    return listing.price((bid[0] + ask[0]) // 2 if bid and ask else listing.last())


def _index(listing: Listing, reference: Reference) -> str:
    pair = reference(listing.instrument.base)
    return pair.price(pair.last()) if pair else ""


def _funding_rate(listing: Listing) -> str:
    """0.0001 without a desk, or of a book that has no middle."""
    if listing.desk is None:
        return _INTEREST
    try:
        return plain(listing.desk.funding_rate(listing.instrument))
    except DeskRefusal:
        return _INTEREST


def _next_funding(listing: Listing, at: Nanos) -> str:
    if listing.desk is not None and listing.market is LINEAR:
        return str(listing.desk.next_funding_at(listing.instrument) // MILLISECOND)
    return str((at // MILLISECOND // _FUNDED_EVERY + 1) * _FUNDED_EVERY)
