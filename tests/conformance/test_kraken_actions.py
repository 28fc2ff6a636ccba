"""Kraken's action codec: the kit's tier, its published signature, every documented error, and a day at the sandbox."""

import json
from collections.abc import Sequence
from decimal import Decimal as D
from typing import Any
from urllib.parse import parse_qs

import pytest
from conformance.kraken_stage import KRAKEN, SECOND, Stage, sign
from recordings import RECORDINGS, needs_recordings

from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    SANDBOX_READER,
    Accepted,
    Action,
    ActionCodec,
    CancelAll,
    CancelOrder,
    Credentials,
    FetchAddress,
    FetchBalances,
    FetchCurrencies,
    FetchFees,
    FetchKey,
    FetchTime,
    FindOrder,
    HttpRequest,
    HttpResponse,
    KeyReport,
    ListFills,
    ListOpenOrders,
    ListOrders,
    ListTransfers,
    More,
    NotFound,
    OrderState,
    PlaceOrder,
    ProtocolError,
    RateLimited,
    Refused,
    Reports,
    Side,
    TimeInForce,
    TransferState,
    UnknownOutcome,
    VenueError,
    VenueUnavailable,
    Withdraw,
)
from cryptopipe.testing import ActionConformance, Answer, Published

VENUE = KRAKEN.venue
FIND = KRAKEN.instruments.find
BTC = FIND("BTC/USD")
ORIGIN = "https://api.kraken.com"
PAGE = "guides/spot-errors, in a copy of 2026-05-27"
LIVE = "answers quoted in public repositories, looked up 2026-11-21"
GRAIN = D("0.00000001")  # what the venue keeps of dollars here, rounded down for each execution
OURS = "7a0c1f0e-52a4-4c53-9d33-6b1f2f3f7f0d"
BUY = PlaceOrder(BTC, Side.BUY, D("0.0213"), D("62000.5"), OURS)
SELL = PlaceOrder(BTC, Side.SELL, D(2), None, "cp-2")
CANCEL = CancelOrder(BTC, OURS)
SEND = Withdraw(VENUE, "XXBT", "Bitcoin", "bc1qexample", D("0.725"), "w-1", address_name="btc_2709")
ACTIONS: tuple[Action, ...] = (
    BUY,
    SELL,
    PlaceOrder(BTC, Side.BUY, D(2), D(60000), "cp-3", TimeInForce.IOC),
    PlaceOrder(BTC, Side.SELL, D(2), D(60000), "cp-4", TimeInForce.POST_ONLY),
    CANCEL,
    CancelOrder(BTC, "", "OQCLML-BW3P3-BUCMWZ"),
    CancelAll(VENUE),
    SEND,
    FindOrder(BTC, OURS),
    FindOrder(BTC, "", "OQCLML-BW3P3-BUCMWZ"),
    ListOpenOrders(VENUE),
    ListOrders(BTC),
    ListFills(BTC),
    ListFills(BTC, "OQCLML-BW3P3-BUCMWZ"),
    FetchBalances(VENUE),
    FetchFees(BTC),
    FetchCurrencies(VENUE),
    FetchAddress(VENUE, "USDT", "Tron"),
    ListTransfers(VENUE, deposits=False),
    ListTransfers(VENUE, deposits=True),
    FetchTime(VENUE),
    FetchKey(VENUE),
)


def codec() -> ActionCodec:
    """A new one."""
    assert KRAKEN.actions is not None
    return KRAKEN.actions([BTC, FIND("ETH/USD"), FIND("USDT/USD")])


def _said(text: str, means: type[VenueError] | Refused, source: str = PAGE, action: Action = BUY) -> Answer:
    return Answer(action, 200, json.dumps({"error": [text]}).encode(), means, source)


def _refused(text: str, source: str = PAGE, action: Action = BUY) -> Answer:
    return _said(text, Refused(text, text), source, action)


