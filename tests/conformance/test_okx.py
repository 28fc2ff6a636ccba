"""OKX passes the kit, and its connections, rule and answers are as documented."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from recordings import RECORDINGS, needs_recordings

import cryptopipe_okx as plugins
from cryptopipe.api import (
    USUAL_CHANNELS,
    Asset,
    BookDelta,
    BookSnapshot,
    Channel,
    Heartbeat,
    HttpResponse,
    Instrument,
    Kind,
    Link,
    Network,
    Notice,
    Proof,
    ProtocolError,
    RateLimited,
    Subscription,
    TopUpdate,
    Trade,
    TradingRules,
    TradingState,
    Unknown,
    VenueError,
    VenueId,
    VenueUnavailable,
)
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.testing import ExchangeConformance, ListingSample

PLUGIN = plugins.okx
CORPUS = Path(plugins.__file__).parent / "frames"
FIND = PLUGIN.instruments.find
MS = 1_000_000


def swap(symbol: str, tick: str) -> Instrument:
    """As recorded on 2022-05-13: one contract is the step."""
    found = FIND(symbol)
    rules = TradingRules(Decimal(tick), Decimal(1), Decimal(1), Decimal(0))
    return Instrument(found.venue, symbol, found.base, found.quote, found.kind, rules, contract_size=Decimal(10))


ROW = {
    "alias": "", "auctionEndTime": "", "baseCcy": "BTC", "category": "1", "ctMult": "", "ctType": "", "ctVal": "",
    "ctValCcy": "", "contTdSwTime": "1704876947000", "expTime": "", "futureSettlement": False, "groupId": "1",
    "instFamily": "", "instId": "BTC-USDT", "instType": "SPOT", "lever": "10", "listTime": "1606468572000",
    "lotSz": "0.00000001", "minSz": "0.00001", "openType": "call_auction", "quoteCcy": "USDT", "settleCcy": "",
    "state": "live", "ruleType": "normal", "tickSz": "0.1", "uly": "", "instIdCode": 1000000000, "upcChg": [],
}  # fmt: skip
"""Example of docs-v5/en/#public-data-rest-api-get-instruments, copy of 2026-07-03, some fields left out."""
SWAP_ROW = {
    "baseCcy": "", "ctMult": "1", "ctType": "linear", "ctVal": "0.01", "ctValCcy": "BTC", "expTime": "1789603200000",
    "instFamily": "BTC-USDT", "instId": "BTC-USDT-SWAP", "instType": "SWAP", "lotSz": "0.1", "minSz": "0.1",
    "quoteCcy": "", "settleCcy": "USDT", "state": "post_only", "tickSz": "0.1", "uly": "BTC-USDT",
}  # fmt: skip
"""An answer of 2024 in ccxt's test data, with another state and an end."""
CHAIN = {
    "burningFeeRate": "", "canDep": True, "canInternal": True, "canWd": False, "ccy": "BTC", "chain": "BTC-Bitcoin",
    "ctAddr": "", "fee": "0.00005", "mainNet": True, "maxFee": "0.00005", "maxWd": "500", "minDep": "0.0005",
    "minDepArrivalConfirm": "1", "minFee": "0.00007", "minWd": "0.0005", "needTag": False, "wdTickSz": "8",
}  # fmt: skip
"""Example of docs-v5/en/#funding-account-rest-api-get-currencies, copy of 2026-05-27; two fields changed."""


def enveloped(*rows: object) -> bytes:
    return json.dumps({"code": "0", "msg": "", "data": rows}).encode()


