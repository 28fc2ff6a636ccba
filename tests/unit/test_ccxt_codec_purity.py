"""Actions through ccxt are functions: nothing of one call is in the next, nothing is read, no import is another's."""

import logging
import subprocess
import sys
import textwrap
import traceback
from dataclasses import replace
from decimal import Decimal, getcontext
from typing import Any

import pytest
from conformance.ccxt_actions import BTCUSDT, LTCBTC, RULES, VENUE, codec
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.act.action_rules import Call
from cryptopipe.act.ccxt_codec import CcxtActions
from cryptopipe.act.ccxt_loading import error_classes, exchange_class
from cryptopipe.errors import PluginError, ProtocolError, UnknownOutcome, VenueError
from cryptopipe.model.actions import (
    Action,
    CancelOrder,
    FetchBalances,
    FindOrder,
    ListOpenOrders,
    MoveFunds,
    PlaceOrder,
    Withdraw,
)
from cryptopipe.model.facts import Side
from cryptopipe.model.stream import Credentials, HttpResponse
from cryptopipe.testing.purity import trapped

SECRET = "c2VjcmV0LWNhbmFyeS0xMjM0NTY3ODkw"
KEYS = Credentials("key-canary-1234567890", SECRET, "phrase-canary-1234567890")
AT = 1_700_000_000_123_456_789
ORDER = PlaceOrder(LTCBTC, Side.BUY, Decimal(1), Decimal(2), "cp-1")
ACTIONS: tuple[Action, ...] = (
    ORDER,
    CancelOrder(LTCBTC, "cp-1"),
    FindOrder(BTCUSDT, "cp-1"),
    ListOpenOrders(VENUE, LTCBTC),
    FetchBalances(VENUE),
    Withdraw(VENUE, "BTC", "BTC", "1HPn8Rx2y6nNSfagQBKy27GB99Vbzg89wv", Decimal(1), "w-1"),
    Withdraw(VENUE, "NEWCOIN", "ETH", "0x94df8b352de7f46f64b01d3666bf6e936e44ce60", Decimal(1), "w-2"),
)
ANSWERS = (
    HttpResponse(200, b"{}"),
    HttpResponse(200, b'{"symbol":"LTCBTC","orderId":28,"clientOrderId":"cp-1","transactTime":1507725176595}'),
    HttpResponse(200, b'{"balances":[{"asset":"OTHER","free":"1","locked":"0"}]}'),
    HttpResponse(400, b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'),
    HttpResponse(429, b""),
)
USED = codec()
UNIFIED = {"enableUnifiedAccount": True, "enableUnifiedMargin": False, "unifiedMarginStatus": 5}
"""What one of ccxt's classes would ask its venue for."""


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(ANSWERS), st.integers(1, AT)), max_size=6),
       st.sampled_from(ACTIONS), st.sampled_from(ANSWERS))  # fmt: skip
def test_what_went_before_changes_nothing(
    before: list[tuple[Action, HttpResponse, int]], action: Action, answer: HttpResponse
) -> None:
    fresh = FRESH.setdefault((action, answer.body), (built(codec(), action, AT), parsed(codec(), action, answer)))
    for other, told, at in before:
        built(USED, other, at), parsed(USED, other, told)
    assert (built(USED, action, AT), parsed(USED, action, answer)) == fresh


FRESH: dict[Any, Any] = {}


def built(ours: CcxtActions, action: Action, at: int) -> Any:
    return ours.build(action, KEYS, at)


def parsed(ours: CcxtActions, action: Action, answer: HttpResponse) -> Any:
    try:
        return ours.parse(action, answer)
    except (ProtocolError, VenueError) as error:
        return repr(error)


