"""Sample venues with their private sides on a virtual clock, and customers who sign requests to them.

Enters: venues, a seed, faults, times. Leaves: what was answered and told, when, by whom; a digest of all of it. Never:
a real venue's form, a socket, a clock.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from simulation.arena import START, plain
from simulation.bitfoo_trading import sign_in, signed, trading

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.model.desk import DeskOrder
from cryptopipe.model.facts import VenueId
from cryptopipe.model.simulated import SANDBOX_CREDENTIALS
from cryptopipe.model.stream import Credentials
from cryptopipe.sandbox.chain_parameters import Delay
from cryptopipe.sandbox.desk import Desk
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House, Reset
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

FOO = VenueId("foo")
BAR = VenueId("bar")
VENUES = (FOO, BAR)
STEP: Nanos = 10 * MILLISECOND
SYMBOL = "btcusdt"


@dataclass(frozen=True)
class Answer:
    """Of one request: when it came, its status and document."""

    at: Nanos
    status: int
    document: Any


class Street:
    """Venues `foo` and `bar`. Time is what the last call said; it moves the market and the venues."""

    def __init__(self, seed: int, faults: Collection[Fault] = (), ack_spread: float = 0.4, step: Nanos = STEP) -> None:
        plugins = {venue: trading(venue) for venue in VENUES}
        self.world = World(plugins, _parameters(ack_spread), seed, START)
        self.now = self.start = START
        self._step_ns, self._stepped_at = step, START
        self.houses = {
            venue: House(plugin, self.world.books[venue], faults, seed, START, self.world.desks[venue])
            for venue, plugin in plugins.items()
        }
        self.told: dict[tuple[VenueId, int], list[tuple[Nanos, Any]]] = {}
        self.broken: list[tuple[Nanos, VenueId, int]] = []
        self._digest = hashlib.sha256()

    def desk(self, venue: VenueId) -> Desk:
        """The venue's."""
        return self.world.desks[venue]

    def digest(self) -> str:
        """Of all that was answered and told so far."""
        return self._digest.hexdigest()

    def wait(self, until: Nanos, slices: int = 1) -> None:
        """Steps of everything up to a time since the start; the market is advanced so often for each of them."""
        until += START
        while self._stepped_at + self._step_ns <= until:
            for part in range(1, slices):
                self.world.advance(max(self.world.now, self._stepped_at + part * self._step_ns // slices))
            self._stepped_at += self._step_ns
            self._steps(self._stepped_at)
        self.now = max(self.now, until)

    def _steps(self, at: Nanos) -> None:
        self.now = at
        self.world.advance(at)
        for venue, house in self.houses.items():
            for delivery in house.step(at):
                what = delivery.what
                if isinstance(what, Reset):
                    self.broken.append((at - START, venue, delivery.conn))
                    self._note("broken", venue, delivery.conn)
                elif isinstance(what, str):
                    self.told[venue, delivery.conn].append((at - START, _read(what)))
                    self._note(venue, delivery.conn, what)

    def ask(
        self, venue: VenueId, name: str, key: Credentials = SANDBOX_CREDENTIALS, **asked: str
    ) -> Answer | None:  # fmt: skip
        """One signed request now, such as `POST order`; None: silence. `at` of the answer is since the start."""
        method, _, path = name.partition(" ")
        query = "" if method == "POST" else "&".join(f"{one}={value}" for one, value in asked.items())
        body = asked if method == "POST" else None
        request = signed(key, method, f"/v2/my/{path}" + f"?{query}" * bool(query), body, self.now)
        reply = self.houses[venue].answer(request, self.now)
        if reply is None:
            self._note(venue, name, "silence")
            return None
        text, at = reply.response.body, self.now - START + reply.after
        self._note(venue, name, at, reply.response.status, text)
        return Answer(at, reply.response.status, json.loads(text))

    def place(
        self, venue: VenueId, client_id: str, side: str = "buy", size: str = "0.01", price: str = "", tif: str = "gtc",
        key: Credentials = SANDBOX_CREDENTIALS,
    ) -> Answer | None:  # fmt: skip
        """An order, at the market where `price` is empty."""
        asked = {"s": SYMBOL, "id": client_id, "side": side, "size": size, "price": price, "tif": tif}
        return self.ask(venue, "POST order", key, **asked)

    def listen(self, venue: VenueId, key: Credentials = SANDBOX_CREDENTIALS) -> int:
        """A connection that is signed in now; 0 where the venue lets none in."""
        conn = self.houses[venue].dial("/v2/my", self.now)
        if not isinstance(conn, int):
            self._note("no connection", venue, conn)
            return 0
        self.told[venue, conn] = []
        self.houses[venue].receive(conn, sign_in(key, self.now), self.now)
        return conn

    def say(self, venue: VenueId, conn: int, **asked: str) -> None:
        """A text on a connection."""
        self.houses[venue].receive(conn, json.dumps(asked), self.now)

    def heard(self, venue: VenueId, conn: int, kind: str) -> list[dict[str, Any]]:
        """The texts of a kind that a connection was told."""
        return [text for _, text in self.told[venue, conn] if text["type"] == kind]

    def orders(self, venue: VenueId) -> Sequence[DeskOrder]:
        """As the desk has them."""
        return self.desk(venue).accounts[1].orders()

    def _note(self, *what: object) -> None:
        self._digest.update(repr(what).encode())


def _read(text: str) -> Any:
    """Of a frame, which a fault may have damaged."""
    try:
        return json.loads(text)
    except ValueError:
        return {"type": "damaged"}


@cache
def _parameters(ack_spread: float) -> Parameters:
    calm = plain(Parameters.load(), 0.3)
    desks = {name: msgspec.structs.replace(one, ack_spread=ack_spread) for name, one in calm.accounts.items()}
    quick, law = Delay(2, 0), calm.processing["default"]
    processing = msgspec.structs.replace(
        law, review=quick, credit=Delay(1, 0), manual=0, refill=0, wallets="two", address_book="free"
    )
    return msgspec.structs.replace(calm, accounts=desks, processing={"default": processing})


__all__ = ["BAR", "FOO", "MILLISECOND", "SECOND", "START", "VENUES", "Answer", "Street"]