class TestOkx(ExchangeConformance):
    plugin = PLUGIN
    instruments = (*PLUGIN.instruments.listed(), swap("UNI-USD-SWAP", "0.001"))
    corpus = CORPUS
    recordings = (RECORDINGS / "okx/v5_books_trades_tickers_20220513.jsonl.gz",)
    covers = (BookSnapshot, BookDelta, TopUpdate, Trade, Notice, Unknown, Heartbeat)
    listings = (
        ListingSample(
            "https://www.okx.com/api/v5/public/instruments?instType=SPOT",
            enveloped(ROW, SWAP_ROW),
            "docs-v5, copy of 2026-07-03; ccxt's test data of 2024; read 2026-11-21",
            {
                "BTC-USDT": {"tick": Decimal("0.1"), "state": TradingState.TRADING, "quote": "USDT"},
                "BTC-USDT-SWAP": {"contract_size": Decimal("0.01"), "state": TradingState.POST_ONLY},
            },
        ),
        ListingSample(
            "https://www.okx.com/api/v5/asset/currencies",
            enveloped(CHAIN),
            "docs-v5, copy of 2026-05-27, read 2026-11-21",
            None,
            {
                "BTC": [
                    {"code": "BTC-Bitcoin", "withdrawals": False, "withdrawal_fee": Decimal("0.00005"), "memo": False}
                ]
            },
        ),
    )


def wanted(*symbols: str, channels: tuple[Channel, ...] = USUAL_CHANNELS) -> list[Subscription]:
    return [Subscription(FIND(symbol), channel) for symbol in symbols for channel in channels]


def frame(name: str) -> bytes:
    return (CORPUS / f"{name}.json").read_bytes()


def update(seq: int, previous: int, *, bids: object = (), asks: object = (), symbol: str = "ETH-USDC") -> bytes:
    data = {"asks": asks, "bids": bids, "ts": "1597026383085", "checksum": 0, "prevSeqId": previous, "seqId": seq}
    told = {"arg": {"channel": "books", "instId": symbol}, "action": "update", "data": [data]}
    return json.dumps(told, separators=(",", ":")).encode()


class Line:
    """One connection's codec and the book of ETH-USDC, as the framework keeps it."""

    def __init__(self, *frames: bytes) -> None:
        self.codec = PLUGIN.feed()
        self.sync = BookSync(FIND("ETH-USDC"), self.codec.rule)
        self.outcomes: list[Any] = []
        for each in frames:
            self.feed(each)

    def feed(self, raw: bytes) -> Any:
        outcome = None
        for event in self.codec.decode(raw, 1):
            if isinstance(event, BookSnapshot):
                outcome = self.sync.snapshot(event, 1)
            elif isinstance(event, BookDelta):
                outcome = self.sync.delta(event, 1)
            elif isinstance(event, TopUpdate):
                outcome = self.sync.quote(event, 1)
        self.outcomes.append(outcome)
        return outcome

    @property
    def best(self) -> list[str]:
        top = self.sync.book.top
        assert top is not None
        return [str(n) for n in (top.bid, top.bid_size, top.ask, top.ask_size)]


def test_a_connection_asks_once_an_instrument() -> None:
    connect = PLUGIN.feed().connect(wanted("BTC-USDT", "ETH-BTC"), None, 0)
    assert connect.url == "wss://ws.okx.com:8443/ws/v5/public"
    assert connect.frames == (
        '{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"},{"channel":"bbo-tbt","instId":"BTC-USDT"},'
        '{"channel":"trades","instId":"BTC-USDT"}]}',
        '{"op":"subscribe","args":[{"channel":"books","instId":"ETH-BTC"},{"channel":"bbo-tbt","instId":"ETH-BTC"},'
        '{"channel":"trades","instId":"ETH-BTC"}]}',
    )


def test_a_ping_is_the_text_ping_before_thirty_seconds_of_silence() -> None:
    """ "Set a timer of N seconds […], where N is less than 30. […] send the String 'ping'"."""
    connect = PLUGIN.feed().connect(wanted("BTC-USDT"), None, 0)
    assert connect.ping_text == "ping"
    assert connect.ping_every_s is not None
    assert connect.ping_every_s < 30


def test_a_lost_book_is_ended_before_it_is_asked_for_again() -> None:
    """A second subscription is acknowledged without a snapshot (ws.okj.com, which speaks the same, 2026-09-23)."""
    connect = PLUGIN.feed().connect(wanted("BTC-USDT", "ETH-BTC"), None, 0)
    assert set(connect.resubscribe) == {"BTC-USDT", "ETH-BTC"}
    assert [json.loads(text) for text in connect.resubscribe["ETH-BTC"]] == [
        {"op": op, "args": [{"channel": "books", "instId": "ETH-BTC"}]} for op in ("unsubscribe", "subscribe")
    ]
    assert PLUGIN.feed().connect(wanted("BTC-USDT", channels=(Channel.TRADES,)), None, 0).resubscribe == {}