@pytest.mark.parametrize("ccxt_id", ["binance", "kraken", "bybit", "coinbaseexchange", "okx", "bitstamp"])
def test_no_clock_chance_file_or_socket_is_touched(ccxt_id: str) -> None:
    """Of ccxt's own calls too, of venues that draw ids and nonces of their own."""
    ours = CcxtActions(ccxt_id, VENUE, (LTCBTC,), replace(RULES, calls={}, options=UNIFIED))
    ours.load()
    with trapped() as touched:
        for action in (ORDER, CancelOrder(LTCBTC, "", "7"), FetchBalances(VENUE)):
            first = ours.build(action, KEYS, AT)
            assert ours.build(action, KEYS, AT) == first
            assert ours.build(action, KEYS, AT + 10**9) != first
    assert not touched


def test_random_ids_are_functions_of_time_and_of_our_id() -> None:
    """A transfer for which ccxt makes the id itself."""
    rules = replace(RULES, calls={}, options=UNIFIED)
    ours = CcxtActions("bybit", VENUE, (LTCBTC,), rules)
    one, same, other, later = (
        ours.build(MoveFunds(VENUE, "BTC", Decimal(1), "spot", "funding", name), KEYS, at).body
        for name, at in (("a", AT), ("a", AT), ("b", AT), ("a", AT + 10**9))
    )
    assert one == same and len({one, other, later}) == 3


def test_the_secret_is_nowhere_after_a_request_was_built() -> None:
    ours = codec()
    request = ours.build(ORDER, KEYS, AT)
    exchange = ours._made._exchange  # type: ignore[union-attr]
    seen = f"{ours!r} {vars(ours)} {ours._made!r} {exchange!r} {vars(exchange)} {request!r}"
    for hidden in (KEYS.secret, KEYS.passphrase):
        assert hidden not in seen
    kept = dict(vars(exchange))
    assert KEYS.key not in str({name: value for name, value in kept.items() if name != "markets"})


