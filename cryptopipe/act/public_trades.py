"""Public trades, each once, though two connections may tell of it, or one tells it again after it was opened anew.

Enters: trades as venues tell them. Leaves: whether one is new. Never: a trade that counts twice; of a venue that gives
no ids two trades of one moment, price, size and side count once: too few are better than too many.
"""

from cryptopipe.model.events import Trade

REMEMBERED = 4_096
"""Of one instrument: more than venues repeat when a connection opens, and than two connections are apart."""


class PublicTrades:
    """The latest trades of each instrument."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[object, None]] = {}

    def new(self, instrument_id: str, trade: Trade) -> bool:
        """Whether it is told for the first time."""
        key: object = trade.trade_id or (trade.event_time, trade.price, trade.size, trade.side)
        seen = self._seen.setdefault(instrument_id, {})
        if key in seen:
            return False
        seen[key] = None
        if len(seen) > REMEMBERED:
            del seen[next(iter(seen))]
        return True