def test_no_connection_carries_more_than_the_venue_recommends() -> None:
    """Less than 30 channels of 400 levels; 480 requests in an hour, 64 KB of channels."""
    many = [Subscription(FIND(f"TOKEN{n:04}-USDT"), c) for n in range(100) for c in USUAL_CHANNELS]
    parts = PLUGIN.split(many)
    assert [s for part in parts for s in part] == many
    assert len(parts) == 4
    for part in parts:
        frames = PLUGIN.feed().connect(part, None, 0).frames
        args = [arg for text in frames for arg in json.loads(text)["args"]]
        assert sum(arg["channel"] == "books" for arg in args) < 30
        assert len(frames) < 480 / 2
        assert sum(map(len, frames)) < 64 * 1024
    assert PLUGIN.split([]) == []


def test_channels_of_one_instrument_stay_together() -> None:
    apart = sorted(wanted(*(f"TOKEN{n:04}-USDT" for n in range(40))), key=lambda s: s.channel.value)
    for part in PLUGIN.split(apart):
        assert {s.channel for s in part} == set(USUAL_CHANNELS)
    assert sum(map(len, PLUGIN.split(apart))) == 120


@pytest.mark.parametrize(
    ("previous", "seq", "verdict"),
    [
        (15, 18, Link.APPLY),
        (15, 15, Link.APPLY),  # no update
        (15, 16, Link.APPLY),
        (16, 18, Link.GAP),
        (10, 15, Link.SKIP),  # the frame before, again
        (10, 12, Link.GAP),  # an older one
        (3, 5, Link.GAP),  # after a reset that was lost
        (-1, 12, Link.GAP),
        (0, 2, Link.GAP),
    ],
)
def test_an_update_follows_the_message_before(previous: int, seq: int, verdict: Link) -> None:
    rule = PLUGIN.feed().rule
    delta = BookDelta("X", b"[]", b"[]", previous + 1, seq, previous, 0)
    assert rule.link(15, delta) is rule.join(15, delta) is verdict
    assert rule.proof is Proof.SEQUENCE
    assert rule.checksum == ""


SEQUENCE = ("sequence_snapshot", "sequence_update", "sequence_no_update", "sequence_reset", "sequence_after_reset")


def test_the_documented_sequence_with_its_reset_is_a_live_book() -> None:
    line = Line(*map(frame, SEQUENCE))
    assert (line.sync.state, line.sync.gaps) == (BookState.LIVE, 0)
    assert line.best == ["2000.01", "3", "2000.02", "1"]


@pytest.mark.parametrize("lost", SEQUENCE[1:4])
def test_each_lost_message_is_noticed_at_the_next(lost: str) -> None:
    """But for the one that changes nothing: the next one's past is the same with and without it."""
    line = Line()
    for name in SEQUENCE:
        if name != lost:
            line.feed(frame(name))
    assert line.sync.gaps == (0 if lost == "sequence_no_update" else 1)
    assert (line.sync.state is BookState.LIVE) is (lost == "sequence_no_update")


def test_a_gap_names_both_ids() -> None:
    line = Line(frame("sequence_snapshot"), update(20, 17))
    assert line.sync.reason == "sequence gap on okx:ETH-USDC: expected 11, got 18"
    assert line.sync.book.top is None


def test_a_quiet_minutes_message_proves_the_book_and_changes_nothing() -> None:
    line = Line(*map(frame, SEQUENCE[:3]))
    assert line.outcomes[-1] is None
    assert line.sync.state is BookState.LIVE
    assert Line(frame("sequence_snapshot"), update(15, 15)).sync.gaps == 1, "a message was lost before it"


def test_a_frame_that_comes_twice_is_applied_once() -> None:
    line = Line(*map(frame, SEQUENCE[:2]), frame("sequence_update"))
    assert (line.sync.state, line.sync.gaps) == (BookState.LIVE, 0)


def test_two_snapshots_in_a_row_leave_the_second() -> None:
    first = frame("sequence_snapshot")
    second = first.replace(b'"2000.01","2"', b'"1999.99","7"')
    assert Line(first, second).best == ["1999.99", "7", "2000.02", "1"]
    assert Line(second, first).best == ["2000.01", "2", "2000.02", "1"]


