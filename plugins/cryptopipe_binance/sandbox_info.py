"""The simulated `exchangeInfo`: what is listed, by which rules.

Enters: instruments with their grids. Leaves: the venue's answer as values. Never: a rule that the instrument does not
have; bounds that nobody stated (greatest price, size, notional) are those of the venue's BTCUSDT.

github.com/binance/binance-spot-api-docs rest-api.md "Exchange information" and filters.md (2026-07-21), and an answer
of 2025-08-07; developers.binance.com USDS-margined futures "Exchange Information" (2026-11-21).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cryptopipe.api import Nanos, TradingRules
from cryptopipe_binance.sandbox_ticker import Fields, Told
from cryptopipe_binance.sandbox_wire import SPOT_PLACES, millis

PERPETUAL_DELIVERY = 4133404800000
"""2100-12-25, which stands for never."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The greatest price, size, size of a market order and notional, open orders of one market, and how many times the
    average price an order may lie above or below it."""

    price: Decimal
    size: Decimal
    market_size: Decimal
    notional: Decimal
    orders: int
    band: Decimal


SPOT_BOUNDS = Bounds(
    Decimal(1_000_000), Decimal(9000), Decimal("97.09521512"), Decimal(9_000_000), 200, Decimal(5)
)  # fmt: skip


def limit_of(kind: str, interval: str, count: int, limit: int) -> Fields:
    """One entry of `rateLimits`."""
    return {"rateLimitType": kind, "interval": interval, "intervalNum": count, "limit": limit}


SPOT_LIMITS = (
    limit_of("REQUEST_WEIGHT", "MINUTE", 1, 6000),
    limit_of("ORDERS", "SECOND", 10, 100),
    limit_of("ORDERS", "DAY", 1, 200000),
    limit_of("RAW_REQUESTS", "MINUTE", 5, 61000),
)
FUTURES_LIMITS = (
    limit_of("REQUEST_WEIGHT", "MINUTE", 1, 2400),
    limit_of("ORDERS", "MINUTE", 1, 1200),
    limit_of("ORDERS", "SECOND", 10, 300),
)


def exchange_info(told: Sequence[Told], is_futures: bool, at: Nanos) -> Fields:
    """The answer for these instruments; well-formed for none."""
    limits = FUTURES_LIMITS if is_futures else SPOT_LIMITS
    head: Fields = {"timezone": "UTC", "serverTime": millis(at)}
    tail: Fields = {"rateLimits": list(limits), "exchangeFilters": []}
    if is_futures:
        assets = sorted({one.instrument.quote for one in told})
        head["futuresType"] = "U_MARGINED"
        tail["assets"] = [{"asset": name, "marginAvailable": True, "autoAssetExchange": "-10000"} for name in assets]
    return head | tail | {"symbols": [_futures(one) if is_futures else _spot(one) for one in told]}


def _spot(told: Told) -> Fields:
    instrument, rules = told.instrument, told.wire.rules
    return {
        "symbol": instrument.symbol, "status": "TRADING", "baseAsset": instrument.base, "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote, "quotePrecision": 8, "quoteAssetPrecision": 8, "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": False, "ocoAllowed": False, "otoAllowed": False, "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False, "cancelReplaceAllowed": False, "amendAllowed": False, "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False, "filters": _spot_filters(rules), "permissions": [],
        "permissionSets": [["SPOT"]], "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }  # fmt: skip


def _spot_filters(rules: TradingRules) -> list[Fields]:
    """The price filter first: some clients take the first for it."""
    tick, step = _written(rules.tick), _written(rules.step)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": _written(SPOT_BOUNDS.price), "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": _written(rules.min_size), "maxQty": _written(SPOT_BOUNDS.size),
         "stepSize": step},
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": _written(SPOT_BOUNDS.market_size),
         "stepSize": "0.00000000"},
        {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000,
         "minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 2000},
        {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5", "bidMultiplierDown": "0.2",
         "askMultiplierUp": "5", "askMultiplierDown": "0.2", "avgPriceMins": 5},
        {"filterType": "NOTIONAL", "minNotional": _written(rules.min_notional), "applyMinToMarket": True,
         "maxNotional": _written(SPOT_BOUNDS.notional), "applyMaxToMarket": False, "avgPriceMins": 5},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": SPOT_BOUNDS.orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
    ]  # fmt: skip


def _futures(told: Told) -> Fields:
    instrument, rules = told.instrument, told.wire.rules
    tick, step, least = f"{rules.tick:f}", f"{rules.step:f}", f"{rules.min_size:f}"
    filters: list[dict[str, Any]] = [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "4529764", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": least, "maxQty": "1000", "stepSize": step},
        {"filterType": "MARKET_LOT_SIZE", "minQty": least, "maxQty": "120", "stepSize": step},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
        {"filterType": "MIN_NOTIONAL", "notional": f"{rules.min_notional:f}"},
        {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500",
         "multiplierDecimal": "4"},
    ]  # fmt: skip
    return {
        "symbol": instrument.symbol, "pair": instrument.symbol, "contractType": "PERPETUAL",
        "deliveryDate": PERPETUAL_DELIVERY, "onboardDate": 1569398400000, "status": "TRADING",
        "maintMarginPercent": "2.5000", "requiredMarginPercent": "5.0000", "baseAsset": instrument.base,
        "quoteAsset": instrument.quote, "marginAsset": instrument.quote,
        "pricePrecision": len(told.wire.price(1).partition(".")[2]),
        "quantityPrecision": len(told.wire.size(1).partition(".")[2]), "baseAssetPrecision": 8, "quotePrecision": 8,
        "underlyingType": "COIN", "underlyingSubType": ["PoW"] if instrument.base == "BTC" else ["Layer-1"],
        "triggerProtect": "0.0500", "liquidationFee": "0.012500", "marketTakeBound": "0.05", "filters": filters,
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET",
                       "TRAILING_STOP_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }  # fmt: skip


def _written(value: Decimal) -> str:
    return f"{value:.{SPOT_PLACES}f}"
