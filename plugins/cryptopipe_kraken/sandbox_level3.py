"""Who may have the simulated level3 channel, and how much of it.

Enters: subscriptions to level3, with their token. Leaves: acknowledgements, refusals, snapshots. Never: an order to
somebody without a token.

docs.kraken.com/exchange/api-reference/spot-websocket-v2/level3 (2026-11-21): at most 200 symbols a connection; a
subscription to 10, 100 or 1000 levels counts 5, 25 or 100, of which a standard client has 200 a second. Texts as others
quote them: "Token(s) not found" (of another method), "ESession:Invalid session", "Rate limit for snapshot requests
exceeded"; that of too many symbols is ours. The real channel has a host of its own; a simulated venue has one.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from cryptopipe.api import SANDBOX_TOKEN, Nanos
from cryptopipe_kraken.sandbox_orders import OrderDesk
from cryptopipe_kraken.sandbox_text import SECOND
from cryptopipe_kraken.sandbox_wire import Wire

COSTS = {10: 5, 100: 25, 1000: 100}
A_SECOND = 200
SYMBOLS = 200


class Replies(Protocol):
    """Writes the answers to one request."""

    method: str

    def done(self, result: dict[str, Any]) -> str: ...
    def refusal(self, error: str, symbol: str = "") -> str: ...
    def malformed(self) -> str: ...


class Level3:
    """The channel for all connections of one client, as everybody here is: the counter is the client's."""

    def __init__(self, desks: Mapping[str, OrderDesk], admits: Callable[[str, Nanos], bool] | None = None) -> None:
        """`admits` judges a token; without it there is one."""
        self._desks = desks
        self._admits = admits or (lambda token, at: token == SANDBOX_TOKEN)
        self._second, self._counted = 0, 0

    def answer(self, reply: Replies, params: dict[str, Any], wire: Wire, at: Nanos) -> Iterator[str]:
        """One answer a symbol, each before its snapshot."""
        token, depth, symbols = params.get("token"), params.get("depth", 10), params.get("symbol")
        if not isinstance(token, str) or not self._admits(token, at):
            yield reply.refusal("ESession:Invalid session" if token else "Token(s) not found")
        elif not isinstance(depth, int) or depth not in COSTS:
            yield reply.refusal("Subscription depth not supported")
        elif not isinstance(symbols, list) or not all(isinstance(one, str) for one in symbols):
            yield reply.malformed()
        else:
            for symbol in symbols:
                yield from self._one(reply, params, symbol, wire, at)

    def _one(self, reply: Replies, params: dict[str, Any], symbol: str, wire: Wire, at: Nanos) -> Iterator[str]:
        key, desk, depth = ("level3", symbol), self._desks.get(symbol), params.get("depth", 10)
        echo = {"channel": "level3", **({"depth": depth} if "depth" in params else {})}
        if desk is None:
            yield reply.refusal(f"Currency pair not supported {symbol}", symbol)
        elif reply.method == "unsubscribe":
            left = wire.leave(key)
            yield reply.done({**echo, "symbol": symbol}) if left else reply.refusal("Subscription Not Found", symbol)
        elif key in wire.channels:
            yield reply.refusal("Already subscribed", symbol)
        elif sum(channel == "level3" for channel, _ in wire.channels) >= SYMBOLS:
            yield reply.refusal("Too many symbols", symbol)
        elif not self._allowed(depth, at):
            yield reply.refusal("Rate limit for snapshot requests exceeded", symbol)
        else:
            snapshot = params.get("snapshot", True) is not False
            yield reply.done({**echo, "snapshot": snapshot, "symbol": symbol})
            yield from wire.follow(key, desk, desk.stream(depth), at, snapshot)

    def _allowed(self, depth: int, at: Nanos) -> bool:
        if at // SECOND != self._second:
            self._second, self._counted = at // SECOND, 0
        if self._counted + COSTS[depth] > A_SECOND:
            return False
        self._counted += COSTS[depth]
        return True