def test_deleting_a_level_that_is_not_there_is_no_error() -> None:
    """424 times in twelve seconds of the recorded BTC-USDT."""
    line = Line(frame("sequence_snapshot"), update(11, 10, bids=[["1990.00", "0", "0", "0"]]))
    assert line.sync.state is BookState.LIVE
    assert line.best == ["2000.01", "2", "2000.02", "1"]


@pytest.mark.parametrize("name", ["snapshot_one_sided", "snapshot_empty"])
def test_a_book_without_a_side_is_live_and_fills(name: str) -> None:
    line = Line(frame(name).replace(b"BTC-USDC", b"ETH-USDC"))
    assert line.sync.state is BookState.LIVE
    line.feed(update(8, 7, bids=[["2000.01", "1", "0", "1"]], asks=[["2000.02", "1", "0", "1"]]).replace(
        b'"bids":[["2000.01"', b'"bids":[["60000.10","0","0","0"],["2000.01"'))  # fmt: skip
    assert line.best == ["2000.01", "1", "2000.02", "1"]
    line.feed(update(9, 8, bids=[["2000.01", "0", "0", "0"]], asks=[["2000.02", "0", "0", "0"]]))
    assert line.sync.state is BookState.LIVE
    assert line.sync.book.counts() == (0, 0)


def top(seq: int, bid: str = "2000.00", ask: str = "2000.05") -> bytes:
    data = {"asks": [[ask, "4", "0", "1"]], "bids": [[bid, "9", "0", "1"]], "ts": "1597026383085", "seqId": seq}
    return json.dumps({"arg": {"channel": "bbo-tbt", "instId": "ETH-USDC"}, "data": [data]}).encode()


def test_a_newer_top_stands_until_the_books_pass_it_and_an_older_one_does_not() -> None:
    line = Line(frame("sequence_snapshot"), top(9))
    assert line.best == ["2000.01", "2", "2000.02", "1"]
    line.feed(top(12))
    assert line.best == ["2000.00", "9", "2000.05", "4"]
    line.feed(update(11, 10, bids=[["2000.01", "5", "0", "1"]]))
    assert line.best == ["2000.00", "9", "2000.05", "4"]
    line.feed(update(13, 11))
    assert line.best == ["2000.01", "5", "2000.02", "1"]


def test_a_top_of_before_a_reset_does_not_outlive_it() -> None:
    line = Line(*map(frame, SEQUENCE[:3]), top(1000), update(3, 15, asks=[["2000.03", "1", "0", "1"]]))
    assert line.best == ["2000.01", "3", "2000.02", "1"]
    line.feed(top(2))
    assert line.best == ["2000.01", "3", "2000.02", "1"], "older than the reset"
    line.feed(top(4))
    assert line.best == ["2000.00", "9", "2000.05", "4"], "newer than the reset"
    line.feed(update(5, 3))
    assert line.best == ["2000.01", "3", "2000.02", "1"]
    assert line.sync.gaps == 0


def test_ids_that_add_up_to_more_than_can_be_written_are_refused() -> None:
    line = Line(frame("sequence_snapshot"))
    line.feed(update(2**62 - 1, 10))
    with pytest.raises(ProtocolError, match=r"okx: sequence ids of one connection add up to \d+, more than \d+"):
        for _ in range(3):
            line.feed(update(0, 2**62 - 1))
            line.feed(update(2**62 - 1, 0))


def test_a_new_connection_knows_nothing_of_the_one_before() -> None:
    codec = PLUGIN.feed()
    for name in SEQUENCE:
        codec.decode(frame(name), 1)
    codec.connect(wanted("ETH-USDC", channels=(Channel.TOP,)), None, 0)
    (event,) = codec.decode(frame("sequence_snapshot"), 1)
    assert isinstance(event, BookSnapshot)
    assert event.version == 10


