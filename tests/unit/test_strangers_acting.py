"""What a stranger's codec or signer of the private side raises costs its venue an answer or a stream, never the run."""

import asyncio
from collections.abc import Iterable, Sequence
from decimal import Decimal as D
from typing import Any

import pytest

from cryptopipe.act.execution import NOT_SENT, Instruction
from cryptopipe.act.venues import Answered, VenueExecution
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.drivers.child import on_origin
from cryptopipe.drivers.fetching import Fetched
from cryptopipe.drivers.intake import Arrival
from cryptopipe.drivers.private import PrivateLine
from cryptopipe.drivers.signatory import Signatory, Signed
from cryptopipe.errors import ProtocolError, UnknownOutcome
from cryptopipe.journal.account_records import PrivateChanged
from cryptopipe.model.actions import FetchBalances, FindOrder, PlaceOrder
from cryptopipe.model.facts import Asset, Instrument, Side, TradingRules, VenueId
from cryptopipe.model.outcomes import Accepted, More, Outcome
from cryptopipe.model.stream import Connect, Credentials, HttpRequest, HttpResponse, StreamAuth
from cryptopipe.model.trading import Fill, Order
from cryptopipe.private_streams import PrivateStreams

ALPHA = VenueId("alpha")
XY = Instrument(ALPHA, "XY", Asset("X"), Asset("Y"), rules=TradingRules(D("0.01"), D("0.001"), D("0.001"), D(1)))
START: Nanos = 1_800_000_000 * SECOND
ORDER = Order("d1-1", 1, XY, Side.BUY, D(1), D(100))
PLACE = PlaceOrder(XY, Side.BUY, D(1), D(100), "d1-1")
KEY = Credentials("key", "very-secret-text")


class Codec:
    """`parse` and `build` do what the test says: give a value, or raise it."""

    supports = frozenset({PlaceOrder, FindOrder, FetchBalances})

    def __init__(self, told: Any = None, built: Any = None) -> None:
        self._told, self._built = told, built

    def build(self, action: Any, credentials: Any, at: Nanos, earlier: Sequence[HttpResponse] = ()) -> HttpRequest:
        return _given(self._built)  # type: ignore[no-any-return]

    def parse(self, action: Any, response: HttpResponse, earlier: Sequence[HttpResponse] = ()) -> Outcome:
        return _given(self._told)  # type: ignore[no-any-return]


def _given(what: Any) -> Any:
    if isinstance(what, Exception):
        raise what
    return what


class Desk:
    def __init__(self, codec: Codec) -> None:
        self.answers: list[Answered] = []
        self.ended: list[str] = []
        self.execution = VenueExecution({ALPHA: codec}, self._ended, self.ended.append, self.answers.append)

    def _ended(self, order: Order, fills: Sequence[Fill], obstacle: str, at: Nanos) -> None:
        self.ended.append(obstacle)

    def answer(self, at: Nanos = START) -> None:
        (one,) = self.execution.take_instructions()
        self.execution.answered(Input(1, 1, at, Direction.HTTP, ALPHA, "", "", b"{}", 200, (), one.tag))


@pytest.mark.parametrize(
    "told", [KeyError("orderId"), ValueError("x"), RecursionError(), ProtocolError("no JSON"), None, "filled", More()]
)
def test_an_order_whose_answer_a_codec_cannot_read_is_looked_for_and_not_sent_again(told: Any) -> None:
    desk = Desk(Codec(told))
    desk.execution.send([ORDER], START)
    desk.answer()
    (answered,) = desk.answers
    assert isinstance(answered.outcome, UnknownOutcome)
    (asked,) = desk.execution.take_instructions()
    assert isinstance(asked.action, FindOrder) and desk.ended == []


@pytest.mark.parametrize("told", [KeyError("balances"), None, 7])
def test_a_question_whose_answer_a_codec_cannot_read_is_an_unreadable_answer(told: Any) -> None:
    desk, outcomes = Desk(Codec(told)), []
    desk.execution.ask(FetchBalances(ALPHA), START, lambda outcome, at: outcomes.append(outcome))
    desk.answer()
    assert [type(one) for one in outcomes] == [ProtocolError]


def test_a_question_that_always_wants_one_more_request_is_given_up() -> None:
    desk, outcomes = Desk(Codec(More())), []
    desk.execution.ask(FetchBalances(ALPHA), START, lambda outcome, at: outcomes.append(outcome))
    for _ in range(2_000):
        if outcomes:
            break
        desk.answer()
    assert [type(one) for one in outcomes] == [ProtocolError]