DOCUMENTED = (
    _refused("EGeneral:Invalid arguments"),
    _refused("EGeneral:Invalid arguments:Index unavailable"),
    _said("EGeneral:Temporary lockout", RateLimited),
    _said("EService:Unavailable", UnknownOutcome),
    _refused("EService:Market in cancel_only mode"),
    _refused("EService:Market in post_only mode"),
    _said("EService:Deadline elapsed", UnknownOutcome),
    _said("EAPI:Invalid key", VenueError),
    _said("EAPI:Invalid signature", VenueError),
    _said("EAPI:Invalid nonce", VenueError),
    _said("EGeneral:Permission denied", VenueError),
    _said("EGeneral:Internal error", UnknownOutcome),
    _said("EGeneral:Internal error:1234", UnknownOutcome),
    _refused("EOrder:Cannot open opposing position"),
    _refused("EOrder:Cannot open position"),
    _refused("EOrder:Margin allowance exceeded"),
    _refused("EOrder:Margin level too low"),
    _refused("EOrder:Margin position size exceeded"),
    _refused("EOrder:Insufficient margin"),
    _refused("EOrder:Insufficient funds"),
    _refused("EOrder:Order minimum not met"),
    _refused("EOrder:Cost minimum not met"),
    _refused("EOrder:Tick size check failed"),
    _refused("EOrder:Orders limit exceeded"),
    _said("EOrder:Rate limit exceeded", RateLimited),
    _refused("EOrder:Invalid price"),
    _said("EOrder:Domain rate limit exceeded", RateLimited),
    _refused("EOrder:Positions limit exceeded"),
    _refused("EOrder:Reduce only:Non-PC"),
    _refused("EOrder:Reduce only:No position exists"),
    _refused("EOrder:Reduce only:Position is closed"),
    _refused("EOrder:Scheduled orders limit exceeded"),
    _refused("EOrder:Unknown position"),
    _said("EAccount:Invalid permissions", VenueError),
    _said("EAuth:Account temporary disabled", VenueError),
    _said("EAuth:Account unconfirmed", VenueError),
    _said("EAuth:Rate limit exceeded", RateLimited),
    _said("EAuth:Too many requests", RateLimited),
    _refused("ETrade:Invalid request"),
    _refused("EBM:limit exceeded:CAL"),
    _refused("EFunding:Max fee exceeded", action=SEND),
)
"""Every row of the page, in its order."""

OTHERS = (
    _said("EAPI:Rate limit exceeded", RateLimited, "guides/rest/ratelimits, 2026-11-21"),
    _said("EService: Throttled: 1790000000", RateLimited, "guides/rest/ratelimits, 2026-11-21"),
    _said("EService:Timeout", UnknownOutcome, "support article 360001491786 in copies, 2026-11-21"),
    _said("EService:Busy", UnknownOutcome, "support article 360001491786 in copies, 2026-11-21"),
    _refused("EQuery:Unknown asset pair", "support article 360001491786 in copies, 2026-11-21"),
    _refused("EOrder:Invalid price:ETH/GBP price can only be specified up to 2 decimals.", LIVE),
    _refused("EGeneral:Invalid arguments:volume minimum not met", LIVE),
    _refused("EGeneral:Invalid arguments:cl_ord_id not unique", LIVE),
    _refused("EOrder:Post only order", LIVE),
    _refused("EAccount:Invalid permissions:USDT trading restricted for AT.", LIVE),
    _refused("EFunding:Unknown withdraw key", LIVE, SEND),
)


