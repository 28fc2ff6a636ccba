"""A served sandbox that also writes down what its books truly were.

Enters: venues, books to write down, a seed, a folder. Leaves: where it listens (a line on stdout), `truth.jsonl` (each
level change and trade of those books), `requests.jsonl` (each request and dial, and how it was answered). Never: a
change of what a client sees; it ends when stdin does.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn, TextIO

from cryptopipe import registry
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.drivers.authority import authority
from cryptopipe.drivers.serve import Served, serve
from cryptopipe.model.facts import Side, VenueId
from cryptopipe.model.simulated import Grid, SimulatedBook, Told
from cryptopipe.model.stream import HttpRequest, HttpResponse
from cryptopipe.sandbox.house import House, Reply
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

WARM = 20 * SECOND
"""How old the market is when the first client comes, so that trades and candles are there."""
PARAMETERS = Path(__file__).with_name("market.yaml")


class Overheard(House):
    """A house whose requests and dials are written down with the status they got."""

    def listen(self, into: TextIO) -> None:
        """From now on."""
        self._into = into

    def dial(self, path: str, at: Nanos) -> int | HttpResponse | None:
        got = super().dial(path, at)
        self._note("DIAL", path, got.status if isinstance(got, HttpResponse) else 101)
        return got

    def answer(self, request: HttpRequest, at: Nanos) -> Reply | None:
        got = super().answer(request, at)
        self._note(request.method, request.url, 0 if got is None else got.response.status)
        return got

    def _note(self, method: str, path: str, status: int) -> None:
        self._into.write(json.dumps({"venue": self.venue, "method": method, "path": path, "status": status}) + "\n")
        self._into.flush()


class OrderClerk:
    """One book once more, at each change of a single order: a taker of two orders at one price makes two changes here.

    It begins with the orders that rest when it is made, best first.
    """

    def __init__(self, name: str, book: SimulatedBook) -> None:
        self._name, self._book, self._grid = name, book, Grid(book.instrument.rules or _without_rules(book))
        self._count = 0
        self._levels: dict[tuple[Side, int], int] = defaultdict(int)
        resting = [(side, one) for side in (Side.BUY, Side.SELL) for one in book.orders(side)]
        self._begun = [self._row(side, one.price, one.size, book.changed_at) for side, one in resting]
        self._number = book.order_number

    def rows(self) -> Iterator[list[object]]:
        """As `Clerk` writes them, numbered on their own."""
        yield from self._begun
        self._begun = []
        for line in self._book.order_tape(self._number):
            self._number = line.number
            if line.told is not Told.FILLED:
                lots = line.size if line.told is Told.OPENED else -line.size
                yield self._row(line.side, line.price, lots, line.at)

    def _row(self, side: Side, price: int, lots: int, at: Nanos) -> list[object]:
        """`lots` more at this price."""
        self._levels[side, price] += lots
        self._count += 1
        name, size = "bids" if side is Side.BUY else "asks", self._grid.size(self._levels[side, price])
        return [self._name, name, self._count, at, self._grid.price(price), size]


def _without_rules(book: SimulatedBook) -> NoReturn:
    raise ValueError(f"{book.instrument.id} has no rules")


class Clerk:
    """Writes down what each of the books did since the last time."""

    def __init__(self, books: Mapping[str, SimulatedBook], orders: Sequence[str], into: TextIO) -> None:
        """`books` by `venue:symbol`; of `orders`, some of those names, `{name} orders` is written down too."""
        self._books, self._into = books, into
        self._grids = {name: Grid(book.instrument.rules) for name, book in books.items() if book.instrument.rules}
        self._number = dict.fromkeys(books, 0)
        self._trade = dict.fromkeys(books, 0)
        self._orders = [OrderClerk(f"{name} orders", books[name]) for name in orders]

    def write(self) -> None:
        """To be called more often than the books forget."""
        for name, book in self._books.items():
            price, size = self._grids[name].price, self._grids[name].size
            for one in book.changes(self._number[name]):
                side = "bids" if one.side is Side.BUY else "asks"
                row = [name, side, one.number, one.at, price(one.price), size(one.size)]
                self._into.write(json.dumps(row) + "\n")
            for trade in book.trades(self._trade[name]):
                side = "buys" if trade.side is Side.BUY else "sells"
                self._into.write(
                    json.dumps([name, side, trade.trade_id, trade.at, price(trade.price), size(trade.size)]) + "\n"
                )
                self._trade[name] = trade.trade_id
            self._number[name] = book.number
        for clerk in self._orders:
            for row in clerk.rows():
                self._into.write(json.dumps(row) + "\n")
        self._into.flush()


def main() -> None:
    """Serve until stdin closes."""
    options = _options()
    plugins = {plugin.venue: plugin for plugin in map(registry.exchange, options.venues.split(","))}
    start_at = time.time_ns() - WARM
    world = World(plugins, Parameters.load(PARAMETERS), options.seed, start_at)
    houses = [Overheard(plugin, world.books[venue]) for venue, plugin in plugins.items()]
    split = [name.partition(":") for name in options.books]
    books = {f"{venue}:{symbol}": world.books[VenueId(venue)][symbol] for venue, _, symbol in split}
    with ExitStack() as stack:
        truth = stack.enter_context((options.folder / "truth.jsonl").open("w", encoding="utf-8"))
        requests = stack.enter_context((options.folder / "requests.jsonl").open("w", encoding="utf-8"))
        for house in houses:
            house.listen(requests)
        clerk = Clerk(books, options.orders, truth)
        secured = stack.enter_context(authority()) if options.tls else None

        def advance(until: Nanos) -> None:
            world.advance(until)
            clerk.write()

        def listening(served: Served) -> None:
            origins = {str(house.venue): served.origins[house.venue] for house in houses}
            told = {
                "rest": {name: one.rest for name, one in origins.items()},
                "ws": {name: one.ws("") for name, one in origins.items()},
                "ca_file": None if secured is None else str(secured.ca_file),
            }
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()

        context = None if secured is None else secured.context
        serve(houses, advance, listening, lambda delays: None, 0, context, None, until_stdin_closes=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--venues", required=True)
    parser.add_argument("--books", nargs="+", default=[], metavar="VENUE:SYMBOL")
    parser.add_argument("--orders", nargs="*", default=[], metavar="VENUE:SYMBOL", help="some of --books")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--tls", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
