"""One seeded bug: what it is drawn from, the plugin that has it, the check that must reject it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance import bitbar, bitfoo

from cryptopipe.api import BookDelta, BookSnapshot, ExchangePlugin, Heartbeat, Notice, TopUpdate, Trade, Unknown
from cryptopipe.testing import ExchangeConformance, ListingSample, spot

HERE = Path(__file__).parent
BITFOO = {
    "instruments": (spot("bitfoo", "BTC/USDT", symbol="btcusdt", tick="0.01", step="0.0001"),),
    "corpus": HERE.parent / "frames",
    "stream": ("snapshot", "delta", "delta_2", "delta_3", "delta_4"),
}
LISTING = ListingSample(
    f"{bitbar.HOST}/listing",
    b'{"markets":[{"symbol":"BTCUSDT","base":"BTC","quote":"USDT","tick":"0.01","step":"0.00000074"},'
    b'{"symbol":"OLDUSDT","base":"NEIRO","quote":"USDT","tick":"0.1","step":"1","state":"cancel_only"}],'
    b'"coins":[{"code":"USDT","chains":[{"chain":"TRX","fee":"1.000000000000000001","out":true},{"chain":"ETH"}]}]}',
    "made up, 2026-11-21",
    {
        "BTCUSDT": {"tick": bitbar.Decimal("0.01"), "step": bitbar.Decimal("0.00000074"), "base": "BTC"},
        "OLDUSDT": {"state": bitbar.api.TradingState.CANCEL_ONLY, "base": "NEIRO@bitbar"},
    },
    {
        "USDT": [
            {"code": "TRX", "withdrawal_fee": bitbar.Decimal("1.000000000000000001"), "withdrawals": True},
            {"code": "ETH", "withdrawal_fee": None, "withdrawals": None},
        ]
    },
)
BITBAR = {
    "corpus": HERE / "frames",
    "covers": (BookSnapshot, BookDelta, TopUpdate, Trade, Heartbeat, Notice, Unknown),
    "stream": ("depth_old", "depth_join", "snapshot", "depth_13", "depth_14", "depth_17"),
    "more_streams": (("checked_snapshot", "checked_1", "checked_2", "checked_3", "checked_4"),),
    "order_stream": ("orders_snapshot", "orders_1", "orders_2", "orders_3", "orders_4"),
    "listings": (LISTING,),
    "token_answer": bitbar.api.HttpResponse(200, b'{"token":"a-token-of-the-page"}'),
}


@dataclass(frozen=True)
class Bug:
    """`drawn_from` names a thread, or says what kind of mistake it is; `check` is the start of its number and name."""

    name: str
    check: str
    drawn_from: str
    plugin: ExchangePlugin
    also: Mapping[str, Any] = field(default_factory=dict)

    def kit(self) -> ExchangeConformance:
        """The kit over this plugin."""
        return kit_of(self.plugin, self.also)


def kit_of(plugin: ExchangePlugin, also: Mapping[str, Any] | None = None) -> ExchangeConformance:
    """The kit over a plugin of one of the two samples' venues."""
    body = BITBAR if plugin.venue == bitbar.VENUE else BITFOO
    made: ExchangeConformance = type("Kit", (ExchangeConformance,), {"plugin": plugin, **body, **(also or {})})()
    return made


def foo(name: str, check: str, drawn_from: str, base: type = bitfoo.BitFooFeed, **other: Any) -> Bug:
    """A bug of bitfoo's feed."""
    return Bug(name, check, drawn_from, bitfoo.make(type("Bad", (base,), other)))


def bar(name: str, check: str, drawn_from: str, base: type = bitbar.BitBarFeed, **other: Any) -> Bug:
    """A bug of bitbar's feed."""
    return Bug(name, check, drawn_from, bitbar.make(type("Bad", (base,), other)))


def dialect(name: str, check: str, drawn_from: str, which: str, base: type, **other: Any) -> Bug:
    """A bug of one of bitbar's other streams."""
    return Bug(name, check, drawn_from, bitbar.with_dialect(which, type("Bad", (base,), other)))