class TestKrakenActions(ActionConformance):
    name = "kraken"
    codec = codec()
    actions = ACTIONS
    credentials = Credentials("key-of-the-conformance-kit", "c2VjcmV0LW9mLXRoZS1jb25mb3JtYW5jZS1raXRz")
    published = (
        Published(
            HttpRequest(
                "POST",
                f"{ORIGIN}/0/private/AddOrder",
                {},
                b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25",
            ),
            Credentials("", "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="),
            "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==",
            "guides/rest/authentication, example of a signature, 2026-11-21",
        ),
    )
    answers = (
        Answer(
            BUY,
            200,
            b'{"error":[],"result":{"descr":{"order":"buy 2.12340000 XBTUSD @ limit 25000.1 with 2:1 leverage","close":'
            b'"close position @ stop loss 22000.0 -> limit 21000.0"},"txid":["OUF4EM-FRGI2-MQMWZD"]}}',
            Accepted("OUF4EM-FRGI2-MQMWZD"),
            "add-order, example, as kept by JKorf/Kraken.Net, 2026-11-21",
        ),
        Answer(CANCEL, 200, b'{"error":[],"result":{"count":1}}', Accepted(""), "cancel-order, example, 2026-11-21"),
        Answer(
            SEND,
            200,
            b'{"error":[],"result":{"refid":"FTQcuak-V6Za8qrWnhzTx67yYHz8Tg"}}',
            Accepted("FTQcuak-V6Za8qrWnhzTx67yYHz8Tg"),
            "withdraw-funds, example, as kept by JKorf/Kraken.Net, 2026-11-21",
        ),
        *DOCUMENTED,
        *OTHERS,
    )
    documented_codes = tuple(json.loads(one.body)["error"][0] for one in DOCUMENTED)
    ambiguous_codes = (
        "EService:Unavailable",
        "EService:Deadline elapsed",
        "EGeneral:Internal error",
        "EService:Timeout",
        "EService:Busy",
    )

    def signature_of(self, request: HttpRequest, credentials: Credentials) -> str:
        """guides/rest/authentication (2026-11-21); public requests have none."""
        if "/public/" in request.url:
            return ""
        body = (request.body or b"").decode()
        return sign(credentials.secret, request.url.removeprefix(ORIGIN), parse_qs(body)["nonce"][0], body)


class Desk:
    """The codec at the sandbox: answers go from one to the other as they are."""

    def __init__(self, stage: Stage, keys: Credentials = SANDBOX_CREDENTIALS) -> None:
        self.stage, self.keys, self.codec, self.sent = stage, keys, codec(), list[str]()

    def do(self, action: Action) -> Any:
        """The outcome."""
        earlier: list[HttpResponse] = []
        while True:
            at = int(self.stage.nonce()) * 1_000_000
            request = self.codec.build(action, self.keys, at, earlier)
            self.sent.append(request.url)
            path = request.url.removeprefix(ORIGIN)
            told = self.stage.send(HttpRequest(request.method, path, request.headers, request.body))
            response = HttpResponse(told.status, told.body, request.url, told.headers)
            outcome = self.codec.parse(action, response, earlier)
            if not isinstance(outcome, More):
                return outcome
            earlier.append(response)

    def find(self, action: FindOrder) -> Any:
        """The one order."""
        outcome = self.do(action)
        assert isinstance(outcome, Reports), outcome
        return outcome.orders[0]

    def balances(self) -> dict[str, tuple[D, D]]:
        """Free and locked."""
        return {str(one.asset): (one.free, one.locked) for one in self.do(FetchBalances(VENUE)).balances}


def test_an_immediate_order_is_followed_to_its_last_fill_and_the_balances_are_exact() -> None:
    stage = Stage()
    desk = Desk(stage)
    before = desk.balances()
    _, ask = stage.best()
    placed = desk.do(PlaceOrder(BTC, Side.BUY, D("0.5"), D(str(ask)) + 20, OURS, TimeInForce.IOC))
    told = desk.find(FindOrder(BTC, OURS))
    assert (told.order_id, told.client_id, told.side, told.size) == (placed.venue_id, OURS, Side.BUY, D("0.5"))
    assert desk.find(FindOrder(BTC, "", placed.venue_id)) == told
    fills = desk.do(ListFills(BTC, placed.venue_id)).fills
    assert len(fills) > 1, "more than one price was meant to be taken"
    assert {one.order_id for one in fills} == {placed.venue_id}
    assert sum(one.size for one in fills) == told.filled
    assert 0 <= sum(one.size * one.price for one in fills) - told.spent < len(fills) * GRAIN
    assert told.state is (OrderState.FILLED if told.filled == D("0.5") else OrderState.CANCELLED)
    assert all(not one.maker and one.fee.asset == "USD" for one in fills)
    after, cost = desk.balances(), told.spent + sum(one.fee.amount for one in fills)
    assert after["BTC"] == (before["BTC"][0] + told.filled, D(0))
    assert after["USD"] == (before["USD"][0] - cost, D(0))


