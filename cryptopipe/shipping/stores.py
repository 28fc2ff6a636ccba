"""From a URL and the settings to a `Destination`.

Enters: `s3://bucket/prefix` or `file:///directory`, the section `upload`, the environment. Leaves: a `Destination`.
Never: plain http to another machine, a search for credentials that nobody asked for (it would wait for minutes).
"""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from cryptopipe.clock import SECOND
from cryptopipe.errors import ConfigError, UsageError
from cryptopipe.settings.upload import UploadSettings
from cryptopipe.shipping.destination import Destination, Make

_FORMS = "s3://bucket/prefix, or file:///directory"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_KEYS = {
    "access_key_id": "AWS_ACCESS_KEY_ID",
    "secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "session_token": "AWS_SESSION_TOKEN",
}
_ROLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
"""Set by the platform where a program has a role of its own."""


def open_destination(url: str, settings: UploadSettings, environment: Mapping[str, str] = os.environ) -> Destination:
    """Opens no connection. Raises `UsageError` for a URL of another form, `ConfigError` for settings that cannot be
    used: a key that is missing, http to another machine, no such directory.
    """
    parts = urlsplit(url)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise UsageError("more than a place", where=_shown(parts), fix=f"write {_FORMS}; keys go elsewhere")
    if parts.scheme == "s3":
        return _s3(url, parts, settings, environment)
    if parts.scheme == "file":
        return _directory(url, parts, settings)
    if parts.scheme == "memory":  # for tests: nobody reads it afterwards
        from obstore.store import MemoryStore

        store = MemoryStore()
        return Destination(url, lambda _: store)
    raise UsageError("not a place for copies", where=url or "--to", fix=f"write {_FORMS}")


def _directory(url: str, parts: SplitResult, settings: UploadSettings) -> Destination:
    from obstore.store import LocalStore

    folder = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not folder.is_absolute():
        raise UsageError("not a directory of this machine", where=url, fix="write three slashes: file:///directory")
    if not folder.is_dir():
        raise ConfigError("no such directory", where=url, fix="make it, or mount what should be there")
    store = LocalStore(folder)
    return Destination(url, lambda _: store, keeps_metadata=False, conditional=settings.conditional)


def _s3(url: str, parts: SplitResult, settings: UploadSettings, environment: Mapping[str, str]) -> Destination:
    if not _BUCKET.fullmatch(parts.netloc):
        raise UsageError(f"not a bucket: {parts.netloc!r}", where=url, fix="write s3://bucket/prefix")
    key, secrets = _credentials(settings, environment)
    config: dict[str, Any] = {}
    endpoint = settings.endpoint or _first(environment, _ENDPOINTS)
    config["region"] = settings.region or _first(environment, _REGIONS) or "us-east-1"
    if endpoint:
        _judge_endpoint(endpoint, settings)
        config |= {"endpoint": endpoint, "aws_endpoint_url_s3": endpoint}
    return Destination(
        url,
        _maker(parts, config, key, settings),
        timeout_s=settings.timeout / SECOND,
        conditional=settings.conditional,
        secrets=secrets,
    )


def _maker(parts: SplitResult, config: dict[str, Any], key: dict[str, str], settings: UploadSettings) -> Make:
    from obstore.store import S3Store

    client: dict[str, Any] = {"allow_http": settings.allow_http, "connect_timeout": timedelta(seconds=10)}
    if settings.ca_file is not None:
        try:
            client["root_certificate"] = Path(settings.ca_file).expanduser().read_bytes()
        except OSError as error:
            fix = "name a file of certificates in PEM"
            raise ConfigError(str(error.strerror), where=f"upload.ca_file {settings.ca_file}", fix=fix) from error
    retry: dict[str, Any] = {"max_retries": 10, "retry_timeout": timedelta(microseconds=settings.retry // 1000)}
    if not settings.retry:
        retry["max_retries"] = 0
    prefix = unquote(parts.path).strip("/") or None

    told: Any = {
        "access_key_id": key.get("access_key_id"),
        "secret_access_key": key.get("secret_access_key"),
        "token": key.get("session_token"),
        "expires_at": None,
    }
    given: Any = {"credential_provider": lambda: told} if key else {}  # else those of a role, which obstore asks for

    def make(timeout_s: float) -> S3Store:
        options: Any = client | {"timeout": timedelta(seconds=timeout_s)}
        how: Any = {"config": config, "client_options": options, "retry_config": retry, **given}
        return S3Store(parts.netloc, prefix=prefix, **how)

    return make


def _credentials(settings: UploadSettings, environment: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The key, empty for that of a role, and every text that no message may hold."""
    own: dict[str, SecretStr | None] = {name: getattr(settings, name) for name in _KEYS}
    told = {name: one.get_secret_value() for name, one in own.items() if one is not None and one.get_secret_value()}
    around = {name: environment[variable] for name, variable in _KEYS.items() if environment.get(variable)}
    given = told or around  # never half of each
    if ("access_key_id" in given) != ("secret_access_key" in given):
        missing = "secret_access_key" if "access_key_id" in given else "access_key_id"
        raise ConfigError(f"{missing} is missing", where="upload", fix=f"set upload.{missing} or {_KEYS[missing]}")
    if "access_key_id" not in given and not settings.instance_role and not _first(environment, _ROLES):
        fix = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or upload.instance_role on a cloud machine"
        raise ConfigError("no key for the store", where="upload.access_key_id", fix=fix)
    return dict(given), tuple({*told.values(), *around.values()})


def _judge_endpoint(endpoint: str, settings: UploadSettings) -> None:
    """Raises `ConfigError` for what is no endpoint, and for http but to this machine and where it is allowed."""
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ConfigError("not an endpoint", where="upload.endpoint", fix="write https://host:port")
    if parts.scheme == "https":
        return
    if not _loopback(parts.hostname):
        fix = "write https://; upload.ca_file names an authority of your own"
        raise ConfigError("plain http to another machine", where=f"upload.endpoint {endpoint}", fix=fix)
    if not settings.allow_http:
        raise ConfigError("plain http", where=f"upload.endpoint {endpoint}", fix="set upload.allow_http: true")


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _shown(parts: SplitResult) -> str:
    """A URL without what may be a secret."""
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