def test_five_levels_whose_ids_start_again_are_the_newer_book() -> None:
    codec, told = PLUGIN.feed(), frame("books5")
    versions = []
    for seq in (b"363996337", b"12", b"15"):
        (event,) = codec.decode(told.replace(b"363996337", seq), 1)
        assert isinstance(event, BookSnapshot)
        versions.append(event.version)
    assert versions == [363996337, 363996338, 363996341]


def test_five_levels_are_a_top_where_four_hundred_are_subscribed_to() -> None:
    codec = PLUGIN.feed()
    codec.connect(wanted("BCH-USDT-SWAP"), None, 0)
    (event,) = codec.decode(frame("books5"), 1)
    assert isinstance(event, TopUpdate)


@pytest.mark.parametrize(
    ("url", "name", "old"),
    [
        ("", "subscribed", False),
        ("wss://ws.okx.com:8443/ws/v5/public", "snapshot", False),
        ("", "old_update", True),
        ("", "bbo", False),
        ("", "pong", False),
        ("", "refused", False),
    ],
)
def test_the_first_frame_tells_the_form(url: str, name: str, old: bool) -> None:
    assert any(dialect.speaks(url, frame(name)) for dialect in PLUGIN.dialects) is old


def test_an_answer_without_a_connection_id_is_of_the_old_form() -> None:
    (dialect,) = PLUGIN.dialects
    assert dialect.speaks("", b'{"event":"subscribe","arg":{"channel":"tickers","instId":"UNI-USD-SWAP"}}')
    rule = dialect.feed().rule
    assert (rule.proof, rule.checksum, rule.checksum_levels) == (Proof.CHECKSUM, "crc_interleaved", 25)


def test_ids_prove_a_book_of_the_old_form_whose_checksum_became_zero() -> None:
    """A venue that no longer answers with `connId` would be read in the old form, and sends 0 since 2026-06-23."""
    line = Line()
    line.codec = PLUGIN.dialects[0].feed()
    line.sync = BookSync(FIND("ETH-USDC"), line.codec.rule)
    for name in SEQUENCE:
        line.feed(frame(name))
    assert (line.sync.state, line.sync.gaps) == (BookState.LIVE, 0)
    assert line.best == ["2000.01", "3", "2000.02", "1"]
    line.feed(update(9, 7))
    assert (line.sync.state, line.sync.gaps) == (BookState.SYNCING, 1)


# Instruments.


@pytest.mark.parametrize(
    ("symbol", "base", "quote", "kind"),
    [
        ("NKN-USDT", "NKN@okx", "USDT", Kind.SPOT),
        ("DOGE-USDT", "DOGE", "USDT", Kind.SPOT),
        ("1INCH-EUR", "1INCH", "EUR", Kind.SPOT),
        ("BTC-USDT-SWAP", "BTC", "USDT", Kind.LINEAR_PERPETUAL),
        ("BTC-USDC-SWAP", "BTC", "USDC", Kind.LINEAR_PERPETUAL),
        ("BTC-USD-SWAP", "BTC", "USD", Kind.INVERSE_PERPETUAL),
        ("ETH-USD_UM-SWAP", "ETH", "USD_UM@okx", Kind.LINEAR_PERPETUAL),
    ],
)
def test_instruments_are_found_by_their_symbols(symbol: str, base: str, quote: str, kind: Kind) -> None:
    found = FIND(symbol)
    assert (found.symbol, found.base, found.quote, found.kind, found.rules) == (symbol, base, quote, kind, None)
    assert found.id == f"okx:{symbol}"


NO_SYMBOLS = (
    "BTCUSDT BTC BTC- -USDT btc-usdt BTC/USDT BTC-USD-220527 BTC-USD-241227-60000-P BTC-USDT-SWAP-SWAP BTC-USDT_X"
)


@pytest.mark.parametrize("symbol", ["", *NO_SYMBOLS.split()])
def test_what_is_no_symbol_is_refused(symbol: str) -> None:
    with pytest.raises(ProtocolError, match=f"okx:{symbol}"):
        FIND(symbol)


def test_only_spot_pairs_are_listed() -> None:
    """Sizes of swaps are contracts, and what a trade is worth is computed from sizes in base."""
    assert {one.kind for one in PLUGIN.instruments.listed()} == {Kind.SPOT}
    assert all(one.contract_size == 1 for one in PLUGIN.instruments.listed())


