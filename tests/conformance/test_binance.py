"""Binance's four venues pass the kit, on frames of the documentation and on the recordings."""

from pathlib import Path

from recordings import RECORDINGS

import cryptopipe_binance as plugins
from cryptopipe.testing import ExchangeConformance, spot

CORPUS = Path(plugins.__file__).parent / "frames"


class TestBinance(ExchangeConformance):
    plugin = plugins.binance
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
    recorded_sizes_on_step = False  # line 1885 shows 25.42618900, left of an order older than today's step


class TestBinanceUs(ExchangeConformance):
    plugin = plugins.binance_us
    # The documentation's frames are of BNBBTC, which is not listed here; its grid is that of the other venue.
    instruments = (*plugins.binance_us.instruments.listed(), plugins.binance.instruments.find("BNBBTC"))
    corpus = CORPUS
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
    instruments = plugins.binance_usdm.instruments.listed()
    corpus = CORPUS
    recordings = (RECORDINGS / "binance_usdm/btcusdt_20240808.jsonl.gz",)


class TestBinanceCoinm(ExchangeConformance):
    plugin = plugins.binance_coinm
    instruments = plugins.binance_coinm.instruments.listed()
    corpus = CORPUS
    recordings = (RECORDINGS / "binance_coinm/btcusd_perp_20240808.jsonl.gz",)
