"""The user's keys: four places in their order, each refused aloud where it cannot be used, none ever shown."""

import json
import sys
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pyrage
import pytest

from cryptopipe.errors import ConfigError
from cryptopipe.model.stream import Credentials
from cryptopipe.settings import load_settings
from cryptopipe.settings.keys import ENCRYPTED, FILE, find_key
from cryptopipe.settings.layers import AGE_IDENTITY, AGE_PASSPHRASE

SECRET = "s3cr3t-of-the-file"
SETTINGS = load_settings(environment={}).settings


class Memory(keyring.backend.KeyringBackend):
    """A keyring that lives as long as a test."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> Memory:
    made = Memory()
    monkeypatch.setattr(keyring, "get_password", made.get_password)
    return made


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / FILE
    path.write_text(text)
    path.chmod(mode)
    return path


def found(folder: Path, venue: str = "alpha", account: str = "main", **environment: str) -> tuple[Credentials, str]:
    one = find_key(venue, SETTINGS, account, folder, environment)
    assert one is not None
    return one.credentials, one.source


def test_the_private_file_comes_first(tmp_path: Path, ring: Memory) -> None:
    ring.kept["cryptopipe", "alpha"] = json.dumps({"key": "r", "secret": "ring"})
    path = written(tmp_path, f"alpha: {{key: f, secret: {SECRET}, passphrase: p}}\n")
    assert found(tmp_path) == (Credentials("f", SECRET, "p"), f"{path}, alpha")


def test_an_account_is_found_by_its_name(tmp_path: Path) -> None:
    written(tmp_path, "alpha:\n  main: {key: a, secret: b}\n  hedge: {key: c, secret: d}\nbeta: {key: e, secret: f}\n")
    assert found(tmp_path)[0] == Credentials("a", "b")
    assert found(tmp_path, account="hedge")[0] == Credentials("c", "d")
    assert found(tmp_path, "beta")[0] == Credentials("e", "f")
    assert find_key("beta", SETTINGS, "hedge", tmp_path, {}) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path, f"alpha: {{key: f, secret: {SECRET}}}\n", mode)
    with pytest.raises(ConfigError, match=rf"others may read or write it \(mode {mode:04o}\)") as raised:
        find_key("alpha", SETTINGS, folder=tmp_path, environment={})
    assert raised.value.fix == f"chmod 600 {path}"


def test_the_encrypted_file_opens_by_identity_or_passphrase(tmp_path: Path) -> None:
    text = f"alpha: {{key: f, secret: {SECRET}}}\n".encode()
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "id").write_text(f"# created today\n{identity}\n")
    (tmp_path / "id").chmod(0o600)
    sealed = tmp_path / ENCRYPTED
    sealed.write_bytes(pyrage.encrypt(text, [identity.to_public()]))
    assert found(tmp_path, **{AGE_IDENTITY: str(tmp_path / "id")}) == (Credentials("f", SECRET), f"{sealed}, alpha")
    sealed.write_bytes(pyrage.passphrase.encrypt(text, "open sesame"))
    assert found(tmp_path, **{AGE_PASSPHRASE: "open sesame"})[0] == Credentials("f", SECRET)
    for environment, why in (
        ({}, "it is encrypted"),
        ({AGE_PASSPHRASE: "wrong-phrase"}, f"{AGE_PASSPHRASE} does not open it"),
        ({AGE_IDENTITY: str(tmp_path / "none")}, "no such file"),
    ):
        with pytest.raises(ConfigError, match=why) as raised:
            find_key("alpha", SETTINGS, folder=tmp_path, environment=environment)
        assert "wrong-phrase" not in f"{raised.value} {raised.value.fix}"


def test_then_the_keyring_then_the_environment(tmp_path: Path, ring: Memory) -> None:
    told = {"CRYPTOPIPE_KEYS__KRAKEN__KEY": "e", "CRYPTOPIPE_KEYS__KRAKEN__SECRET": "environ"}
    settings = load_settings(environment=told).settings
    one = find_key("kraken", settings, folder=tmp_path, environment={})
    assert one is not None and one.credentials == Credentials("e", "environ")
    assert one.source == "environment or configuration, keys.kraken"
    ring.kept["cryptopipe", "kraken"] = json.dumps({"key": "r", "secret": "ring"})
    one = find_key("kraken", settings, folder=tmp_path, environment={})
    assert one is not None and (one.credentials.secret, one.source) == ("ring", "keyring cryptopipe, kraken")
    ring.kept["cryptopipe", "kraken/hedge"] = json.dumps({"key": "h", "secret": "hedged"})
    other = find_key("kraken", settings, "hedge", tmp_path, {})
    assert other is not None and other.credentials.secret == "hedged"


def test_a_locked_keyring_and_one_with_something_else_are_told(tmp_path: Path, ring: Memory) -> None:
    ring.kept["cryptopipe", "alpha"] = SECRET
    with pytest.raises(ConfigError, match="not the JSON of a key") as raised:
        find_key("alpha", SETTINGS, folder=tmp_path, environment={})
    assert SECRET not in f"{raised.value} {raised.value.fix}"
    ring.locked = True
    with pytest.raises(ConfigError, match="it cannot be read: KeyringLocked"):
        find_key("alpha", SETTINGS, folder=tmp_path, environment={})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"alpha: {SECRET}\n", "expected keys below it"),
        (f"alpha: {{key: f, {SECRET}: x, secret: y}}\n", "something that is none of"),
        (f"alpha: {{key: {SECRET}}}\n", "no 'secret'"),
        (f"alpha: {{secret: {SECRET}}}\n", "no 'key'"),
        (f"alpha: {{key: f, secret: *{SECRET}}}\n", "not YAML of keys"),
        (f"alpha: [{SECRET}\n", "not YAML of keys"),
        (f"alpha: {{key: f, secret: [{SECRET}]}}\n", "not texts"),
    ],
)
def test_what_is_no_key_is_refused_without_a_word_of_it(tmp_path: Path, text: str, why: str) -> None:
    written(tmp_path, text)
    with pytest.raises(ConfigError, match=why) as raised:
        find_key("alpha", SETTINGS, folder=tmp_path, environment={})
    assert SECRET not in f"{raised.value} {raised.value.where} {raised.value.fix} {raised.value.__cause__!r}"


def test_nothing_is_loaded_before_a_place_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrage", None)
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert find_key("alpha", SETTINGS, folder=tmp_path, environment={}) is None
    written(tmp_path, f"alpha: {{key: f, secret: {SECRET}}}\n")
    assert found(tmp_path)[0].secret == SECRET
    (tmp_path / FILE).unlink()
    (tmp_path / ENCRYPTED).write_bytes(b"age")
    with pytest.raises(ConfigError, match="pyrage is not installed") as raised:
        find_key("alpha", SETTINGS, folder=tmp_path, environment={})
    assert raised.value.fix == "pip install 'cryptopipe[keys]'"