def read(path: str, body: object, status: int = 200, **headers: str) -> Any:
    assert PLUGIN.metadata is not None
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PLUGIN.metadata.read(HttpResponse(status, raw, f"https://www.okx.com{path}", headers))


INSTRUMENTS = "/api/v5/public/instruments?instType=SPOT"


def listed(now: str = "", **changed: str) -> Instrument:
    """The row of the page's example with some fields changed."""
    headers = {"Date": now} if now else {}
    listing = read(INSTRUMENTS, enveloped({**ROW, **changed}), **headers)
    (found,) = listing.instruments
    assert isinstance(found, Instrument)
    return found


def test_the_documented_row_is_read() -> None:
    found = listed()
    assert found == FIND("BTC-USDT")
    assert found.rules == TradingRules(Decimal("0.1"), Decimal("1E-8"), Decimal("0.00001"), Decimal(0))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("live", TradingState.TRADING),
        ("post_only", TradingState.POST_ONLY),
        *((state, TradingState.HALTED) for state in ("suspend", "rebase", "preopen", "test", "settling", "new")),
    ],
)
def test_each_documented_state_is_read(state: str, expected: TradingState) -> None:
    assert listed(state=state).state is expected


def test_a_pair_is_in_auction_until_continuous_trading_begins() -> None:
    """`contTdSwTime` 1704876947000 is 2024-01-10 08:55:47 UTC (by `date -u`)."""
    before, after = "Wed, 10 Jan 2024 08:55:46 GMT", "Wed, 10 Jan 2024 08:55:47 GMT"
    assert listed(before).state is TradingState.AUCTION
    assert listed(before, openType="pre_quote").state is TradingState.HALTED
    assert listed(before, state="suspend").state is TradingState.HALTED
    assert listed(after).state is listed().state is TradingState.TRADING


def test_an_announced_end_is_the_day_of_delisting() -> None:
    assert listed(expTime="1789603200000").delists_at == 1_789_603_200_000 * MS
    assert listed().delists_at == 0


def test_a_pair_that_is_only_announced_has_no_rules() -> None:
    """ "Other fields will be "" temporarily"."""
    body = {
        "code": "0",
        "msg": "",
        "data": [{"instType": "SPOT", "instId": "NKN-USDT", "listTime": "1", "state": "preopen"}],
    }
    (found,) = read(INSTRUMENTS, body).instruments
    assert (found.base, found.quote, found.rules, found.state) == ("NKN@okx", "USDT", None, TradingState.HALTED)


@needs_recordings
def test_the_recorded_answers_are_read() -> None:
    """The grids and contracts as they stand in the answers of 2022-05-13."""
    import gzip

    with gzip.open(RECORDINGS / "okx/instruments_20220513.json.gz", "rt") as lines:
        answers = json.load(lines)
    found: dict[str, Instrument] = {}
    for answer in answers:
        listing = read(answer["url"].removeprefix("https://www.okx.com"), answer["response"])
        found |= {one.symbol: one for one in listing.instruments}
    assert len(found) == 513 + 166
    linear, inverse = found["BTC-USDT-SWAP"], found["UNI-USD-SWAP"]
    assert (linear.kind, linear.contract_size, linear.base) == (Kind.LINEAR_PERPETUAL, Decimal("0.01"), "BTC")
    assert (inverse.kind, inverse.contract_size, inverse.quote) == (Kind.INVERSE_PERPETUAL, Decimal(10), "USD")
    assert inverse.rules == TradingRules(Decimal("0.001"), Decimal(1), Decimal(1), Decimal(0))
    assert found["SOL-BTC"].rules == TradingRules(Decimal("1E-7"), Decimal("0.0001"), Decimal("0.01"), Decimal(0))
    assert {one.state for one in found.values()} == {TradingState.TRADING}
    assert all(found[s] == FIND(s) or found[s].rules is None for s in ("BTC-USDT", "BTC-USDC", "ETH-BTC", "USDC-USDT"))


