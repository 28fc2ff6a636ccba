"""What a client of the simulated Coinbase Exchange's websocket asks for.

Enters: its text. Leaves: channels with their products or accounts, or the venue's error. Never: half of a message: one
that has a mistake anywhere is refused as a whole.

docs.cdp.coinbase.com/exchange/websocket-feed, pages overview and channels (2026-11-21): a channel by its name, with the
message's `product_ids` or `account_ids`, or as an object with its own.
"""

from collections.abc import Sequence

import msgspec

from cryptopipe.api import Say
from cryptopipe_coinbase.sandbox_keys import Signed

Wanted = Sequence[tuple[str, Sequence[str]]]
"""Channels, each with the ids that it is wanted for."""


class _Channel(msgspec.Struct):
    name: str
    product_ids: list[str] | None = None
    account_ids: list[str] | None = None


class Asked(Signed):
    """One message."""

    type: str = ""
    channels: list[str | _Channel] = msgspec.field(default_factory=list)
    product_ids: list[str] = msgspec.field(default_factory=list)
    account_ids: list[str] = msgspec.field(default_factory=list)


_decode = msgspec.json.Decoder(Asked).decode


def error(message: str, reason: str = "") -> Say:
    """As the venue tells errors."""
    told = {"type": "error", "message": message} | ({"reason": reason} if reason else {})
    return Say(msgspec.json.encode(told).decode())


def asked_for(message: str) -> Asked | Say:
    """What is asked for, or the error that answers it."""
    try:
        asked = _decode(message)
    except msgspec.MsgspecError:
        return error("Malformed JSON")  # wording not documented
    if asked.type not in ("subscribe", "unsubscribe"):
        return error("Type has to be either subscribe or unsubscribe")  # wording not documented
    return asked


def wanted_of(asked: Asked) -> Wanted:
    """Its channels."""
    return [_wanted(one, asked) for one in asked.channels]


def _wanted(one: str | _Channel, asked: Asked) -> tuple[str, Sequence[str]]:
    name = one if isinstance(one, str) else one.name
    if name == "balance":
        own = None if isinstance(one, str) else one.account_ids
        return name, asked.account_ids if own is None else own
    own = None if isinstance(one, str) else one.product_ids
    return name, asked.product_ids if own is None else own