@pytest.mark.parametrize("ccxt_id", ["kraken", "coinbaseexchange", "coinbase", "binance"])
def test_an_error_while_signing_tells_no_secret_not_even_by_its_frames(
    ccxt_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A secret that is no base64, or no key at all: `traceback` with locals shows what a crash report would."""
    bad = Credentials(KEYS.key, "-----BEGIN canary-of-a-secret é", KEYS.passphrase)
    ours = CcxtActions(ccxt_id, VENUE, (LTCBTC,), replace(RULES, calls={}))
    with caplog.at_level(logging.DEBUG):
        try:
            ours.build(ORDER, bad, AT)
        except VenueError as error:
            told = traceback.TracebackException.from_exception(error, capture_locals=True)
            text = "".join(told.format())
            assert "canary-of-a-secret" not in text and error.__cause__ is None and error.__context__ is None
    assert "canary" not in caplog.text


def own(method: Any) -> CcxtActions:
    """A codec that places orders by a function of the test."""
    return CcxtActions("binance", VENUE, (LTCBTC,), replace(RULES, calls={PlaceOrder: Call(method)}))


def test_the_arithmetic_of_the_thread_stays_as_it_was() -> None:
    """ccxt sets traps and rounding of the context it works in."""

    def rough(exchange: Any, action: Action) -> Any:
        getcontext().prec = 3
        return exchange.privatePostOrder({})

    before = repr(getcontext())
    own(rough).build(ORDER, KEYS, AT)
    assert own(rough).parse(ORDER, HttpResponse(200, b'{"id":"7"}')).venue_id == "7"  # type: ignore[union-attr]
    assert repr(getcontext()) == before


def test_what_changes_something_never_asks_for_more() -> None:
    """A way of ccxt that would look, and then order: the order is what the answer is taken to be of."""

    def twice(exchange: Any, action: Action) -> Any:
        exchange.privateGetAccount({})
        return exchange.privatePostOrder({})

    with pytest.raises(UnknownOutcome, match="ccxt would send a second request"):
        own(twice).parse(ORDER, HttpResponse(200, b'{"orderId":7}'))


def test_what_ccxt_says_is_not_repeated_where_it_names_a_secret() -> None:
    for name in ("apiKey", "secret", "password"):

        def telling(exchange: Any, action: Action, name: str = name) -> Any:
            raise error_classes()["AuthenticationError"](f"binance {getattr(exchange, name)}")

        with pytest.raises(VenueError) as caught:
            own(telling).build(ORDER, KEYS, AT)
        assert str(caught.value) == "bitbaz: PlaceOrder: ccxt refuses to build it: AuthenticationError"


def test_every_unit_of_time_is_of_the_time_that_was_given() -> None:
    def told(exchange: Any, action: Action) -> Any:
        units = (exchange.seconds(), exchange.milliseconds(), exchange.microseconds(), exchange.nonce())
        return exchange.privatePostOrder({"newClientOrderId": "-".join(map(str, units))})

    request = own(told).build(ORDER, KEYS, AT)
    assert b"=1700000000-1700000000123-1700000000123456-1700000000123&" in (request.body or b"")


def test_an_exchange_that_ccxt_has_not_is_named() -> None:
    with pytest.raises(PluginError, match="ccxt has no exchange 'bitfoo'"):
        exchange_class("bitfoo")


def child(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_of_ccxt_is_imported_before_something_is_asked() -> None:
    told = child("""
        import sys
        from cryptopipe.api import ActionRules, CcxtActions, PlaceOrder, VenueId
        ours = CcxtActions("binance", VenueId("v"), (), ActionRules(frozenset({PlaceOrder})))
        found = [name for name in sys.modules if "ccxt" in name.split(".")[0] or name == "requests"]
        ours.load()
        print(found, "requests" in sys.modules, "ccxt" in sys.modules)
    """)
    assert told == "[] True False"


def test_without_ccxt_it_says_what_is_missing() -> None:
    told = child("""
        import sys
        sys.modules["ccxt"] = None  # as if it were not there
        from cryptopipe.act.ccxt_loading import exchange_class
        from cryptopipe.errors import PluginError
        try:
            exchange_class("binance")
        except PluginError as error:
            print(error, "|", error.fix, "|", [one for one in sys.meta_path if "ccxt" in type(one).__module__])
    """)
    assert told == "ccxt signs these orders, and is not installed | pip install ccxt | []"


@pytest.mark.slow
def test_the_real_ccxt_can_be_imported_before_meanwhile_and_after() -> None:
    """In two threads that begin together, ten ids each way; their classes are whole and different."""
    told = child("""
        import sys, threading
        from cryptopipe.act.ccxt_loading import error_classes, exchange_class
        ids = "binance kraken bybit coinbaseexchange okx gemini bitstamp bitfinex kucoin gate".split()
        start, found = threading.Barrier(3), {}
        def ours(ids):
            start.wait()
            for one in ids:
                found[one] = exchange_class(one)
        def theirs():
            start.wait()
            import ccxt.async_support, ccxt.pro
        work = [threading.Thread(target=ours, args=(ids,)), threading.Thread(target=ours, args=(ids[::-1],)),
                threading.Thread(target=theirs)]
        [one.start() for one in work], [one.join() for one in work]
        import ccxt, ccxt.async_support, ccxt.pro
        assert all(issubclass(getattr(ccxt, one), ccxt.Exchange) for one in ids)
        assert all(not issubclass(found[one], ccxt.Exchange) and found[one]().id == one for one in ids)
        assert {one.__module__ for one in found.values()} == {f"_cryptopipe_ccxt.{one}" for one in ids}
        assert ccxt.binance().id == ccxt.pro.binance().id == ccxt.async_support.binance().id == "binance"
        assert error_classes()["BaseError"] is not ccxt.BaseError
        from ccxt.base.errors import BaseError
        assert ccxt.BaseError is BaseError and exchange_class("binance") is found["binance"]
        print(len(found))
    """)
    assert told == "10"