def test_what_rests_is_found_by_our_id_held_back_and_cancelled() -> None:
    stage = Stage()
    desk = Desk(stage)
    bid, _ = stage.best()
    price = D(str(bid)) - 500
    placed = desk.do(PlaceOrder(BTC, Side.BUY, D("0.01"), price, "rest1", TimeInForce.POST_ONLY))
    resting = desk.find(FindOrder(BTC, "rest1"))
    assert (resting.order_id, resting.state, resting.filled) == (placed.venue_id, OrderState.OPEN, D(0))
    assert [one.order_id for one in desk.do(ListOpenOrders(VENUE)).orders] == [placed.venue_id]
    assert desk.balances()["USD"][1] >= price * D("0.01")
    assert isinstance(desk.do(CancelOrder(BTC, "rest1")), Accepted)
    assert desk.find(FindOrder(BTC, "rest1")).state is OrderState.CANCELLED
    assert desk.balances()["USD"][1] == 0
    assert isinstance(desk.do(CancelOrder(BTC, "rest1")), NotFound)
    assert isinstance(desk.do(FindOrder(BTC, "never")), NotFound)
    assert isinstance(desk.do(CancelAll(VENUE)), Accepted)


def test_a_history_does_not_end_where_its_first_page_does() -> None:
    stage = Stage()
    desk = Desk(stage)
    placed = []
    for number in range(53):
        stage.wait(SECOND)
        placed.append(desk.do(PlaceOrder(BTC, Side.BUY, D("0.0002"), None, f"n{number}")).venue_id)
    stage.wait(20 * SECOND)
    fills = desk.do(ListFills(BTC)).fills
    assert {one.order_id for one in fills} == set(placed)
    orders = desk.do(ListOrders(BTC)).orders
    assert {one.order_id for one in orders} == set(placed)
    assert sum(one.filled for one in orders) == sum(one.size for one in fills) == D("0.0002") * 53
    since = stage.now - 30 * SECOND
    assert {one.order_id for one in desk.do(ListFills(BTC, since=since)).fills} < set(placed)


def test_fees_key_address_and_time_as_the_account_has_them() -> None:
    stage = Stage()
    desk = Desk(stage)
    fees = desk.do(FetchFees(BTC)).fees
    assert (fees.maker_rate, fees.taker_rate) == (KRAKEN.fees.maker_rate, KRAKEN.fees.taker_rate)
    assert desk.do(FetchKey(VENUE)).key == _key(withdraws=True, trades=True)
    assert Desk(stage, SANDBOX_READER).do(FetchKey(VENUE)).key == _key(withdraws=False, trades=False)
    assert desk.do(FetchTime(VENUE)).server_time == stage.now // SECOND * SECOND
    tron = desk.do(FetchAddress(VENUE, "USDT", "Tron")).address
    assert (tron.asset, tron.network, tron.address[0]) == ("USDT", "Tron", "T")
    known = {
        one.asset: {network.code for network in one.networks} for one in desk.do(FetchCurrencies(VENUE)).currencies
    }
    assert known["USDT"] == {"Ethereum", "Tron", "Solana"} and known["BTC"] == {"Bitcoin"}
    with pytest.raises(VenueError, match="No funding method"):
        desk.do(FetchAddress(VENUE, "XXBT", "Tron"))


def _key(withdraws: bool, trades: bool) -> KeyReport:
    return KeyReport(True, trades, withdraws, False, 0)


WRONG: Sequence[tuple[str, Action, Credentials, type[Exception] | str]] = (
    ("a wrong key", BUY, Credentials("nobody", SANDBOX_CREDENTIALS.secret), VenueError),
    ("a wrong secret", BUY, Credentials(SANDBOX_CREDENTIALS.key, "d3Jvbmc="), VenueError),
    ("a key that may not", BUY, SANDBOX_READER, VenueError),
    ("too fine a price", PlaceOrder(BTC, Side.BUY, D("0.01"), D("62000.01"), "x"), SANDBOX_CREDENTIALS, "EOrder:Inv"),
    ("too little", PlaceOrder(BTC, Side.BUY, D("0.00001"), D(62000), "x"), SANDBOX_CREDENTIALS, "EGeneral:Invalid arg"),
    ("too much", PlaceOrder(BTC, Side.BUY, D(30), D(62000), "x"), SANDBOX_CREDENTIALS, "EOrder:Insufficient funds"),
    ("an unlisted address", SEND, SANDBOX_CREDENTIALS, "EFunding:Unknown withdraw key"),
)


