"""Binance's four venues pass the kit, on frames of the documentation and on the recordings."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from conformance.history_samples import HISTORIES
from recordings import RECORDINGS

import cryptopipe_binance as plugins
from cryptopipe.api import TradingState
from cryptopipe.testing import ExchangeConformance, ListingSample, spot

CORPUS = Path(plugins.__file__).parent / "frames"


def info(
    url: str, source: str, wanted: dict[str, Any], tick: str, step: str, notional: str, **told: Any
) -> ListingSample:
    """One symbol of an `exchangeInfo` answer."""
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "922327.00000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "100000.00000000", "stepSize": step},
        {"filterType": "MIN_NOTIONAL", "minNotional": notional, "notional": notional},
    ]
    body = json.dumps({"timezone": "UTC", "symbols": [{**told, "filters": filters}]}).encode()
    return ListingSample(url, body, source, {told["symbol"]: {"state": TradingState.TRADING, **wanted}})


GRID = {"tick": Decimal("0.000001"), "step": Decimal("0.0001"), "min_notional": Decimal("0.0001")}
ETHBTC = {
    "symbol": "ETHBTC",
    "status": "TRADING",
    "baseAsset": "ETH",
    "quoteAsset": "BTC",
    "isSpotTradingAllowed": True,
}
FORM = "form of the page Exchange Information, read 2026-11-21; numbers made up"
FUTURE = {"contractType": "PERPETUAL", "deliveryDate": 4133404800000}


def spot_info(host: str) -> ListingSample:
    url, source = f"https://{host}/api/v3/exchangeInfo", "recorded 2021-10-12, shortened"
    wanted = {**GRID, "base": "ETH", "quote": "BTC"}
    return info(url, source, wanted, "0.00000100", "0.00010000", "0.00010000", **ETHBTC)


class TestBinance(ExchangeConformance):
    plugin = plugins.binance
    histories = HISTORIES["binance"]
    # The documentation's bookTicker (25.35190000) is finer than the tick of BNBUSDT.
    instruments = tuple(i for i in plugins.binance.instruments.listed() if i.symbol != "BNBUSDT")
    corpus = CORPUS
    recordings = (
        RECORDINGS / "binance/spot_btcusdt_20240808.jsonl.gz",
        RECORDINGS / "binance/spot_depth_stream_20211012.jsonl.gz",
    )
    # As the exchangeInfo of 2021-10-12 has them, recorded on the same day; NKNUSDT still shows orders
    # from before its tick was made coarser (0.25974000).
    recorded_instruments = (
        spot("binance", "BLZ/ETH", symbol="BLZETH", tick="0.00000001", step="1"),
        spot("binance", "LRC/BTC", symbol="LRCBTC", tick="0.00000001", step="1"),
        spot("binance", "RUNE/EUR", symbol="RUNEEUR", tick="0.001", step="0.1"),
    )
    listings = (
        spot_info("api.binance.com"),
        ListingSample(
            "https://api.binance.com/sapi/v1/spot/delist-schedule",
            b'[{"delistTime":1686161202000,"symbols":["ADAUSDT","BNBUSDT"]}]',
            "Get symbols delist schedule for market, as its SDK quotes it, 2026-11-21",
        ),
    )
    recorded_sizes_on_step = False  # line 1885 shows 25.42618900, left of an order older than today's step


class TestBinanceUs(ExchangeConformance):
    plugin = plugins.binance_us
    histories = HISTORIES["binance_us"]
    # The documentation's frames are of BNBBTC, which is not listed here; its grid is that of the other venue.
    instruments = (*plugins.binance_us.instruments.listed(), plugins.binance.instruments.find("BNBBTC"))
    corpus = CORPUS
    listings = (spot_info("api.binance.us"),)
    recordings = (RECORDINGS / "binance_us/spot_depth_stream_20211012.jsonl.gz",)
    # Nobody kept the grid of that day: the finest that the recording shows, so that only the digits are judged by it.
    recorded_instruments = (
        spot("binance_us", "COMP/USDT", symbol="COMPUSDT", tick="0.01", step="0.00001"),
        spot("binance_us", "OMG/BUSD", symbol="OMGBUSD", tick="0.0001", step="0.01"),
        spot("binance_us", "CRV/USDT", symbol="CRVUSDT", tick="0.001", step="0.1"),
        spot("binance_us", "ZRX/USDT", symbol="ZRXUSDT", tick="0.0001", step="0.01"),
    )


class TestBinanceUsdm(ExchangeConformance):
    plugin = plugins.binance_usdm
    histories = HISTORIES["binance_usdm"]
    instruments = plugins.binance_usdm.instruments.listed()
    corpus = CORPUS
    listings = (
        info(
            "https://fapi.binance.com/fapi/v1/exchangeInfo",
            FORM,
            {"tick": Decimal("0.10"), "step": Decimal("0.001"), "min_notional": Decimal(5), "delists_at": 0},
            "0.10",
            "0.001",
            "5",
            symbol="BTCUSDT",
            status="TRADING",
            baseAsset="BTC",
            quoteAsset="USDT",
            **FUTURE,
        ),
    )
    recordings = (RECORDINGS / "binance_usdm/btcusdt_20240808.jsonl.gz",)


class TestBinanceCoinm(ExchangeConformance):
    plugin = plugins.binance_coinm
    histories = HISTORIES["binance_coinm"]
    instruments = plugins.binance_coinm.instruments.listed()
    corpus = CORPUS
    listings = (
        info(
            "https://dapi.binance.com/dapi/v1/exchangeInfo",
            FORM,
            {"tick": Decimal("0.1"), "step": Decimal(1), "contract_size": Decimal(100), "quote": "USD"},
            "0.1",
            "1",
            "0",
            symbol="BTCUSD_PERP",
            contractStatus="TRADING",
            contractSize=100,
            baseAsset="BTC",
            quoteAsset="USD",
            **FUTURE,
        ),
    )
    recordings = (RECORDINGS / "binance_coinm/btcusd_perp_20240808.jsonl.gz",)
