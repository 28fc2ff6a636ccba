"""Bugs that the kit does not see, so that nobody believes that it sees all."""

from typing import Any

from conformance.bad.bug import Bug
from conformance.bitfoo import BitFooFeed, make
from msgspec.structs import replace

from cryptopipe import api


class Remembering(BitFooFeed):
    """A set of trade ids on each connection, for ever: what the kit decodes again has the same ids."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        events = super().decode(frame, received_at)
        self.ids |= {e.trade_id for e in events if isinstance(e, api.Trade)}
        return events


class Tiring(BitFooFeed):
    """Right for a thousand frames of a connection; no corpus is so long."""

    count = 0

    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        self.count += 1
        return super().decode(frame, received_at) if self.count < 1_000 else ()


class Rare(BitFooFeed):
    """Wrong for a price that no frame of the corpus has."""

    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        for e in super().decode(frame, received_at):
            yield replace(e, price="0.0000007") if isinstance(e, api.Trade) and e.price == "0.00000074" else e


class FromOutside(BitFooFeed):
    """Wrong where the receipt is of another year: every frame of the kit has one stamp."""

    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        return super().decode(frame, received_at) if received_at < 1_800_000_000_000_000_000 else ()


BUGS: tuple[Bug, ...] = (
    Bug("ids kept for each connection", "3 mutations", "cryptofeed#426: memory grows", make(Remembering)),
    Bug("tires after a thousand frames", "2 determinism", "a counter that overflows", make(Tiring)),
    Bug("wrong for one price", "5 on tick", "a case that no frame shows", make(Rare)),
    Bug("depends on the receipt's stamp", "2 determinism", "a date rule that begins next year", make(FromOutside)),
)
