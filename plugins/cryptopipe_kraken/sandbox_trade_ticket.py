"""An order as AddOrder's fields say it, judged as the venue judges it before its engine sees it.

Enters: texts of a request, the instruments. Leaves: the desk's order with what only the venue's own words tell of it.
Never: a rounded price or volume: what is too fine is refused.

docs.kraken.com/api-reference/trading/add-order (2026-11-21; in a copy of 2026-05-27). Of the order types `limit` and
`market` are simulated, of the times in force GTC and IOC, and FOK, which clients send though the page has it not; all
others are refused as invalid arguments. `fcib` is repeated and not followed: fees are charged in the quote currency
("Currently, the fees are expressed in the quote currency only", spot-websocket-v2/executions).
"""

import re
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from cryptopipe.api import Nanos, NewOrder, SelfTrade, Side, TimeInForce, parse_instant
from cryptopipe_kraken.sandbox_accounts_door import Arguments
from cryptopipe_kraken.sandbox_accounts_names import decimals, padded
from cryptopipe_kraken.sandbox_accounts_words import DEADLINE, NO_MARGIN, UNKNOWN_PAIR, Refused, invalid
from cryptopipe_kraken.sandbox_assets import cost_places, places, short_name, spellings
from cryptopipe_kraken.sandbox_desk import Desk
from cryptopipe_kraken.sandbox_text import SECOND

