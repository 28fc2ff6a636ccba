"""Check 8: the book under a gap, a duplicate, a reorder, a stale snapshot and a second one.

Enters: a plugin and a legal stream of its frames. Leaves: what was tried, or the first case in which the book was wrong
and said to be right. Never: a case that a stream of proof none could notice.
"""

from collections.abc import Sequence
from dataclasses import replace

from cryptopipe.api import BookSnapshot, ExchangePlugin, OrdersSnapshot, Proof
from cryptopipe.testing.books import Book, PlainBook, Player
from cryptopipe.testing.checks import require
from cryptopipe.testing.streams import Arrival, Stream, swapped, twice, without

_CASES = 6
_LEAST_DELTAS = 3


class Schedule:
    """One stream of one plugin, and what may become of it on its way."""

    def __init__(self, plugin: ExchangePlugin, stream: Stream) -> None:
        self._plugin, self._stream = plugin, stream
        self._what = f"{stream.instrument.id}{f' ({stream.dialect})' if stream.dialect else ''}"
        self._proof = Player(plugin, stream).codec.rule.proof
        self._deltas: list[int] = []
        """Arrivals that changed the book after the snapshot, by their place."""
        self._snapshot = -1
        self._first: Book = ([], [])
        self._final = self._in_order()

    def judge(self) -> str:
        """What was tried. Raises `AssertionError`."""
        chosen = self._deltas[:: max(1, len(self._deltas) // _CASES)]
        proven = self._proof is not Proof.NONE
        by_request = bool(self._stream.arrivals[self._snapshot].snapshot_of)
        self._again()
        for place in chosen:
            self._duplicate(place)
        pairs = list(zip(self._deltas, self._deltas[1:], strict=False))[:: max(1, len(self._deltas) // _CASES)]
        for place, following in pairs if proven else ():
            self._gap(place, following)
            self._reorder(place, following)
        if by_request:
            self._stale()
            self._late()
        tried = f"{len(pairs)} gaps, {len(pairs)} reorders" if proven else "no gap can be noticed (proof none)"
        stale = ", a stale snapshot, a late one" if by_request else ""
        return f"{len(self._stream.arrivals)} frames: {tried}, {len(chosen)} duplicates, a second snapshot{stale}"

    def _in_order(self) -> Book:
        """The book of the stream as it should arrive: equal to the plain one after each frame."""
        player = Player(self._plugin, self._stream)
        plain = PlainBook(self._stream.instrument, player.codec.rule)
        before: Book | None = None
        for place, arrival in enumerate(self._stream.arrivals):
            player.play(arrival)
            plain.take(player.events)
            require(not player.noticed, f"{self._what}: {arrival.name} of a legal stream: {player.noticed}")
            if not player.live or not player.events:
                continue
            book = player.book()
            self._equal(book, plain.book(), f"after {arrival.name}")
            if any(isinstance(one, BookSnapshot | OrdersSnapshot) for one in player.events):
                self._snapshot, self._first, self._deltas = place, book, []
            elif before is not None and before != book:
                self._deltas.append(place)
            before = book
        require(self._snapshot >= 0, f"{self._what}: the stream never gave a live book: {player.sync.reason}")
        self._has_enough(player)
        return player.book()

    def _has_enough(self, player: Player) -> None:
        require(
            len(self._deltas) >= _LEAST_DELTAS,
            f"{self._what}: {len(self._deltas)} frames of the stream change the book after its snapshot; "
            f"{_LEAST_DELTAS} are needed",
        )
        first, last = ({price for side in book for price, _ in side} for book in (self._first, player.book()))
        require(
            bool(last - first) and bool(first - last),
            f"{self._what}: the stream adds {sorted(last - first)} and removes {sorted(first - last)}: it must do both",
        )
        if self._stream.truth is not None:
            shown = tuple(side[: len(true)] for side, true in zip(player.book(), self._stream.truth, strict=True))
            self._equal((shown[0], shown[1]), self._stream.truth, "at the end, beside the sandbox's own book")

    def _equal(self, got: Book, wanted: Book, when: str) -> None:
        for side, ours, theirs in zip(("bids", "asks"), got, wanted, strict=True):
            if ours != theirs:
                at = next(
                    n for n, pair in enumerate([*zip(ours, theirs, strict=False), ()]) if not pair or pair[0] != pair[1]
                )
                raise AssertionError(
                    f"{self._what}: {side} {when}: expected {theirs[at : at + 2]} at {at}, the book has "
                    f"{ours[at : at + 2]} ({len(theirs)} and {len(ours)} levels)"
                )

    def _name(self, place: int) -> str:
        return self._stream.arrivals[place].name

    def _gap(self, place: int, following: int) -> None:
        """A lost frame is noticed by the next one; by a checksum as soon as it covers what is wrong."""
        stream = without(self._stream, place)
        upto = replace(stream, arrivals=stream.arrivals[:following]) if self._proof is Proof.SEQUENCE else stream
        player = Player(self._plugin, stream).run(upto)
        harmless = self._proof is Proof.CHECKSUM and player.live and self._covered(player.book())
        require(
            bool(player.noticed) or not player.live or harmless,
            f"{self._what}: {self._name(place)} was lost, and {self._name(following)} did not show it: the book goes "
            f"on as live, though its proof is {self._proof.value}",
        )

    def _covered(self, book: Book) -> bool:
        """Whether a book is right as far as the checksum reaches."""
        reach = Player(self._plugin, self._stream).codec.rule.checksum_levels
        return all(ours[:reach] == theirs[:reach] for ours, theirs in zip(book, self._final, strict=True))

    def _reorder(self, place: int, following: int) -> None:
        player = Player(self._plugin, self._stream).run(swapped(self._stream, place, following))
        right = player.book() == self._final or (self._proof is Proof.CHECKSUM and self._covered(player.book()))
        require(
            bool(player.noticed) or not player.live or right,
            f"{self._what}: {self._name(place)} came after {self._name(following)}; that was not noticed, and the book "
            f"is wrong",
        )

    def _duplicate(self, place: int) -> None:
        """The same frame again changes nothing, and costs nothing."""
        stream, player = twice(self._stream, place), Player(self._plugin, self._stream)
        player.run(replace(stream, arrivals=stream.arrivals[: place + 1]))
        before, tops = player.book(), player.tops
        player.play(stream.arrivals[place + 1])
        what = f"{self._what}: {self._name(place)} came twice"
        if player.noticed and self._proof is not Proof.SEQUENCE and player.sync.rule.orders is not None:
            return  # without a number an order that is there already is all that tells
        require(not player.noticed, f"{what}, which cost the book: {player.noticed}")
        self._equal(player.book(), before, f"after {self._name(place)} came twice")
        require(player.tops == tops, f"{what}, and gave a new top")
        player.run(replace(stream, arrivals=stream.arrivals[place + 2 :]))
        require(not player.noticed, f"{what}, which cost the book later: {player.noticed}")
        self._equal(player.book(), self._final, f"at the end, where {self._name(place)} came twice")

    def _again(self) -> None:
        """A snapshot replaces: a second one gives its own levels, or none of it, never both."""
        player = Player(self._plugin, self._stream).run(self._stream)
        snapshot = self._stream.arrivals[self._snapshot]
        if snapshot.snapshot_of:
            player.sync.lose("to be asked for again")
        player.play(snapshot)
        own = Player(self._plugin, self._stream).play(snapshot).book()
        if player.live and player.book() not in (self._final, self._first, own):
            strange = [one for got, true in zip(player.book(), own, strict=True) for one in got if one not in true]
            raise AssertionError(
                f"{self._what}: {snapshot.name} came again and did not replace the book: {strange[:3]} are not in it"
            )
        self._emptied(snapshot)

    def _emptied(self, snapshot: Arrival) -> None:
        """Nor do levels survive from the connection before, in whatever the plugin keeps beside its codecs."""
        Player(self._plugin, self._stream).run(self._stream)
        player = Player(self._plugin, self._stream)
        for arrival in self._stream.arrivals[: self._snapshot + 1]:
            player.play(arrival)
        self._equal(player.book(), self._first, f"after {snapshot.name} on a second connection")

    def _stale(self) -> None:
        """An answer older than the book is not the book."""
        player = Player(self._plugin, self._stream).run(self._stream).play(self._stream.arrivals[self._snapshot])
        require(
            not player.live or player.book() == self._final,
            f"{self._what}: a snapshot older than the book replaced it, and the book goes on as live",
        )

    def _late(self) -> None:
        """An answer older than the first frame that was kept leaves a hole: it must be asked for again."""
        if self._proof is not Proof.SEQUENCE:
            return
        snapshot, rest = self._stream.arrivals[self._snapshot], self._deltas[1:]
        player = Player(self._plugin, self._stream)
        for place in rest:
            player.play(self._stream.arrivals[place])
        player.play(snapshot)
        require(
            not player.live,
            f"{self._what}: {snapshot.name} is older than {self._name(rest[0])} by a frame that was lost, and became "
            f"the book",
        )


def judge_schedule(plugin: ExchangePlugin, streams: Sequence[Stream]) -> str:
    """What was tried on each stream. Raises `AssertionError`."""
    return "; ".join(Schedule(plugin, stream).judge() for stream in streams)
