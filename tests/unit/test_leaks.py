"""Probes for leaked secrets, 1 to 24, 57, 58: values, settings, keys, masks. docs/secrets.md has the rules."""

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import keyring
import keyring.errors
import msgspec
import pyrage
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from leaks import CREDENTIALS, KEY, PASSPHRASE, PLAIN, SECRET, shown, spilled, written
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from cryptopipe.capture.inputs import STREAM_TOKEN, Direction, Input
from cryptopipe.capture.redact import redact, secrets_of
from cryptopipe.cli.logs import configure
from cryptopipe.drivers.signatory import Signatory
from cryptopipe.drivers.veil import of_request, of_stream, veil
from cryptopipe.errors import ConfigError, CryptopipeError
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import Connect, Credentials, HttpRequest, HttpResponse, StreamAuth
from cryptopipe.settings import config_hash, effective, load_settings
from cryptopipe.settings.keys import ENCRYPTED, FILE, Found, find_key
from cryptopipe.settings.layers import AGE_IDENTITY, AGE_PASSPHRASE
from cryptopipe.settings.model import Settings

SIGNATURE = "5f2c0e1ad97b44f1c1c9f0e8b7d1a6e3"
TOKEN = "1Dwc4lzSwNWOAwkMdqhssNNFhs1ed606d1WcF3XfEMw"
ALL = (SECRET, PLAIN, PASSPHRASE, KEY, SIGNATURE, TOKEN)
REQUEST = HttpRequest(
    "POST",
    f"https://user:{quote(PASSPHRASE, safe='')}@api.example/v1/order?symbol=A&signature={SIGNATURE}",
    {"X-API-KEY": KEY, "ACCESS-PASSPHRASE": PASSPHRASE, "Authorization": f"Bearer {TOKEN}"},
    f"apiKey={KEY}&sign={SIGNATURE}".encode(),
)
CONNECT = Connect(f"wss://api.example/ws?token={TOKEN}", (f'{{"signature":"{SIGNATURE}"}}',), ping_text=TOKEN)
AUTH = StreamAuth(TOKEN, {"key": KEY, "passphrase": PASSPHRASE, "signature": SIGNATURE})
SIGNED_WITH = (KEY, SECRET, PASSPHRASE, SIGNATURE, TOKEN)
ENVIRONMENT = {"CRYPTOPIPE_KEYS__BINANCE__KEY": KEY, "CRYPTOPIPE_KEYS__BINANCE__SECRET": SECRET}


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "get_password", lambda service, name: None)


def settings() -> Settings:
    return load_settings(environment=ENVIRONMENT | {"CRYPTOPIPE_KEYS__BINANCE__PASSPHRASE": PASSPHRASE}).settings


def nowhere(told: list[str], *texts: str) -> None:
    for one in told:
        assert not spilled(one, *texts), one[:300]


def failure(work: Callable[[], object]) -> CryptopipeError:
    with pytest.raises(CryptopipeError) as raised:
        work()
    return raised.value


def test_01_a_key_is_in_no_repr_encoding_or_pickle_of_it() -> None:
    nowhere(written(CREDENTIALS), *ALL)


def test_02_nor_in_one_of_what_holds_it() -> None:
    signatory = Signatory(credentials={VenueId("alpha"): CREDENTIALS})
    nowhere(written(signatory) + written(Found(CREDENTIALS, "here")) + written([CREDENTIALS]), *ALL)


def test_03_a_stream_s_signature_is_in_no_repr_encoding_or_pickle() -> None:
    nowhere(written(AUTH), *ALL)


def test_04_a_signed_request_shows_neither_query_headers_nor_body() -> None:
    told = [repr(REQUEST), str(REQUEST), *written([REQUEST])[4:7]]
    assert "https://api.example/v1/order" in told[0]
    nowhere(told, *ALL)


def test_05_a_signed_connection_shows_neither_query_nor_texts() -> None:
    nowhere([repr(CONNECT), *written({"on": CONNECT})[:7]], *ALL)


def test_06_an_answer_shows_no_body() -> None:
    answer = HttpResponse(200, f'{{"token":"{TOKEN}"}}'.encode(), REQUEST.url)
    nowhere([repr(answer), *written((answer,))[:7]], *ALL)


@pytest.mark.parametrize("value", [REQUEST, CONNECT, AUTH, CREDENTIALS, CREDENTIALS.secret, HttpResponse(200, b"")])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_07_what_is_signed_is_not_pickled(value: object, protocol: int) -> None:
    for one in (value, [value], {"in": (value,)}):
        with pytest.raises(TypeError, match="pickled") as refused:
            pickle.dumps(one, protocol)
        assert not spilled(str(refused.value), *ALL)