def test_a_contract_is_its_value_times_its_multiplier() -> None:
    row = {
        "instType": "SWAP", "instId": "XYZ-USDT-SWAP", "state": "live", "settleCcy": "USDT", "ctType": "linear",
        "ctVal": "10", "ctMult": "0.01", "tickSz": "0.1", "lotSz": "0.1", "minSz": "0.1",
    }  # fmt: skip
    options = {**row, "instType": "OPTION", "instId": "BTC-USD-241227-60000-P"}
    (found,) = read(INSTRUMENTS, {"code": "0", "msg": "", "data": [row, options]}).instruments
    assert found.contract_size == Decimal("0.1")
    assert found.rules == TradingRules(Decimal("0.1"), Decimal("0.1"), Decimal("0.1"), Decimal(0))


# Currencies and fees.


def sample(path: str) -> Any:
    samples = json.loads((RECORDINGS / "okx/rest_endpoints_jkorf.json").read_text())
    return next(s["response"] for s in samples if s["path"] == path)


@needs_recordings
def test_the_sampled_currency_is_read() -> None:
    (found,) = read("/api/v5/asset/currencies", sample("/api/v5/asset/currencies")).currencies
    assert (found.venue, found.code, found.asset) == ("okx", "BTC", "BTC")
    assert found.networks == (
        Network(
            code="BTC-Bitcoin",
            chain="bitcoin",
            contract="",
            deposits=True,
            withdrawals=True,
            withdrawal_fee=Decimal("0.0002"),
            min_withdrawal=Decimal("0.001"),
            max_withdrawal=Decimal(500),
            min_deposit=Decimal("0.00005"),
            precision=8,
            confirmations=1,
            memo=False,
        ),
    )


def chain(ccy: str, name: str, **changed: object) -> dict[str, object]:
    """The row of the page's example with some fields changed."""
    row = {**CHAIN, "ccy": ccy, "chain": f"{ccy}-{name}", "mainNet": False, "canWd": True}
    return {**row, **changed}


USDT_TRON, USDT_ETHEREUM = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "0xdAC17F958D2ee523a2206206994597C13D831ec7"


def test_a_currency_gathers_its_networks_and_is_known_by_contract() -> None:
    rows = [
        chain("USDT", "TRC20", ctAddr=USDT_TRON, needTag=True, burningFeeRate="0.05"),
        chain("BTC", "Bitcoin", mainNet=True),
        chain("USDT", "ERC20", ctAddr=USDT_ETHEREUM, canWd=False, fee=""),
        chain("USDT", "Arbitrum One", ctAddr="cbbc7c", minDepArrivalConfirm=""),
        chain("BCH", "BitcoinCash", mainNet=True),
        chain("USDT", "TON"),
        chain("WHO", "ERC20", ctAddr="0x1111111111111111111111111111111111111111"),
    ]
    usdt, btc, bch, who = read("/api/v5/asset/currencies", {"code": "0", "msg": "", "data": rows}).currencies
    assert [one.asset for one in (usdt, btc, bch)] == ["USDT", "BTC", "BCH"]
    assert who.asset == Asset("WHO@ethereum:0x1111111111111111111111111111111111111111")
    tron, ethereum, arbitrum, ton = usdt.networks
    assert [n.chain for n in usdt.networks] == ["tron", "ethereum", "arbitrum", "ton"]
    assert (tron.withdrawal_fee, ton.contract) == (Decimal("0.00005"), None)
    assert (tron.contract, tron.memo, tron.withdrawal_fee_rate) == (USDT_TRON, True, Decimal("0.05"))
    assert (ethereum.withdrawals, ethereum.withdrawal_fee) == (False, Decimal("0.00007"))
    assert (arbitrum.contract, arbitrum.confirmations) == (None, None), "the end of an address is none"
    assert (btc.networks[0].contract, bch.networks[0].chain) == ("", "bitcoin_cash")


def test_a_network_without_a_status_is_an_error_and_not_open() -> None:
    row = chain("BTC", "Bitcoin")
    del row["canWd"]
    with pytest.raises(ProtocolError, match="unreadable answer to /api/v5/asset/currencies"):
        read("/api/v5/asset/currencies", {"code": "0", "msg": "", "data": [row]})


