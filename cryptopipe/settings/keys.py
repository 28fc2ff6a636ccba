"""Where the user's keys are: a private file, an encrypted file, the system's keyring, the environment, in that order.

Enters: a venue, an account's name. Leaves: its key and the place that it came from. Never: a file that others may read,
a secret in a message, a library that is loaded before a place needs it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from platformdirs import user_config_path

from cryptopipe.errors import ConfigError
from cryptopipe.model.stream import Credentials
from cryptopipe.settings.layers import AGE_IDENTITY, AGE_PASSPHRASE, PREFIX, read_bytes
from cryptopipe.settings.model import Settings

MAIN = "main"
"""The account whose key is meant where none is named."""
FILE, ENCRYPTED = "keys.yaml", "keys.yaml.age"
SERVICE = "cryptopipe"
"""In the keyring; the user's name there is `<venue>`, or `<venue>/<account>`."""
_PARTS = ("key", "secret", "passphrase")
_FORM = "VENUE: {key: …, secret: …, passphrase: …}, or VENUE: {ACCOUNT: {key: …, secret: …}}"
_INSTALL = "pip install 'cryptopipe[keys]'"


@dataclass(frozen=True)
class Found:
    """A key, and where it was found."""

    credentials: Credentials
    source: str


def find_key(
    venue: str,
    settings: Settings,
    account: str = MAIN,
    folder: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Found | None:
    """The key of a venue's account; None where no place has one. Raises `ConfigError` for a place that cannot be used:
    it is never passed over in silence.
    """
    folder = folder if folder is not None else user_config_path("cryptopipe")
    try:
        return (
            _in_file(folder / FILE, venue, account)
            or _in_encrypted(folder / ENCRYPTED, venue, account, environment)
            or _in_keyring(venue, account)
            or _in_settings(venue, settings, account)
        )
    except ConfigError as error:
        failed = error
    environment = {}  # a traceback that shows variables shows neither it nor the frames that read a key
    failed.__context__ = None
    raise failed.with_traceback(None)


def without_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """What a child of ours may know: no key, no channel of alerts, and nothing that opens the encrypted file."""
    own = (AGE_IDENTITY, AGE_PASSPHRASE)
    return {
        name: value
        for name, value in environment.items()
        if name not in own and not name.upper().startswith((f"{PREFIX}KEYS", f"{PREFIX}ALERTS"))
    }


def _in_file(path: Path, venue: str, account: str) -> Found | None:
    if not path.is_file():
        return None
    _judge_private(path)
    return _in_yaml(path.read_bytes(), path, venue, account)


def _in_encrypted(path: Path, venue: str, account: str, environment: Mapping[str, str]) -> Found | None:
    if not path.is_file():
        return None
    try:
        import pyrage
    except ImportError:
        raise ConfigError("pyrage is not installed, which opens it", where=str(path), fix=_INSTALL) from None
    passphrase, identity = environment.get(AGE_PASSPHRASE), environment.get(AGE_IDENTITY)
    if not passphrase and not identity:
        fix = f"name an identity file in {AGE_IDENTITY}, or set {AGE_PASSPHRASE}"
        raise ConfigError("it is encrypted", where=str(path), fix=fix)
    try:
        if passphrase:
            content = pyrage.passphrase.decrypt(path.read_bytes(), passphrase)
        else:
            content = pyrage.decrypt(path.read_bytes(), [_identity(Path(identity or ""), pyrage)])
    except pyrage.DecryptError:
        opener = AGE_PASSPHRASE if passphrase else AGE_IDENTITY
        raise ConfigError(f"{opener} does not open it", where=str(path), fix="the one that it was made for") from None
    return _in_yaml(content, path, venue, account)


def _identity(path: Path, pyrage: Any) -> Any:
    if not path.is_file():
        raise ConfigError("no such file", where=f"environment {AGE_IDENTITY}", fix="name an age identity file")
    _judge_private(path)
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    try:
        return pyrage.x25519.Identity.from_str(lines[0] if lines else "")
    except pyrage.IdentityError:
        raise ConfigError("holds no age identity", where=str(path), fix="make one: age-keygen -o FILE") from None


def _in_keyring(venue: str, account: str) -> Found | None:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    name = venue if account == MAIN else f"{venue}/{account}"
    where = f"keyring {SERVICE}, {name}"
    try:
        told = keyring.get_password(SERVICE, name)
    except keyring.errors.NoKeyringError:  # nothing to look into
        return None
    except keyring.errors.KeyringError as error:
        raise ConfigError(f"it cannot be read: {type(error).__name__}", where=where, fix="unlock it") from None
    if told is None:
        return None
    try:
        parts = msgspec.json.decode(told, type=dict[str, str])
    except msgspec.MsgspecError:
        raise ConfigError("not the JSON of a key", where=where, fix='{"key": "…", "secret": "…"}') from None
    return Found(_credentials(parts, where), where)


def _in_settings(venue: str, settings: Settings, account: str) -> Found | None:
    """Of the configuration, where the environment is over its file; they know one account."""
    own = settings.credentials(venue) if account == MAIN else None
    return None if own is None else Found(own, f"environment or configuration, keys.{venue}")


def _in_yaml(content: bytes, path: Path, venue: str, account: str) -> Found | None:
    layer = read_bytes(content, path)
    if layer.problems:
        where = layer.problems[0].where
        raise ConfigError("not YAML of keys", where=where, fix=_FORM)  # what the reader says might quote a secret
    of_venue = layer.tree.get(venue)
    if of_venue is None:
        return None
    where = f"{path}, {venue}"
    if not isinstance(of_venue, dict):
        raise ConfigError("expected keys below it", where=where, fix=_FORM)
    single = any(part in of_venue for part in _PARTS)
    told = of_venue if single and account == MAIN else None if single else of_venue.get(account)
    if told is None:
        return None
    if not isinstance(told, dict):
        raise ConfigError(f"{account}: expected keys below it", where=where, fix=_FORM)
    return Found(_credentials(told, where), where)


def _credentials(parts: Mapping[str, Any], where: str) -> Credentials:
    unknown = sorted(set(parts) - set(_PARTS))
    missing = [part for part in ("key", "secret") if not parts.get(part)]
    if unknown or missing or not all(isinstance(one, str) for one in parts.values()):
        odd = "something that is none of key, secret, passphrase" if unknown else "not texts"
        wrong = f"no {missing[0]!r}" if missing else odd  # the name of what is odd may be a secret itself
        raise ConfigError(wrong, where=where, fix=_FORM)
    return Credentials(parts["key"], parts["secret"], parts.get("passphrase", ""))


def _judge_private(path: Path) -> None:
    """Raises `ConfigError` for a file that anybody but its owner may read or write."""
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise ConfigError(
            f"others may read or write it (mode {mode:04o})", where=str(path), fix=f"chmod 600 {path}"
        )  # fmt: skip