def test_08_a_copy_tells_as_little_as_the_original() -> None:
    for one in (copy.copy(CREDENTIALS), copy.deepcopy({"in": CREDENTIALS})["in"], copy.deepcopy(AUTH)):
        nowhere(written(one), *ALL)
    assert copy.deepcopy(CREDENTIALS) == Credentials(KEY, SECRET, PASSPHRASE) != Credentials(KEY, SECRET)
    assert not spilled(repr(copy.deepcopy(CREDENTIALS.secret)), *ALL)


def test_09_a_traceback_with_variables_does_not_show_the_secret_that_a_signer_got() -> None:
    def signature(secret: str, text: str) -> int:
        given = {"secret": secret, "first": secret[:40]}
        return int(text, len(given))

    with pytest.raises(ValueError) as raised:
        signature(CREDENTIALS.secret, "nothing to sign")
    assert "nothing to sign" in shown(raised.value)
    assert not spilled(shown(raised.value), SECRET, PLAIN)


def test_10_the_log_has_none_of_what_is_put_into_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure(2)
    log = structlog.get_logger()
    log.debug("probe.values", key=CREDENTIALS, auth=AUTH, request=REQUEST, connect=CONNECT, secret=CREDENTIALS.secret)
    try:
        log.bind(all=[CREDENTIALS, REQUEST])
        raise KeyError(CREDENTIALS.secret, CREDENTIALS)
    except KeyError:
        log.exception("probe.failed")
    told = capsys.readouterr().err
    assert "probe.values" in told and "KeyError" in told
    nowhere([told], *ALL)


def test_11_settings_show_encode_and_pickle_no_key() -> None:
    one = settings()
    assert one.credentials("binance") == CREDENTIALS
    told = [repr(one), str(one), repr(one.keys), one.model_dump_json(), repr(one.model_dump()), repr(effective(one))]
    told += [json.dumps(effective(one)), repr(copy.deepcopy(one)), repr(one.model_copy())]
    nowhere(told, *ALL)
    for value in (one, one.keys, one.keys["binance"]):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(value)


def test_12_the_configuration_s_hash_is_none_of_a_key() -> None:
    assert config_hash(settings()) == config_hash(load_settings(environment={}).settings)


WRONG: dict[str, dict[str, str]] = {
    "a part that does not exist": {"CRYPTOPIPE_KEYS__BINANCE__SECRT": SECRET},
    "a key where keys are expected": {"CRYPTOPIPE_KEYS__BINANCE": SECRET},
    "all keys in one": {"CRYPTOPIPE_KEYS": SECRET},
    "a mapping for a secret": {"CRYPTOPIPE_KEYS__BINANCE__SECRET": f"{{of: {SECRET}}}"},
    "a list for a secret": {"CRYPTOPIPE_KEYS__BINANCE__SECRET": f"[{SECRET}]"},
    "a broken mapping": {"CRYPTOPIPE_KEYS__BINANCE__SECRET": f"{{of: {SECRET}"},
    "nothing for a key": {"CRYPTOPIPE_KEYS__BINANCE__KEY": "", "CRYPTOPIPE_KEYS__BINANCE__SECRET": SECRET},
    "bytes that are no UTF-8": {"CRYPTOPIPE_KEYS__BINANCE__SECRET": SECRET + "\udce9"},
    "another fault beside it": {**ENVIRONMENT, "CRYPTOPIPE_RISK__MAX_LOSS": "much"},
}


@pytest.mark.parametrize("environment", WRONG.values(), ids=WRONG)
def test_13_a_fault_of_the_environment_s_keys_repeats_none_of_them(environment: dict[str, str]) -> None:
    error = failure(lambda: load_settings(environment=dict(environment)))
    assert not spilled(str(error) + error.fix + error.where + repr(error), *ALL)


@pytest.mark.parametrize("environment", WRONG.values(), ids=WRONG)
def test_14_nor_does_its_traceback_with_variables(environment: dict[str, str]) -> None:
    told = shown(_loading(environment))
    assert "load_settings" in told
    assert not spilled(told, *ALL)


def _loading(environment: dict[str, str]) -> CryptopipeError:
    """Its frame is none of the error's: the caller's variables are not what is probed."""
    try:
        load_settings(environment=environment)
    except CryptopipeError as error:
        assert error.__traceback__ is not None
        return error.with_traceback(error.__traceback__.tb_next)
    raise AssertionError("nothing was raised")


