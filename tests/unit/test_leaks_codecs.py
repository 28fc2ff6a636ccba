"""Probes for leaked secrets, 25 to 38: the codecs of every installed venue, with keys that cannot sign, answers that
repeat what was signed, and libraries that log everything.
"""

import asyncio
import gc
import json
import logging
from base64 import b64encode
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
from leaks import CREDENTIALS, KEY, PASSPHRASE, PLAIN, SECRET, shown, spilled, written

from cryptopipe import registry
from cryptopipe.act.ccxt_codec import CcxtActions
from cryptopipe.act.execution import NOT_SENT, Instruction
from cryptopipe.capture.redact import secrets_of
from cryptopipe.drivers.fetching import Fetched
from cryptopipe.drivers.intake import Arrival
from cryptopipe.drivers.signatory import Signatory
from cryptopipe.drivers.streams import instruments_of
from cryptopipe.errors import CryptopipeError
from cryptopipe.model.actions import Action, ActionCodec, FetchBalances, PlaceOrder, Withdraw
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Side
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse, StreamAuth

AT = 1_763_700_000_123_456_789
PLUGINS = {name: one for name, one in registry.exchanges().items() if one.actions is not None}
ASSETS = ("BTC", "USD", "USDT")
CODECS: dict[str, ActionCodec] = {
    name: one.actions(instruments_of(one, ASSETS)) for name, one in PLUGINS.items() if one.actions is not None
}
SIGNERS = {
    f"{name} {kind}": signer
    for name, one in registry.exchanges().items()
    for kind, signer in (("private", one.private.signer if one.private else None), ("orders", one.signer))
    if signer is not None
}
BASE = "unusable-8c1f-90ffe27733"
UNUSABLE = {
    "no base64": f"{BASE} is no base64!",
    "a character beyond ASCII": f"{BASE}\u2603",
    "a lone surrogate": f"{BASE}\udce9",
    "a line break": f"{BASE}\r\nX-Injected: 1",
    "long": BASE * 20,
    "a PEM of nothing": f"-----BEGIN EC PRIVATE KEY-----\n{BASE}\n-----END EC PRIVATE KEY-----\n",
    "a PEM of something else": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n",
    "a long PEM of nothing": f"-----BEGIN PRIVATE KEY-----\n{BASE * 20}\n-----END PRIVATE KEY-----\n",
    "empty": "",
}


def usable(name: str) -> Credentials:
    """A key that can sign there, with as much of ours as its form lets."""
    make = registry.exchange(name).sandbox_key
    return make(CREDENTIALS) if make is not None else CREDENTIALS


def actions(plugin: ExchangePlugin, codec: ActionCodec) -> Iterator[Action]:
    instrument = instruments_of(plugin, ASSETS)[0]
    every = (
        FetchBalances(plugin.venue),
        PlaceOrder(instrument, Side.BUY, Decimal("0.01"), Decimal(1000), "cp-probe-1"),
        Withdraw(
            plugin.venue,
            "BTC",
            "BTC",
            "bc1qxy2kgdygjrsqtzq2n0yrf2493p83kkfjhx0wlh",
            Decimal(1),
            "w-probe-1",
            address_name="b",
        ),
    )
    return (one for one in every if type(one) in codec.supports)


def texts(request: HttpRequest) -> str:
    headers = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
    return f"{request.method} {request.url}\n{headers}\n\n{(request.body or b'').decode()}"


def built(name: str, secret: str) -> Iterator[HttpRequest | BaseException]:
    """Every request that can be made with this secret, or the error; frames of the test itself are not the error's."""
    for action in actions(PLUGINS[name], CODECS[name]):
        yield attempt(CODECS[name], action, Credentials(KEY, secret, PASSPHRASE))


def attempt(codec: ActionCodec, action: Action, credentials: Credentials) -> HttpRequest | BaseException:
    try:
        return codec.build(action, credentials, AT)
    except CryptopipeError as error:
        return error