@needs_recordings
def test_the_sampled_fees_are_read_with_our_sign_and_their_day() -> None:
    """`maker` -0.0008 and `taker` -0.001 of 1608623351857, which is 2020-12-22 (by `date -u`)."""
    fees = read("/api/v5/account/trade-fee", sample("/api/v5/account/trade-fee")).fees
    assert (fees.maker_rate, fees.taker_rate, fees.as_of) == (Decimal("0.0008"), Decimal("0.001"), "2020-12-22")
    assert "SPOT lv1" in fees.source


def test_of_fee_groups_the_dearest_is_taken() -> None:
    groups = [
        {"elpMaker": "", "groupId": "1", "maker": "-0.0008", "taker": "-0.001"},
        {"elpMaker": "", "groupId": "2", "maker": "0.00005", "taker": "-0.0035"},
    ]
    row = {"instType": "SPOT", "level": "Lv1", "feeGroup": groups, "maker": "", "taker": "", "ts": "1763979985847"}
    fees = read("/api/v5/account/trade-fee", {"code": "0", "msg": "", "data": [row]}).fees
    assert (fees.maker_rate, fees.taker_rate, fees.charged_in) == (Decimal("0.0008"), Decimal("0.0035"), "received")


def test_the_instruments_are_asked_for_without_a_key() -> None:
    assert PLUGIN.metadata is not None
    assert [(r.method, r.url, dict(r.headers), r.body) for r in PLUGIN.metadata.requests()] == [
        ("GET", f"https://www.okx.com/api/v5/public/instruments?instType={kind}", {}, None) for kind in ("SPOT", "SWAP")
    ]


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        (INSTRUMENTS, b"", 200, ProtocolError),
        (INSTRUMENTS, b'{"code":"0","data":{}}', 200, ProtocolError),
        (INSTRUMENTS, b'{"code":"0","data":[{"instType":"SPOT","instId":"BTC-USDT","state":"live","tickSz":"x",'
                      b'"lotSz":"1","minSz":"1"}]}', 200, ProtocolError),
        ("/api/v5/nope", b'{"code":"0","data":[]}', 200, ProtocolError),
        ("/api/v5/account/trade-fee", b'{"code":"0","data":[]}', 200, ProtocolError),
        (INSTRUMENTS, b'{"msg":"Too Many Requests","code":"50011"}', 200, RateLimited),
        (INSTRUMENTS, b'{"msg":"Too Many Requests","code":"50011"}', 429, RateLimited),
        ("/api/v5/asset/currencies", b'{"msg":"Timestamp request expired","code":"50102"}', 401, VenueError),
        (INSTRUMENTS, b'{"code":"51001","data":[],"msg":"Instrument ID does not exist"}', 200, VenueError),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_refused(path: str, body: bytes, status: int, error: type[Exception]) -> None:
    """Codes and status as in `errors.json` of the recordings, and as measured on 2026-08-22 in a public repository."""
    with pytest.raises(error) as caught:
        read(path, body, status)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, b"", RateLimited),
        (502, b"<html>", VenueUnavailable),
        (200, b'{"code":"50001","data":[],"msg":"Service temporarily unavailable"}', VenueUnavailable),
        (200, b'{"code":"51000","data":[],"msg":"Parameter error"}', VenueError),
        (404, b'{"code":"0","data":[{"ts":"1"}]}', VenueError),
        (200, b"<html>", ProtocolError),
        (200, b'{"code":"0","data":[]}', ProtocolError),
        (200, b'{"code":"0","data":[{"ts":"soon"}]}', ProtocolError),
    ],
)
def test_a_server_time_that_is_none_is_refused(status: int, body: bytes, error: type[Exception]) -> None:
    assert PLUGIN.clock is not None
    with pytest.raises(error) as caught:
        PLUGIN.clock.server_time(HttpResponse(status, body))
    assert type(caught.value) is error


def test_the_documented_server_time_is_read() -> None:
    clock = PLUGIN.clock
    assert clock is not None
    assert clock.request().url == "https://www.okx.com/api/v5/public/time"
    told = clock.server_time(HttpResponse(200, b'{"code":"0","msg":"","data":[{"ts":"1597026383085"}]}'))
    assert (told, clock.resolution) == (1_597_026_383_085 * MS, MS)


def test_the_venue_is_one_wallet() -> None:
    assert PLUGIN.venue == VenueId("okx")