_NUMBER = re.compile(r"\d{1,20}(\.\d{0,20})?")
_CLIENT_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}|[!-~]{1,18}")
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_TIMES = {"": TimeInForce.GTC, "GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_FLAGS = frozenset({"post", "fcib", "fciq", "nompp", "viqc"})
_GIVES_WAY = {
    "": SelfTrade.EXPIRE_TAKER,
    "cancel-newest": SelfTrade.EXPIRE_TAKER,
    "cancel-oldest": SelfTrade.EXPIRE_MAKER,
    "cancel-both": SelfTrade.EXPIRE_BOTH,
}
_LATEST: Nanos = 60 * SECOND


class Marks(msgspec.Struct, frozen=True):
    """What the venue keeps of an order beside what the desk knows."""

    userref: int | None = None
    oflags: str = "fciq"
    time_in_force: str = "GTC"


class Ticket(msgspec.Struct, frozen=True):
    """A judged order."""

    desk: Desk
    order: NewOrder
    marks: Marks


class Pairs:
    """The traded pairs by every spelling."""

    def __init__(self, desks: Mapping[str, Desk]) -> None:
        self._desks = {name: desk for desk in desks.values() for name in spellings(desk.instrument)}

    def find(self, name: str) -> Desk:
        """Raises `Refused`."""
        desk = self._desks.get(name) or self._desks.get(name.upper())
        if desk is None:
            raise Refused(UNKNOWN_PAIR)
        return desk


def ticket(arguments: Arguments, pairs: Pairs, at: Nanos) -> Ticket:
    """Raises `Refused`."""
    side, kind = _SIDES.get(arguments.get("type", "")), arguments.get("ordertype", "")
    if side is None:
        raise invalid("type")
    if kind not in ("limit", "market"):
        raise invalid("ordertype")
    if not arguments.get("pair"):
        raise invalid("pair")
    desk = pairs.find(arguments["pair"])
    _deadline(arguments, at)
    _margin(arguments)
    flags = [flag for flag in arguments.get("oflags", "").split(",") if flag]
    time, force = arguments.get("timeinforce", ""), _TIMES.get(arguments.get("timeinforce", ""))
    if not _FLAGS.issuperset(flags) or ("post" in flags and kind != "limit"):
        raise invalid("oflags")
    if force is None or arguments.get("expiretm", "0") != "0" or arguments.get("starttm", "0") != "0":
        raise invalid("timeinforce" if force is None else "expiretm")
    if "post" in flags:
        force = TimeInForce.POST_ONLY
    size, spend = _volume(arguments, desk, kind, side, "viqc" in flags)
    order = NewOrder(
        desk.instrument,
        side,
        size,
        _price(arguments, desk) if kind == "limit" else None,
        spend,
        force,
        _client_id(arguments),
        self_trade=_gives_way(arguments),
    )
    marks = Marks(_userref(arguments), ",".join(_kept(flags)), time or "GTC")
    return Ticket(desk, order, marks)


def described(order: NewOrder) -> str:
    """`buy 0.10000000 XBTUSD @ limit 62000.0`."""
    volume = padded(order.size if order.size is not None else order.spend or Decimal(0), _lot_places(order))
    how = "market" if order.price is None else f"limit {limit_price(order)}"
    return f"{order.side.value} {volume} {short_name(order.instrument)} @ {how}"


def limit_price(order: NewOrder) -> str:
    """In the pair's digits; `0` of an order at market."""
    rules = order.instrument.rules
    return "0" if order.price is None or rules is None else padded(order.price, places(rules.tick))


def _lot_places(order: NewOrder) -> int:
    return 8 if order.instrument.rules is None else places(order.instrument.rules.step)


def _kept(flags: list[str]) -> list[str]:
    fee = [flag for flag in flags if flag in ("fciq", "fcib")] or ["fciq"]
    return [*fee[:1], *(flag for flag in flags if flag in ("post", "viqc"))]


def _number(arguments: Arguments, name: str) -> Decimal:
    text = arguments.get(name, "")
    if not _NUMBER.fullmatch(text):
        raise invalid(name)
    return Decimal(text)


def _price(arguments: Arguments, desk: Desk) -> Decimal:
    """Relative prices (`+5`, `#1%`) are not simulated."""
    price, most = _number(arguments, "price"), places(desk.rules.tick)
    if price <= 0:
        raise invalid("price")
    if decimals(price) > most:
        pair = desk.instrument.symbol
        raise Refused(f"EOrder:Invalid price:{pair} price can only be specified up to {most} decimals.")
    return price


def _volume(
    arguments: Arguments, desk: Desk, kind: str, side: Side, in_quote: bool
) -> tuple[Decimal | None, Decimal | None]:
    """Base, or what is spent."""
    if in_quote and (kind != "market" or side is not Side.BUY):
        raise invalid("viqc")
    volume = _number(arguments, "volume")
    if volume <= 0 or decimals(volume) > (cost_places(desk.instrument) if in_quote else places(desk.rules.step)):
        raise invalid("volume")
    return (None, volume) if in_quote else (volume, None)


def _client_id(arguments: Arguments) -> str:
    """A UUID, 32 hexadecimal digits, or up to 18 printable ASCII characters; excludes a userref."""
    name = arguments.get("cl_ord_id", "")
    if name and (arguments.get("userref") or not _CLIENT_ID.fullmatch(name)):
        raise invalid("cl_ord_id")
    return name


def _userref(arguments: Arguments) -> int | None:
    text = arguments.get("userref", "")
    if not text:
        return None
    if not re.fullmatch(r"-?\d{1,10}", text) or not -(1 << 31) <= int(text) < 1 << 31:
        raise invalid("userref")
    return int(text)


def _gives_way(arguments: Arguments) -> SelfTrade:
    found = _GIVES_WAY.get(arguments.get("stptype", "") or arguments.get("stp_type", "").replace("_", "-"))
    if found is None:
        raise invalid("stptype")
    return found


def _margin(arguments: Arguments) -> None:
    if arguments.get("leverage", "none") not in ("none", "", "0"):
        raise Refused(NO_MARGIN)
    if arguments.get("reduce_only", "false").lower() not in ("false", ""):
        raise Refused("EOrder:Reduce only:No position exists")


def _deadline(arguments: Arguments, at: Nanos) -> None:
    """Within 60 seconds; in the past it has elapsed."""
    text = arguments.get("deadline", "")
    if not text:
        return
    try:
        until = parse_instant(text)
    except ValueError:
        raise invalid("deadline") from None
    if until <= at:
        raise Refused(DEADLINE)
    if until > at + _LATEST:
        raise invalid("deadline")
