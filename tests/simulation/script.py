"""Customers of the sample venues who do as a seed says: orders, cancellations, withdrawals, moves, questions.

Enters: a seed, faults, how time is sliced. Leaves: a digest of every answer and of every line that was told; what the
desks hold in the end. Never: a wall clock, an order of anything that a hash decides.
"""

import sys
from collections.abc import Sequence
from random import Random

from simulation.street import BAR, FOO, MILLISECOND, SECOND, Street

from cryptopipe.clock import Nanos
from cryptopipe.model.facts import VenueId
from cryptopipe.sandbox.fault_kinds import ACTION_KINDS, MARKET_KINDS, Scope
from cryptopipe.sandbox.faults import Fault

LASTS = 6 * SECOND
STEPS_AT_MOST: Nanos = 20 * MILLISECOND


def everything(kinds: Sequence[str] = (*ACTION_KINDS, *MARKET_KINDS)) -> list[Fault]:
    """Each kind for a while, one after the other and overlapping, at half of what it could hit."""
    faults = []
    for n, name in enumerate(kinds):
        scope = (ACTION_KINDS | MARKET_KINDS)[name].scope
        values = {"delay": 300 * MILLISECOND} if "delay" in (ACTION_KINDS | MARKET_KINDS)[name].keys else {}
        values |= {"size": 2_000} if name == "huge_frame" else {}
        chance = 1.0 if scope is Scope.VENUE else 0.4
        at, lasts = (n * 211 % 5_000) * MILLISECOND, 700 * MILLISECOND
        faults.append(Fault(name, at, lasts, ("foo", "bar", "")[n % 3], chance, values))
    return faults


def act(seed: int, faults: Sequence[Fault], step: Nanos = STEPS_AT_MOST, slices: int = 1) -> Street:
    """A run of eight seconds, six of them busy. `slices`: how often the market is advanced between two steps."""
    street, random = Street(seed, faults, step=step), Random(seed)
    conns: dict[VenueId, int] = {}
    now = 0
    while now < LASTS:
        now += random.randrange(20, 120) * MILLISECOND // STEPS_AT_MOST * STEPS_AT_MOST
        street.wait(now, slices)
        venue = random.choice((FOO, BAR))
        if venue not in conns or conns[venue] not in street.houses[venue].connections:
            conns[venue] = street.listen(venue)
        else:
            _one(street, venue, conns[venue], random, now)
    street.wait(LASTS + 2 * SECOND, slices)
    return street


def _one(street: Street, venue: VenueId, conn: int, random: Random, now: Nanos) -> None:
    name, side = f"c{now}", random.choice(("buy", "sell"))
    price = random.choice(("", "50000", "61000", "63000", "75000"))
    known = [order.order.client_id for order in street.orders(venue)]
    match random.randrange(8):
        case 0 | 1 | 2:
            street.place(venue, name, side, f"0.0{random.randint(1, 9)}", price, random.choice(("gtc", "ioc", "fok")))
        case 3:
            street.say(venue, conn, op="POST order", s="btcusdt", id=name, side=side, size="0.02", price=price)
        case 4 if known:
            street.ask(venue, "DELETE order", id=random.choice(known))
        case 5:
            other = BAR if venue == FOO else FOO
            where = street.ask(other, "GET address", asset="BTC", network="quick")
            if where is not None and where.status == 200:
                withdrawn = {"asset": "BTC", "network": "quick", "to": where.document, "amount": "0.01", "id": name}
                street.ask(venue, "POST withdraw", **withdrawn)
        case 6:
            moved = {"asset": "USDT", "amount": "5", "from": "trading", "to": "funding", "id": name}
            street.ask(venue, "POST move", **moved)
        case _:
            street.ask(venue, "GET balances")


def desks(street: Street) -> str:
    """All that the desks know in the end."""
    found = [
        (venue, number, account.events(0), account.orders(), account.fills(), account.balances(), account.moves())
        for venue, desk in street.world.desks.items()
        for number, account in desk.accounts.items()
    ]
    return repr(found)


if __name__ == "__main__":
    ran = act(int(sys.argv[1]), everything())
    sys.stdout.write(ran.digest())
