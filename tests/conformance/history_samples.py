"""Answers about past trades, as documentation and public clients' test data have them, with what they tell.

Ids, digits and times were read off by hand; the side is the taker's, which each page says how to find.
"""

from cryptopipe.testing import HistorySample

_SPOT_DOCS = "example of binance-spot-api-docs rest-api.md, Old trade lookup, a stored copy read 2026-11-22"
_FUTURES_DOCS = (
    "form of the example of Recent-Trades-List of futures, as public clients quote it (2026-11-22); two trades made up"
)
_FUTURES = (
    b'[{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.00","time":1499865549590,'
    b'"isBuyerMaker":true},{"id":28458,"price":"4.00000200","qty":"0.5","quoteQty":"2.00","time":1499865549591,'
    b'"isBuyerMaker":false}]'
)
_TWO = (
    ("28457", "4.00000100", "12.00000000", "sell", 1499865549590000000),
    ("28458", "4.00000200", "0.5", "buy", 1499865549591000000),
)


def _futures(symbol: str) -> tuple[HistorySample, ...]:
    return (HistorySample(symbol, _FUTURES, _FUTURES_DOCS, _TWO),)


HISTORIES: dict[str, tuple[HistorySample, ...]] = {
    "binance": (
        HistorySample(
            "BTCUSDT",
            b'[{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.000012","time":1499865549590,'
            b'"isBuyerMaker":true,"isBestMatch":true}]',
            _SPOT_DOCS,
            _TWO[:1],
        ),
        HistorySample(
            "BTCUSDT",
            b'[{"id":445560530,"isBestMatch":true,"isBuyerMaker":true,"price":"13260.72000000","qty":"0.01810400",'
            b'"quoteQty":"240.07207488","time":1603947130084},{"id":445560531,"isBestMatch":true,"isBuyerMaker":false,'
            b'"price":"13260.73000000","qty":"0.00084700","quoteQty":"11.23183831","time":1603947130176}]',
            "first two of an answer of 2020-10-29 in the test data of github.com/thrasher-corp/gocryptotrader",
            (
                ("445560530", "13260.72000000", "0.01810400", "sell", 1603947130084000000),
                ("445560531", "13260.73000000", "0.00084700", "buy", 1603947130176000000),
            ),
        ),
    ),
    "binance_us": _futures("BTCUSDT"),
    "binance_usdm": _futures("BTCUSDT"),
    "binance_coinm": _futures("BTCUSD_PERP"),
    "coinbase_exchange": (
        HistorySample(
            "BTC-USD",
            b'[{"time":"2014-11-07T22:19:28.578544Z","trade_id":74,"price":"10.00000000","size":"0.01000000",'
            b'"side":"buy"},{"time":"2014-11-07T01:08:43.642366Z","trade_id":73,"price":"100.00000000",'
            b'"size":"0.01000000","side":"sell"}]',
            "example of docs.cdp.coinbase.com, Exchange, Get product trades, as public clients quote it (2026-11-22): "
            "a maker's side",
            (
                ("74", "10.00000000", "0.01000000", "sell", 1415398768578544000),
                ("73", "100.00000000", "0.01000000", "buy", 1415322523642366000),
            ),
        ),
    ),
    "coinbase": (
        HistorySample(
            "ETH-USD",
            b'{"trades":[{"trade_id":"22350501","product_id":"BTC-USD","price":"140.91","size":"4","time":'
            b'"2021-05-31T09:59:59Z","side":"BUY"}],"best_bid":"291.13","best_ask":"292.40"}',
            "docs.cdp.coinbase.com, Get Public Market Trades, as the tests of github.com/JKorf/Coinbase.Net keep it "
            "(2026-07); whose side it is is not stated there: read as the stream's, the maker's",
            (("22350501", "140.91", "4", "sell", 1622455199000000000),),
        ),
    ),
    "kraken": (
        HistorySample(
            "BTC/USD",
            b'{"error":[],"result":{"XXBTZUSD":[["30243.40000","0.34507674",1688669597.8277369,"b","m","",61044952],'
            b'["30243.30000","0.00376960",1688669598.2804112,"s","l","",61044953],'
            b'["30243.30000","0.01235716",1688669602.698379,"s","m","",61044956]],"last":"1688671969993150842"}}',
            "example of docs.kraken.com/api/docs/rest-api/get-recent-trades, a stored copy read 2026-11-22",
            (
                ("61044952", "30243.40000", "0.34507674", "buy", 1688669597827736900),
                ("61044953", "30243.30000", "0.00376960", "sell", 1688669598280411200),
                ("61044956", "30243.30000", "0.01235716", "sell", 1688669602698379000),
            ),
        ),
    ),
    "bybit": (
        HistorySample(
            "BTCUSDT",
            b'{"retCode":0,"retMsg":"OK","result":{"category":"spot","list":[{"execId":"2100000000007764263","symbol":'
            b'"BTCUSDT","price":"16618.49","size":"0.00012","side":"Buy","time":"1672052955758","isBlockTrade":false}]}'
            b',"retExtInfo":{},"time":1672053054358}',
            "example of bybit-exchange.github.io/docs/v5/market/recent-trade, as public clients keep it (2026-11-22)",
            (("2100000000007764263", "16618.49", "0.00012", "buy", 1672052955758000000),),
        ),
        HistorySample(
            "linear:BTCUSDT",
            b'{"retCode":0,"retMsg":"OK","result":{"category":"linear","list":[{"execId":"7f1e6c52-3a44-55b0-8a11-'
            b'0d5a3f6b2c10","symbol":"BTCUSDT","price":"16578.40","size":"0.200","side":"Sell","time":"1672304486866",'
            b'"isBlockTrade":false},{"execId":"a","symbol":"BTCUSDT","price":"16578.41","size":"9","side":"Sell",'
            b'"time":"1672304486867","isBlockTrade":true}]},"retExtInfo":{},"time":1672304486868}',
            "made up on 2026-11-22 after that example: a contract, and a block trade that is left out",
            (("7f1e6c52-3a44-55b0-8a11-0d5a3f6b2c10", "16578.40", "0.200", "sell", 1672304486866000000),),
        ),
    ),
    "bitstamp": (
        HistorySample(
            "btcusd",
            b'[{"date":"1560481868","tid":"90574283","price":"8194.79","type":"1","amount":"0.00288599"},'
            b'{"date":"1560481819","tid":"90574264","price":"8197.67","type":"0","amount":"0.00119500"}]',
            "two of an answer of 2019-06-14 in the test data of github.com/thrasher-corp/gocryptotrader",
            (
                ("90574283", "8194.79", "0.00288599", "sell", 1560481868000000000),
                ("90574264", "8197.67", "0.00119500", "buy", 1560481819000000000),
            ),
        ),
    ),
    "gemini": (
        HistorySample(
            "btcusd",
            b'[{"timestamp":1601617445,"timestampms":1601617445144,"tid":14122489752,"price":"0.46476","amount":'
            b'"28.407209","exchange":"gemini","type":"buy"},{"timestamp":1601617440,"timestampms":1601617440001,'
            b'"tid":14122489700,"price":"0.4","amount":"1","exchange":"gemini","type":"auction"},'
            b'{"timestampms":1601617430001,"tid":14122489600,"price":"0.4","amount":"1","type":"buy","broken":true}]',
            "example of docs.gemini.com/rest-api/#trade-history as ccxt quotes it (2026-11-22); two rows made up",
            (("14122489752", "0.46476", "28.407209", "buy", 1601617445144000000),),
        ),
    ),
    "bitfinex": (
        HistorySample(
            "tETHUSD",
            b"[[388063448,1567526214876,1.918524,10682],[388063449,1567526214877,-0.0500,10682.10]]",
            "docs.bitfinex.com/reference/rest-public-trades as the tests of github.com/JKorf/Bitfinex.Net keep it "
            "(2026-07); the second, a sale, made up",
            (
                ("388063448", "10682", "1.918524", "buy", 1567526214876000000),
                ("388063449", "10682.10", "0.0500", "sell", 1567526214877000000),
            ),
        ),
    ),
}
"""By venue."""
