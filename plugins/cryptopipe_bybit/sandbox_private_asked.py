"""What a client asks, and who it is: parameters, signature, permissions.

Enters: a request with its headers. Leaves: the key that signed it, its parameters as text. Never: a secret in an
answer, or a parameter that reached a handler unsigned.

bybit-exchange.github.io/docs/v5/guide and docs/v5/error (state of 2026-07-24, read 2026-11-21): the string that is
signed is timestamp + key + recv_window + (query or body), "server_time - recv_window <= timestamp < server_time +
1000". The wording of 10002 is recorded (fixtures), that of 10004 quoted in github.com/sieblyio/bybit-api/issues/537.
Not confirmed: in which order the venue judges; here the headers, the key, the time, the signature.
"""

import hashlib
import hmac
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from cryptopipe.api import HttpRequest, Nanos, Permission, SimulatedDesk, SimulatedKey
from cryptopipe_bybit.market import MILLISECOND
from cryptopipe_bybit.sandbox_private_errors import Refused

DEFAULT_WINDOW = "5000"
AHEAD = 1000
"""Milliseconds by which a timestamp may lead."""


class Unsigned(Exception):
    """The headers of a signature are missing: "401: Need to put authentication params in the request header"."""


class Asked:
    """The parameters of one request, by name; what is absent, null or empty is an empty text."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """As written. Raises `Refused` for what is neither text nor whole number."""
        value = self._fields.get(name)
        if value is None or isinstance(value, str):
            return value or ""
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int):
            return str(value)
        raise Refused(10001, f"params error: {name} invalid")

    def lacks(self, name: str) -> bool:
        """Whether it is absent or no text."""
        return not isinstance(self._fields.get(name), str)

    def needed(self, name: str, code: int = 10001) -> str:
        """Raises `Refused` if it is absent."""
        text = self.text(name)
        if not text:
            raise Refused(code, f"params error: {name} is required" if code == 10001 else "Parameter error")
        return text

    def amount(self, name: str, code: int = 10001) -> Decimal:
        """A number above zero. Raises `Refused`."""
        try:
            found = Decimal(self.needed(name, code))
        except InvalidOperation:
            found = Decimal(0)
        if not found.is_finite() or found <= 0:
            raise Refused(code, f"params error: {name} invalid" if code == 10001 else "Parameter error")
        return found

    def whole(self, name: str, default: int) -> int:
        """Raises `Refused` for what is no whole number at or above zero."""
        text = self.text(name)
        if text and not (text.isdecimal() and len(text) < 19):
            raise Refused(10001, f"params error: {name} invalid")
        return int(text) if text else default

    def limit(self, default: int, most: int) -> int:
        """The size of a page."""
        found = self.whole("limit", default)
        if not 1 <= found <= most:
            raise Refused(10001, "params error: limit invalid")
        return found


class Caller(msgspec.Struct, frozen=True):
    """Whose signed request it is."""

    key: SimulatedKey

    def must(self, permission: Permission) -> None:
        """Raises `Refused` if the key may not."""
        if permission not in self.key.permissions:
            raise Refused(10005, "Permission denied, please check your API key permissions.")


def caller_of(desk: SimulatedDesk, request: HttpRequest, query: str, at: Nanos) -> Caller:
    """Raises `Unsigned`, `Refused`."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    key, stamp, signature = (headers.get(f"x-bapi-{name}", "") for name in ("api-key", "timestamp", "sign"))
    if not (key and stamp and signature):
        raise Unsigned
    window = headers.get("x-bapi-recv-window", "") or DEFAULT_WINDOW
    found = known_key(desk, key, at)
    in_time(stamp, window, at)
    signed = query if request.method == "GET" else (request.body or b"").decode("utf-8", "replace")
    if not is_signed(found, f"{stamp}{key}{window}{signed}", signature):
        text = (
            f"Error sign, please check your signature generation algorithm. origin_string[{stamp}***{window}{signed}]"
        )
        raise Refused(10004, text)
    return Caller(found)


def known_key(desk: SimulatedDesk, key: str, at: Nanos) -> SimulatedKey:
    """Raises `Refused` for a key that is none, or is over."""
    found = desk.key(key)
    if found is None:
        raise Refused(10003, "API key is invalid.")
    if found.expires_at and found.expires_at <= at:
        raise Refused(33004, "Your api key has expired.")
    return found


def in_time(stamp: str, window: str, at: Nanos) -> None:
    """Raises `Refused` for a request outside of its window."""
    now = at // MILLISECOND
    if not (stamp.isdecimal() and window.isdecimal() and now - int(window) <= int(stamp) < now + AHEAD):
        raise Refused(
            10002,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{stamp}],server_timestamp[{now}],recv_window[{window}]",
        )


def is_signed(key: SimulatedKey, text: str, signature: str) -> bool:
    """Whether this is the HMAC-SHA256 of the text by the key's secret, in hex."""
    expected = hmac.new(key.credentials.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.lower().encode())


def asked_of(request: HttpRequest, query: str) -> Asked:
    """The query of a GET, the JSON object of a POST. Raises `Refused` for a body that is none."""
    if request.method == "GET":
        return Asked(dict(parse_qsl(query)))
    try:
        return Asked(msgspec.json.decode(request.body or b"{}", type=dict[str, Any]))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Refused(10001, "params error: the request body is no JSON object") from None