@pytest.mark.parametrize("built", [KeyError("very-secret-text"), ValueError("very-secret-text"), None, {"url": "x"}])
def test_a_request_that_a_codec_cannot_build_was_never_sent_and_its_words_are_not_told(built: Any) -> None:
    signatory = Signatory(codecs={ALPHA: Codec(built=built)}, credentials={ALPHA: KEY})
    arrival = signatory.signed(Instruction("action:1", ALPHA, PLACE), START)
    assert isinstance(arrival, Arrival) and arrival.status == NOT_SENT
    assert b"very-secret" not in arrival.payload


@pytest.mark.parametrize("url", ["http://[::1", "https://a:99999999/x", "ftp://a/x", "/api/v3/order", "", "https:///x"])
def test_a_request_to_nowhere_was_never_sent(url: str) -> None:
    signatory = Signatory(
        codecs={ALPHA: Codec(built=HttpRequest("POST", url))}, credentials={ALPHA: KEY},
        rewrite=lambda venue, url: on_origin(url, "http://127.0.0.1:8001"),
    )  # fmt: skip
    arrival = signatory.signed(Instruction("action:1", ALPHA, PLACE), START)
    assert isinstance(arrival, Arrival) and arrival.status == NOT_SENT


class Reader:
    def __init__(self, says: Any = None) -> None:
        self._says = says

    def connect(self, auth: StreamAuth, at: Nanos) -> Connect:
        return _given(self._says)  # type: ignore[no-any-return]

    def decode(self, frame: bytes, received_at: Nanos) -> Iterable[Any]:
        return _given(self._says)  # type: ignore[no-any-return]


def _heard_by(make: Any) -> list[PrivateChanged]:
    told: list[Any] = []
    streams = PrivateStreams({ALPHA: make}, Desk(Codec()).execution, told.append)
    for direction in (Direction.OPEN, Direction.RECV, Direction.RECV):
        streams.receive(Input(1, 1, START, direction, ALPHA, "alpha!", "", b"{}"))
    return told


@pytest.mark.parametrize("says", [KeyError("e"), ValueError("x"), None, 7])
def test_a_private_stream_whose_codec_breaks_is_down_and_the_run_goes_on(says: Any) -> None:
    assert [one.up for one in _heard_by(lambda: Reader(says))] == [True, False]


def test_a_private_stream_whose_codec_cannot_be_made_is_down() -> None:
    assert [one.up for one in _heard_by(lambda: _given(KeyError("x")))] == [False]


class Signer:
    good_for: Nanos = 0

    def __init__(self, asks: Any = None, gives: Any = None) -> None:
        self._asks, self._gives = asks, gives

    def request(self, credentials: Credentials, at: Nanos) -> HttpRequest | None:
        return _given(self._asks)  # type: ignore[no-any-return]

    def auth(self, credentials: Credentials, response: HttpResponse | None, at: Nanos) -> StreamAuth:
        return _given(self._gives)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "signed",
    [
        Signed(Reader, Signer(asks=KeyError("very-secret-text"))),
        Signed(Reader, Signer(asks="GET /token")),
        Signed(Reader, Signer(gives=ValueError("very-secret-text"))),
        Signed(Reader, Signer(gives=None)),
        Signed(lambda: _given(KeyError("very-secret-text")), Signer(gives=StreamAuth())),
        Signed(lambda: Reader(TypeError("very-secret-text")), Signer(gives=StreamAuth())),
        Signed(Reader, Signer(gives=StreamAuth())),
    ],
)
def test_a_private_stream_that_cannot_be_signed_in_is_closed_with_the_reason(signed: Signed) -> None:
    signatory = Signatory(credentials={ALPHA: KEY}, private={ALPHA: signed})

    async def fetch(request: HttpRequest) -> Fetched:
        return Fetched(200, b"{}")

    line = PrivateLine(
        ALPHA, signed, signatory, lambda: START, fetch, lambda one: True, lambda conn: 0, {}, lambda: None,  # type: ignore[arg-type,return-value]
    )  # fmt: skip
    why = asyncio.run(line._once())
    assert why.startswith("not signed in: ") and "very-secret" not in why


def test_an_accepted_order_without_a_word_is_no_crash() -> None:
    desk = Desk(Codec(Accepted("")))
    desk.execution.send([ORDER], START)
    desk.answer()
    (asked,) = desk.execution.take_instructions()
    assert isinstance(asked.action, FindOrder)