@pytest.mark.parametrize("secret", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("name", PLUGINS)
def test_25_a_key_that_cannot_sign_is_refused_without_a_word_of_it(name: str, secret: str) -> None:
    for told in built(name, secret):
        text = texts(told) if isinstance(told, HttpRequest) else f"{told} {told!r}"
        assert not spilled(text, BASE, SECRET, *([secret] if secret else []))


@pytest.mark.parametrize("secret", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("name", PLUGINS)
def test_26_nor_is_it_in_the_traceback_with_variables(name: str, secret: str) -> None:
    for action in actions(PLUGINS[name], CODECS[name]):
        told = attempt(CODECS[name], action, Credentials(KEY, secret, PASSPHRASE))
        if isinstance(told, CryptopipeError):
            assert not spilled(shown(told), BASE, SECRET)


@pytest.mark.parametrize("name", PLUGINS)
def test_27_a_request_holds_the_secret_nowhere_and_its_repr_nothing_that_signs(name: str) -> None:
    key = usable(name)
    for action in actions(PLUGINS[name], CODECS[name]):
        request = CODECS[name].build(action, key, AT)
        assert not spilled(texts(request), key.secret)
        signed = [one for one in secrets_of(request) if len(one) > 8]
        assert signed, f"{name}: no signature is recognised in {sorted(request.headers)}"
        for one in written([request])[:7]:
            assert not spilled(one, key.secret, key.key, *signed)


@pytest.mark.parametrize("secret", [SECRET, *UNUSABLE.values()])
@pytest.mark.parametrize("name", PLUGINS)
def test_28_a_codec_keeps_nothing_of_a_key(name: str, secret: str) -> None:
    list(built(name, secret))
    codec = CODECS[name]
    made = getattr(codec, "_made", None)
    kept = [repr(codec), repr(vars(codec)), repr(made and vars(made._exchange))]
    for one in kept:
        assert not spilled(one, BASE, SECRET, PASSPHRASE, KEY)


def test_29_nothing_that_lives_on_has_the_secret_in_a_dictionary_or_list() -> None:
    fresh = b64encode(b"of this probe alone" * 3).decode()
    for name in PLUGINS:
        assert list(built(name, fresh))
    gc.collect()
    for holder in gc.get_objects():
        held = holder.values() if type(holder) is dict else holder if type(holder) is list else ()
        assert not any(isinstance(one, str) and str(one) == fresh for one in list(held)), repr(holder)[:300]


@pytest.mark.parametrize("name", PLUGINS)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_30_an_answer_that_repeats_the_request_is_masked_in_run_and_error(name: str, status: int) -> None:
    key = usable(name)
    for action in actions(PLUGINS[name], CODECS[name]):
        signed = CODECS[name].build(action, key, AT)
        arrival = told_by_signatory(name, key, action, status, echo(texts(signed) + unquote(texts(signed))))
        tells = [one for one in secrets_of(signed) if len(one) > 8]
        assert not spilled(repr(arrival), key.secret, key.key, *tells)
        response = HttpResponse(arrival.status, arrival.payload, arrival.url)
        told = attempted(name, action, response)
        if isinstance(told, CryptopipeError):
            assert not spilled(shown(told), key.secret, key.key, *tells)


def echo(text: str) -> bytes:
    """As venues write what they complain of: each one's names of code and text at once."""
    told = dict.fromkeys(("msg", "message", "retMsg", "error_details"), text)
    return json.dumps({**told, "code": -1022, "retCode": 10004, "error": [f"EAPI:Invalid signature:{text}"]}).encode()


def told_by_signatory(name: str, key: Credentials, action: Action, status: int, payload: bytes) -> Arrival:
    venue = PLUGINS[name].venue
    signatory = Signatory(codecs={venue: CODECS[name]}, credentials={venue: key})

    async def fetched(request: HttpRequest) -> Fetched:
        return Fetched(status, payload)

    return asyncio.run(signatory.carry_out(Instruction("1", venue, action, ()), lambda: AT, fetched))


@pytest.mark.parametrize("secret", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("name", PLUGINS)
def test_31_what_could_not_be_signed_enters_the_run_without_it(name: str, secret: str) -> None:
    key = Credentials(KEY, secret, PASSPHRASE)
    for action in actions(PLUGINS[name], CODECS[name]):
        arrival = told_by_signatory(name, key, action, 200, b"{}")
        if arrival.status == NOT_SENT:
            assert arrival.payload
        assert not spilled(repr(arrival), BASE, SECRET, PASSPHRASE, KEY)


@pytest.mark.parametrize("secret", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("name", SIGNERS)
def test_32_a_stream_s_signer_refuses_what_cannot_sign_without_a_word_of_it(name: str, secret: str) -> None:
    for told in stream_signed(SIGNERS[name], Credentials(KEY, secret, PASSPHRASE)):
        if isinstance(told, BaseException):
            assert isinstance(told, CryptopipeError | UnicodeEncodeError)
            assert not spilled(shown(told) if isinstance(told, CryptopipeError) else str(told), BASE, SECRET)


def stream_signed(signer: Any, key: Credentials) -> Iterator[object]:
    try:
        yield signer.request(key, AT)
        yield signer.auth(key, None, AT)
    except (CryptopipeError, UnicodeEncodeError) as error:
        yield error


@pytest.mark.parametrize("name", SIGNERS)
def test_33_what_signs_a_stream_in_holds_the_secret_nowhere(name: str) -> None:
    key = usable(name.split()[0])
    for told in stream_signed(SIGNERS[name], key):
        if isinstance(told, HttpRequest):
            assert not spilled(texts(told), key.secret)
        if isinstance(told, StreamAuth):
            assert not spilled(f"{told.token} {dict(told.headers)}", key.secret)
            for one in written(told):
                assert not spilled(one, key.secret, key.key, key.passphrase, told.token or key.key)


@pytest.mark.parametrize("name", SIGNERS)
def test_34_a_signer_keeps_nothing_of_a_key(name: str) -> None:
    key = usable(name.split()[0])
    list(stream_signed(SIGNERS[name], key))
    assert not spilled(f"{SIGNERS[name]!r} {getattr(SIGNERS[name], '__dict__', {})!r}", key.secret, key.key)


@pytest.mark.parametrize("name", PLUGINS)
def test_35_no_library_logs_what_a_codec_signs_or_reads(name: str, caplog: pytest.LogCaptureFixture) -> None:
    key = usable(name)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("ccxt.base.exchange").setLevel(logging.DEBUG)
        for action in actions(PLUGINS[name], CODECS[name]):
            request = CODECS[name].build(action, key, AT)
            attempted(name, action, HttpResponse(400, echo(request.url), request.url))
    assert not spilled(caplog.text + repr([vars(one) for one in caplog.records]), key.secret, key.key)


def attempted(name: str, action: Action, response: HttpResponse) -> object:
    try:
        return CODECS[name].parse(action, response)
    except CryptopipeError as error:
        return error


@pytest.mark.parametrize("name", PLUGINS)
@pytest.mark.parametrize("status", [400, 403, 429, 500, 599])
def test_36_an_error_holds_no_word_of_ccxt_s_that_has_the_signed_url(name: str, status: int) -> None:
    key = usable(name)
    for action in actions(PLUGINS[name], CODECS[name]):
        request = CODECS[name].build(action, key, AT)
        for body in (b"", b"<html>no</html>", b"{}", b'{"code":-1,"msg":"no","error":["EGeneral:no"],"retCode":1}'):
            told = attempted(name, action, HttpResponse(status, body, request.url))
            signed = [one for one in secrets_of(request) if len(one) > 8]
            assert not spilled(f"{told}{told!r}", key.secret, key.key, *signed)


@pytest.mark.parametrize("name", PLUGINS)
def test_37_what_is_said_of_ccxt_s_own_refusal_repeats_no_key(name: str) -> None:
    codec = CODECS[name]
    assert isinstance(codec, CcxtActions)
    for text in (KEY, SECRET, PASSPHRASE):
        address = f"{text} is no address"  # ccxt repeats one that has a space in it
        action = Withdraw(PLUGINS[name].venue, "BTC", "BTC", address, Decimal(1), "w-probe-2", address_name="b")
        if Withdraw in codec.supports and isinstance(told := attempt(codec, action, CREDENTIALS), CryptopipeError):
            assert "InvalidAddress" in str(told)
            assert not spilled(str(told), SECRET, PLAIN, PASSPHRASE, KEY)


def test_38_an_instruction_and_its_arrival_hold_no_key() -> None:
    for name in PLUGINS:
        key = usable(name)
        for action in actions(PLUGINS[name], CODECS[name]):
            venue = PLUGINS[name].venue
            arrival = told_by_signatory(name, key, action, 200, b"{}")
            told = written(Instruction("1", venue, action, ())) + written(arrival) + written(action)
            assert not any(spilled(one, key.secret, key.key, "signature=") for one in told)
