"""What the simulated Kraken lists: its assets and pairs, under every name they have.

Enters: instruments of the engine's books. Leaves: the entries of Assets, AssetPairs and the instrument channel. Never:
a name that the venue would not understand: each pair has its REST name (`XXBTZUSD`), a short one (`XBTUSD`), that of v1
(`XBT/USD`) and that of v2 (`BTC/USD`).
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from cryptopipe.api import Asset, Instrument, TradingRules, TradingState
from cryptopipe_kraken.metadata import v1_symbol

_LEGACY = {
    "BTC": "XXBT", "DOGE": "XXDG", "ETH": "XETH", "LTC": "XLTC", "XRP": "XXRP", "XLM": "XXLM", "XMR": "XXMR",
    "ZEC": "XZEC", "ETC": "XETC", "USD": "ZUSD", "EUR": "ZEUR", "GBP": "ZGBP", "CAD": "ZCAD", "JPY": "ZJPY",
    "AUD": "ZAUD",
}  # fmt: skip
"""Codes with a prefix from the venue's first years (Assets, recorded and live answers in public tests)."""
_FIAT = ("USD", "EUR", "GBP", "CAD", "JPY", "AUD", "CHF")
_PAIR_NAMES = {"USDT/USD": "USDTZUSD"}
_STATES = {TradingState.TRADING: "online", TradingState.POST_ONLY: "post_only", TradingState.CANCEL_ONLY: "cancel_only"}
_TAKER, _MAKER = [[0, 0.4]], [[0, 0.25]]
"""In percent, the lowest tier alone, as the plugin's fee schedule has it; the venue lists about ten."""


def rest_code(asset: Asset) -> str:
    """`XXBT`, `ZUSD`, `SOL`: the key of an asset."""
    return _LEGACY.get(asset, asset)


def short_code(asset: Asset) -> str:
    """`XBT`, `USD`, `SOL`: its `altname`."""
    return {"BTC": "XBT", "DOGE": "XDG"}.get(asset, asset)


def rest_name(instrument: Instrument) -> str:
    """`XXBTZUSD`, `XBTUSDT`: the key of a pair; both codes keep their prefixes or neither."""
    base, quote = instrument.base, instrument.quote
    if instrument.symbol in _PAIR_NAMES:
        return _PAIR_NAMES[instrument.symbol]
    return rest_code(base) + rest_code(quote) if base in _LEGACY and quote in _LEGACY else short_name(instrument)


def short_name(instrument: Instrument) -> str:
    """`XBTUSD`: its `altname`."""
    return short_code(instrument.base) + short_code(instrument.quote)


def spellings(instrument: Instrument) -> dict[str, str]:
    """What a client may ask for, with the key under which it is answered: a pair with a slash under the very spelling
    that was asked for, any other under the REST name (live answers in public tests, 2026).
    """
    slashed = {instrument.symbol, v1_symbol(instrument.symbol)}
    plain = (rest_name(instrument), short_name(instrument), instrument.symbol.replace("/", ""))
    return {**dict.fromkeys(plain, rest_name(instrument)), **{name: name for name in slashed}}


def asset_entry(asset: Asset) -> dict[str, Any]:
    """Of Assets (get-asset-info, 2026-11-21)."""
    fiat = asset in _FIAT
    return {
        "aclass": "currency",
        "altname": short_code(asset),
        "decimals": 4 if fiat else 8 if asset == "USDT" else 10,
        "display_decimals": 2 if fiat else 5,
        "collateral_value": 1.0,
        "status": "enabled",
        "margin_rate": "0.02",
    }


def pair_entry(instrument: Instrument) -> dict[str, Any]:
    """Of AssetPairs (get-tradable-asset-pairs, 2026-11-21; keys as answered on 2026-09-03)."""
    rules = rules_of(instrument)
    return {
        "altname": short_name(instrument),
        "wsname": v1_symbol(instrument.symbol),
        "aclass_base": "currency",
        "base": rest_code(instrument.base),
        "aclass_quote": "currency",
        "quote": rest_code(instrument.quote),
        "lot": "unit",
        "cost_decimals": cost_places(instrument),
        "pair_decimals": places(rules.tick),
        "lot_decimals": places(rules.step),
        "lot_multiplier": 1,
        "leverage_buy": [2, 3, 4, 5],
        "leverage_sell": [2, 3, 4, 5],
        "fees": _TAKER,
        "fees_maker": _MAKER,
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": f"{rules.min_size:f}",
        "costmin": f"{rules.min_notional:f}",
        "tick_size": f"{rules.tick:f}",
        "status": _STATES.get(instrument.state, "maintenance"),
        "execution_venue": "international",
        "long_position_limit": 250,
        "short_position_limit": 200,
    }


def instrument_data(instruments: Sequence[Instrument]) -> str:
    """The snapshot of the instrument channel (spot-websocket-v2/instrument, 2026-11-21)."""
    assets = ",".join(_channel_asset(asset) for asset in assets_of(instruments))
    pairs = ",".join(_channel_pair(one) for one in instruments)
    return f'{{"channel":"instrument","type":"snapshot","data":{{"assets":[{assets}],"pairs":[{pairs}]}}}}'


def assets_of(instruments: Iterable[Instrument]) -> list[Asset]:
    """Each once, by their names."""
    return sorted({asset for one in instruments for asset in (one.base, one.quote)})


def _channel_asset(asset: Asset) -> str:
    entry = asset_entry(asset)
    return (
        f'{{"id":"{asset}","status":"enabled","precision":{entry["decimals"]},'
        f'"precision_display":{entry["display_decimals"]},"borrowable":true,"collateral_value":1.00,'
        f'"margin_rate":0.020000}}'
    )


def _channel_pair(instrument: Instrument) -> str:
    rules = rules_of(instrument)
    return (
        f'{{"symbol":"{instrument.symbol}","base":"{instrument.base}","quote":"{instrument.quote}",'
        f'"status":"{_STATES.get(instrument.state, "maintenance")}","qty_precision":{places(rules.step)},'
        f'"qty_increment":{rules.step:f},"price_precision":{places(rules.tick)},'
        f'"cost_precision":{cost_places(instrument)},"marginable":true,"has_index":true,'
        f'"cost_min":{rules.min_notional:f},"margin_initial":0.20,"position_limit_long":250,'
        f'"position_limit_short":200,"tick_size":{rules.tick:f},"price_increment":{rules.tick:f},'
        f'"qty_min":{rules.min_size:f}}}'
    )


def places(step: Decimal) -> int:
    """Decimals of a step: 1 of `0.1`, 0 of `5`."""
    exponent = step.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "a step is finite"
    return max(0, -exponent)


def cost_places(instrument: Instrument) -> int:
    """5, and 10 for pairs quoted in bitcoin."""
    return 10 if instrument.quote == "BTC" else 5


def rules_of(instrument: Instrument) -> TradingRules:
    """Raises `ValueError` if nobody stated them: nothing can be simulated on no grid."""
    if instrument.rules is None:
        raise ValueError(f"{instrument.id} has no trading rules to simulate it by")
    return instrument.rules


def encoded(answer: object) -> bytes:
    """JSON as bytes."""
    return msgspec.json.encode(answer)