@pytest.mark.parametrize(("what", "action", "keys", "means"), WRONG, ids=[one[0] for one in WRONG])
def test_bad_input_is_a_typed_error_and_changes_nothing(
    what: str, action: Action, keys: Credentials, means: type[Exception] | str
) -> None:
    stage = Stage()
    desk = Desk(stage, keys)
    before = Desk(stage).balances()
    if isinstance(means, str):
        outcome = desk.do(action)
        assert isinstance(outcome, Refused) and outcome.code.startswith(means), outcome
    else:
        with pytest.raises(means) as raised:
            desk.do(action)
        assert type(raised.value) is means and keys.secret not in str(raised.value)
    assert len(desk.sent) == 1, "nothing is sent twice"
    assert Desk(stage).balances() == before


def test_a_nonce_that_does_not_rise_is_a_certain_refusal() -> None:
    stage = Stage()
    desk = Desk(stage)
    desk.do(FetchBalances(VENUE))
    stage.nonce = lambda: "1"  # type: ignore[method-assign]
    with pytest.raises(VenueError, match="Invalid nonce") as raised:
        desk.do(BUY)
    assert not isinstance(raised.value, UnknownOutcome)


def test_a_withdrawal_names_the_address_of_the_address_book() -> None:
    nameless = Withdraw(VENUE, "XXBT", "Bitcoin", "bc1qexample", D(1), "w")
    with pytest.raises(VenueError, match="address book"):
        codec().build(nameless, SANDBOX_CREDENTIALS, 10**18)


@needs_recordings
def test_every_recorded_error_is_a_typed_one() -> None:
    expected: dict[str, object] = {
        "invalid_nonce": VenueError,
        "rate_limit": RateLimited,
        "bad_arguments": Refused("EGeneral:Invalid arguments:volume", "EGeneral:Invalid arguments:volume"),
    }
    recorded = json.loads((RECORDINGS / "kraken" / "errors.json").read_text(encoding="utf-8"))
    judged = set()
    for one in recorded:
        if not isinstance(one["response"]["error"], list):
            continue  # of the websocket
        response = HttpResponse(one["http_status"], json.dumps(one["response"]).encode())
        try:
            got: object = codec().parse(BUY, response)
        except VenueError as error:
            got = type(error)
        assert got == expected[one["kind"]], one
        judged.add(one["kind"])
    assert judged == set(expected)


def test_a_question_that_the_venue_cannot_answer_is_no_unknown_outcome() -> None:
    for text in ("EService:Unavailable", "EService:Busy", "EGeneral:Internal error"):
        with pytest.raises(VenueUnavailable):
            codec().parse(FetchBalances(VENUE), HttpResponse(200, json.dumps({"error": [text]}).encode()))


@needs_recordings
def test_recorded_withdrawals_are_read_with_their_ends() -> None:
    documents = json.loads((RECORDINGS / "kraken" / "rest_endpoints_jkorf.json").read_text(encoding="utf-8"))
    body = next(one["response"] for one in documents if one["name"].endswith("Spot/Account/GetWithdrawalStatus"))
    outcome = codec().parse(ListTransfers(VENUE, deposits=False), HttpResponse(200, json.dumps(body).encode()))
    assert isinstance(outcome, Reports)
    first, second = outcome.transfers
    assert (first.asset, first.amount, first.fee) == ("BTC", D("0.72485"), D("0.0002"))
    assert (first.state, second.state) == (TransferState.PENDING, TransferState.CANCELLED)
    assert (first.transfer_id, first.at) == ("FTQcuak-V6Za8qrWnhzTx67yYHz8Tg", 1688014586 * SECOND)


def test_an_order_in_a_state_that_nobody_documented_is_not_guessed() -> None:
    entry = {"status": "odd", "descr": {"type": "buy", "price": "1"}, "vol": "1", "vol_exec": "0", "cost": "0"}
    body = json.dumps({"error": [], "result": {"OQCLML-BW3P3-BUCMWZ": {**entry, "opentm": 1}}}).encode()
    with pytest.raises(ProtocolError, match="odd"):
        codec().parse(FindOrder(BTC, "", "OQCLML-BW3P3-BUCMWZ"), HttpResponse(200, body))