FILES = {
    "no YAML": f"keys: {{binance: {{secret: {SECRET}",
    "an alias": f"keys: {{binance: {{key: k, secret: *{PLAIN}}}}}",
    "a tag": f"keys: {{binance: {{key: k, secret: !{PLAIN} x}}}}",
    "a duplicate": f"keys:\n  binance: {{secret: {SECRET}, secret: {SECRET}}}",
    "a text for a mapping": f"keys: {SECRET}",
    "a list": f"keys: [{SECRET}]",
    "a section of its own": f"secret: {SECRET}",
    "a control character": f"keys: {{binance: {{key: k, secret: '{SECRET}\x07'}}}}",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_15_a_fault_of_a_config_yaml_repeats_no_secret(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    text = ""
    assert not spilled(shown(failure(lambda: load_settings(config=path, environment={}))), SECRET, PLAIN)


def test_16_a_key_on_the_command_line_is_refused_and_not_repeated() -> None:
    error = failure(lambda: load_settings(environment={}, sets=[f"keys.binance.secret={SECRET}"]))
    assert "not on the command line" in str(error)
    assert not spilled(str(error) + error.fix + error.where, *ALL)


KEY_FILES = {
    **{name: text.replace("keys: ", "", 1).replace("binance", "alpha") for name, text in FILES.items()},
    "an unknown part": f"alpha: {{key: k, secret: s, {SECRET}: x}}",
    "no secret": f"alpha: {{key: k, passphrase: {SECRET}}}",
    "a list of texts": f"alpha: {{key: k, secret: [{SECRET}]}}",
    "a text": f"alpha: {SECRET}",
    "accounts that are texts": f"alpha: {{main: {SECRET}}}",
}
del KEY_FILES["a section of its own"]  # of another venue: that is no fault


@pytest.mark.parametrize("text", KEY_FILES.values(), ids=KEY_FILES)
def test_17_a_fault_of_keys_yaml_repeats_none_of_it(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    (tmp_path / FILE).chmod(0o600)
    text = ""
    told = shown(_finding(tmp_path, {"OTHER_SECRET": SECRET}))
    assert "find_key" in told
    assert not spilled(told, SECRET, PLAIN)


def _finding(folder: Path, environment: dict[str, str]) -> CryptopipeError:
    try:
        find_key("alpha", SETTINGS, folder=folder, environment=environment)
    except CryptopipeError as error:
        assert error.__traceback__ is not None
        return error.with_traceback(error.__traceback__.tb_next)
    raise AssertionError("nothing was raised")


SETTINGS = load_settings(environment={}).settings


def test_18_nor_does_a_fault_of_the_encrypted_file(tmp_path: Path) -> None:
    identity, other = (pyrage.x25519.Identity.generate() for _ in range(2))
    content = pyrage.encrypt(f"alpha: {SECRET}".encode(), [identity.to_public()])
    (tmp_path / ENCRYPTED).write_bytes(content)
    told = shown(_finding(tmp_path, {AGE_PASSPHRASE: PASSPHRASE}))
    for one in (identity, other):
        path = tmp_path / "identity"
        path.write_text(f"{one}\n")
        path.chmod(0o600)
        told += shown(_finding(tmp_path, {AGE_IDENTITY: str(path)}))
    assert not spilled(told, SECRET, PLAIN, PASSPHRASE, str(identity), str(other))


@pytest.mark.parametrize("kept", [SECRET, f'{{"key":"k","secret":["{SECRET}"]}}', f'{{"key":"k","{SECRET}":"x"}}'])
def test_19_nor_does_one_of_the_keyring(kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "get_password", lambda service, name, kept=kept: kept)
    kept = ""
    assert not spilled(shown(_finding(tmp_path, {})))


def test_20_nor_does_a_keyring_that_fails_with_a_secret_in_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(service: str, name: str) -> str:
        raise keyring.errors.KeyringLocked(f"{SECRET} does not open it")

    monkeypatch.setattr(keyring, "get_password", locked)
    assert not spilled(shown(_finding(tmp_path, {})))


@pytest.mark.parametrize(
    "entry",
    [
        {"url": REQUEST.url, "request": REQUEST.url, "headers": tuple(REQUEST.headers.items())},
        {"direction": Direction.SEND, "payload": CONNECT.frames[0].encode()},
        {"direction": Direction.SEND, "payload": msgspec.json.encode(dict(AUTH.headers))},
        {"direction": Direction.HTTP, "payload": TOKEN.encode(), "request": STREAM_TOKEN},
        {"url": f"https://a.example/?AccessKeyId={KEY}&Signature={SIGNATURE}", "headers": (("X-Auth", f"Some {KEY}"),)},
    ],
)
def test_21_an_input_is_captured_without_them(entry: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"direction": Direction.HTTP, "venue": "a", "conn": "", "url": "", "payload": b""}
    seen = Input(seq=1, turn=1, at=1, **usual | entry)
    assert spilled(repr(seen), *ALL)
    assert not spilled(repr(redact(seen)), *ALL)


ECHOES = {
    "the query": f"Signature for this request is not valid: {REQUEST.url}",
    "the query, cut": f"bad query: symbol=A&signature={SIGNATURE[:20]}…",
    "the middle of a token": f"…{TOKEN[6:-6]}…",
    "the end of one": f"…{TOKEN[-16:]} is over",
    "the secret in parts": " ".join((SECRET[:40], SECRET[40:80], SECRET[80:])),
    "a text within another": f"{KEY}{SIGNATURE}{KEY}",
    "the headers": "\n".join(f"{name}: {value}" for name, value in REQUEST.headers.items()),
    "the body": (REQUEST.body or b"").decode(),
    "JSON": json.dumps({"sent": dict(REQUEST.headers), "by": KEY, "with": SECRET}),
    "JSON of PHP": json.dumps({"sent": PASSPHRASE, "with": SECRET}).replace("/", "\\/"),
    "a page": f"<html><body>{KEY} said {TOKEN}</body></html>",
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_22_an_answer_that_repeats_what_we_signed_with_is_masked(echo: str) -> None:
    masked = of_request(CREDENTIALS, REQUEST)(echo.encode())
    assert b"***" in masked
    assert not spilled(masked, *ALL)


@pytest.mark.parametrize("echo", [TOKEN, KEY, PASSPHRASE, SIGNATURE, SECRET])
def test_23_a_stream_s_frame_that_repeats_it_is_masked(echo: str) -> None:
    assert of_stream(CREDENTIALS, AUTH)(f'{{"error":"no {echo}"}}'.encode()) == b'{"error":"no ***"}'


def test_23_so_is_one_that_a_url_or_json_writes_otherwise() -> None:
    signature = "Ab+1/Cd=2+Ef/3=Gh+4/Ij=5+Kl/6="  # no twelve characters in a row that need no escape
    mask = veil([signature])
    for written_so in (signature, quote(signature, safe=""), signature.replace("/", "\\/")):
        assert mask(f"<{written_so}>".encode()) == b"<***>"


def test_24_a_mask_changes_nothing_else() -> None:
    answer = b'{"orderId":28,"clientOrderId":"cp-1","note":"key=abc"}'
    assert of_request(CREDENTIALS, REQUEST)(answer) == answer
    assert veil(["short", ""])(b"short") == b"short"
    assert secrets_of(HttpRequest("POST", "https://a.example/?symbol=A", {"Date": "x"}, b"key=my-wallet-no-1")) == set()


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(SIGNED_WITH)), max_size=8))
def test_57_whatever_stands_around_it_is_kept_and_it_is_not(parts: list[bytes | str]) -> None:
    raw = b"\n".join(one.encode() if isinstance(one, str) else one for one in parts)
    masked = of_request(CREDENTIALS, REQUEST)(raw)
    assert masked == b"\n".join(b"***" if isinstance(one, str) else one for one in parts)


class Section(BaseModel):
    """Of a stranger's strategy, with a secret of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    token: SecretStr = Field(SecretStr(""), max_length=5, description="of a service")


@pytest.mark.parametrize("given_by", ["environment", "--set"])
def test_58_nor_is_a_strategy_s_secret_that_is_not_acceptable_repeated(given_by: str) -> None:
    environment = {"CRYPTOPIPE_OWN__TOKEN": TOKEN} if given_by == "environment" else {}
    sets = [f"own.token={TOKEN}"] if given_by == "--set" else []
    error = failure(lambda: load_settings(environment=environment, sets=sets, strategies={"own": Section}))
    assert "own.token: not acceptable" in str(error)
    assert not spilled(str(error) + repr(error), TOKEN)


def test_a_configuration_error_still_says_what_is_wrong() -> None:
    error = failure(lambda: load_settings(environment=WRONG["a part that does not exist"]))
    assert isinstance(error, ConfigError)
    assert "keys.binance.secrt: unknown key; did you mean 'secret'?" in str(error)
