"""Lays a picture of a run out for a terminal of any size.

Enters: a `Picture`, width and height. Leaves: that many rows of styled text. Never: a number that the picture does not
hold, or a part that jumps because another one has a line more.
"""

from collections.abc import Sequence
from decimal import Decimal

from cryptopipe.cli.cells import Cell, Column, Row, Table, clean, fit
from cryptopipe.cli.words import cause_in_words, check_in_words, elapsed, short
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.facts import VenueId
from cryptopipe.picture import DecisionNow, EdgeNow, Picture, Quote, VenueNow
from cryptopipe.summary import BestEdge

_COLOUR_OF = {"live": "good", "syncing": "warn", "mixed": "warn", "suspect": "warn", "no book": "warn", "dead": "bad"}
_MOST_ROWS = 12
_STALE = 2 * SECOND
_Lines = list[list[Cell]]


class Drawing:
    """Draws one run. It remembers how wide its columns were and how many digits each price needs."""

    def __init__(self, ascii_only: bool = False) -> None:
        self._ascii = ascii_only
        self._tables: dict[str, Table] = {}
        self._places: dict[tuple[VenueId, str], int] = {}

    def rows(self, picture: Picture, width: int, height: int, note: str = "") -> tuple[Row, ...]:
        """Exactly `height` rows of `width` cells. `note` is the newest line of the log, shown in the last row."""
        self._learn_places(picture)
        room = width - 2
        head = [self._title(picture, room), self._money(picture, room), *self._alarms(picture)]
        venues = self._venues(picture, room)
        loose = height >= len(head) + len(venues) + 20
        left = height - len(head) - len(venues) - (9 if loose else 5) - bool(note)
        tops, edges, decisions = share(left, (len(picture.pairs), _MOST_ROWS, _MOST_ROWS))
        parts = [
            [*head],
            venues,
            self._tops(picture, room, tops),
            [*self._edges(picture, room, edges), self._best(picture, room)],
            [*self._decisions(picture, room, decisions), self._refusals(picture, room)],
        ]
        lines: _Lines = []
        for part in parts:
            lines += [[("", "")], *part] if loose and lines else part
        lines = lines[: height - bool(note)]
        lines += [[]] * (height - bool(note) - len(lines))
        if note:
            lines.append([(note, "warn")])
        return tuple(fit([(" ", ""), *line], width, self._ascii) for line in lines)

    def _table(self, name: str, columns: Sequence[Column], lines: _Lines, width: int) -> _Lines:
        head, *rest = self._tables.setdefault(name, Table()).rows(columns, lines, width)
        return [[(head[0][0], "head"), *head[1:]], *rest]

    def _title(self, picture: Picture, width: int) -> list[Cell]:
        seed = "" if picture.seed is None else f" · seed {picture.seed}"
        who = "paper" if picture.on_paper else "orders at the venues"
        left = f"  {picture.market}{seed} · {who} · {elapsed(picture.at - picture.began_at)}"
        ways = "Ctrl-C ends with a summary", "Ctrl-C ends", "Ctrl-C"
        right = next((way for way in ways if len(left) + len(way) + 12 <= width), "")
        return [("cryptopipe", "bold"), (left, ""), *_pushed(width, 10 + len(left), right, "dim")]

    def _money(self, picture: Picture, width: int) -> list[Cell]:
        trading, counts = picture.trading, picture.counts
        amount = f"no price in {picture.numeraire}" if trading is None else f"{trading:+,.2f} {picture.numeraire}"
        style = "warn" if trading is None else "best" if trading > 0 else "bad" if trading < 0 else "bold"
        rest = f"   {counts.found:,} edges, {counts.accepted:,} accepted   {counts.fills:,} fills"
        rates = [venue.frames_per_s for venue in picture.venues if venue.frames_per_s is not None]
        right = f"{sum(rates):,.0f} frames/s" if rates else ""
        name = "paper profit " if picture.on_paper else "trading profit "
        used = len(name) + len(amount) + len(rest)
        return [(name, ""), (amount, style), (rest, ""), *_pushed(width, used, right, "")]

    @staticmethod
    def _alarms(picture: Picture) -> _Lines:
        """What a user must not overlook; at most three faults by name."""
        lines: _Lines = [[("HALTED ", "bad"), (picture.halted, "bad")]] if picture.halted else []
        lines += [[("fault ", "warn"), (fault, "warn")] for fault in picture.faults[:3]]
        if len(picture.faults) > 3:
            lines.append([(f"and {len(picture.faults) - 3} more faults in force", "warn")])
        return lines

    def _venues(self, picture: Picture, width: int) -> _Lines:
        columns = [
            Column("VENUES"), Column("state"), Column("live", right=True), Column("proof", rank=4),
            Column("age", right=True, rank=1), Column("frames/s", right=True, rank=2),
            Column("gaps", right=True, rank=3), Column("resyncs", right=True, rank=5),
            Column("clock", right=True, rank=6), Column("", rank=1, least=12),
        ]  # fmt: skip
        return self._table("VENUES", columns, [_venue(venue) for venue in picture.venues], width)

    def _tops(self, picture: Picture, width: int, count: int) -> _Lines:
        if count <= 0:
            return []
        by_venue = {venue.venue: {quote.pair: quote for quote in venue.quotes} for venue in picture.venues}
        pairs, all_pairs = picture.pairs[:count], max(picture.pair_count, len(picture.pairs))
        name = "TOPS" if len(pairs) == all_pairs else f"TOPS {len(pairs)} of {all_pairs}"
        for spread in (True, False):
            lines = self._table(*self._wide_tops(name, by_venue, pairs, spread), 10_000)
            if sum(len(text) for text, _ in lines[0]) <= width:
                return lines
        columns = [
            Column(name), Column("best bid", right=True), Column("on", rank=2), Column("best ask", right=True),
            Column("at", rank=2), Column("cross bp", right=True), Column("spread bp", right=True, rank=1),
        ]  # fmt: skip
        return self._table("TOPS", columns, [self._narrow_top(by_venue, pair) for pair in pairs], width)

    def _wide_tops(
        self, name: str, by_venue: dict[VenueId, dict[str, Quote]], pairs: Sequence[str], spread: bool
    ) -> tuple[str, list[Column], _Lines]:
        columns = [Column(name)]
        for venue in by_venue:
            columns += [Column(f"{venue} bid", right=True), Column("ask", right=True)]
            columns += [Column("bp", right=True)] if spread else []
        lines = []
        for pair in pairs:
            bid, ask = _extremes(by_venue, pair)
            line: list[Cell] = [(pair, "bold")]
            for venue, quotes in by_venue.items():
                quote = quotes.get(pair)
                if quote is None:
                    line += [("-", "dim")] * (3 if spread else 2)
                    continue
                line.append((self._price(venue, pair, quote.bid), "good" if venue == bid else ""))
                line.append((self._price(venue, pair, quote.ask), "good" if venue == ask else ""))
                line += [(f"{quote.spread_bps:.1f}", "dim")] if spread else []
            lines.append([*line, _cross(by_venue, pair, bid, ask)])
        return f"TOPS {len(columns)}", [*columns, Column("cross bp", right=True)], lines

    def _narrow_top(self, by_venue: dict[VenueId, dict[str, Quote]], pair: str) -> list[Cell]:
        bid, ask = _extremes(by_venue, pair)
        if bid is None or ask is None:
            return [(pair, "bold"), *[("-", "dim")] * 6]
        spread = min(quotes[pair].spread_bps for quotes in by_venue.values() if pair in quotes)
        return [
            (pair, "bold"), (self._price(bid, pair, by_venue[bid][pair].bid), ""), (bid, ""),
            (self._price(ask, pair, by_venue[ask][pair].ask), ""), (ask, ""),
            _cross(by_venue, pair, bid, ask), (f"{spread:.1f}", "dim"),
        ]  # fmt: skip

    def _learn_places(self, picture: Picture) -> None:
        for venue in picture.venues:
            for quote in venue.quotes:
                market = venue.venue, quote.pair
                digits = [len(f"{price:f}".partition(".")[2].rstrip("0")) for price in (quote.bid, quote.ask)]
                self._places[market] = max(*digits, self._places.get(market, 0))

    def _price(self, venue: VenueId, pair: str, price: Decimal) -> str:
        """In as many digits as the prices of this market have needed so far."""
        return f"{price:,.{self._places[venue, pair]}f}"

    def _edges(self, picture: Picture, width: int, count: int) -> _Lines:
        columns = [
            Column("EDGES"), Column("buy → sell", least=16), Column("gross bp", right=True),
            Column("net bp", right=True), Column("open for", right=True, rank=3), Column("verdict", rank=2, least=21),
        ]  # fmt: skip
        lines = self._table("EDGES", columns, [_edge(edge) for edge in picture.edges[: max(0, count)]], width)
        return lines + [[]] * (count + 1 - len(lines))

    @staticmethod
    def _best(picture: Picture, width: int) -> list[Cell]:
        """The largest of the run, in as much detail as fits."""
        for detail in (3, 2, 1, 0):
            cells: list[Cell] = [(f"{picture.open_edges:,} open   best:", "dim")]
            for name, edge in (("gross", picture.best_gross), ("net", picture.best_net)):
                cells += _best_of(name, edge, picture.began_at, detail)
            if sum(len(text) for text, _ in cells) <= width:
                break
        return cells

    def _decisions(self, picture: Picture, width: int, count: int) -> _Lines:
        columns = [
            Column("DECISIONS"), Column("edge", least=8, rank=1), Column("where", least=16, rank=2),
            Column("net bp", right=True), Column("answer", least=20),
        ]  # fmt: skip
        shown = kept(picture.decisions, max(0, count))
        lines = [_decision(decision, picture.began_at) for decision in shown]
        lines = self._table("DECISIONS", columns, lines, width)
        return lines + [[]] * (count + 1 - len(lines))

    @staticmethod
    def _refusals(picture: Picture, width: int) -> list[Cell]:
        """Those that fit, most first."""
        told = [f"{check_in_words(check)} {count:,}" for check, count in picture.counts.refusals]
        while len(text := "   ".join(told)) > max(0, width - 13):
            told.pop()
        return [(f"refused for: {text}" if text else "", "dim")]


def share(room: int, wanted: Sequence[int]) -> tuple[int, ...]:
    """The rows of each part: one after the other gets one more while there is room and it wants it."""
    given = [0] * len(wanted)
    while room > 0 and any(have < want for have, want in zip(given, wanted, strict=True)):
        for index, want in enumerate(wanted):
            if room > 0 and given[index] < want:
                given[index] += 1
                room -= 1
    return tuple(given)


def kept(decisions: Sequence[DecisionNow], count: int) -> list[DecisionNow]:
    """The latest ones, of which at least a third are the latest accepted ones, if there were so many."""
    accepted = [one for one in decisions if one.accepted][: (count + 2) // 3]
    others = [one for one in decisions if one not in accepted][: max(0, count - len(accepted))]
    return [one for one in decisions if one in accepted or one in others]


def _pushed(width: int, used: int, text: str, style: str) -> list[Cell]:
    """To the right end, if there is room."""
    gap = width - used - len(text)
    return [(" " * gap, ""), (text, style)] if gap >= 2 and text else []


def _venue(venue: VenueNow) -> list[Cell]:
    lost = venue.state != "live" or venue.live < venue.books
    colour = _COLOUR_OF.get(venue.state, "warn")
    age = "-" if venue.age is None else short(venue.age)
    rate = "-" if venue.frames_per_s is None else f"{venue.frames_per_s:,.0f}"
    clock = "-" if venue.clock is None else f"{venue.clock[0] / 1e6:+.0f}±{venue.clock[1] / 1e6:.0f} ms"
    return [
        (venue.venue, "bold"), (venue.state, colour), (f"{venue.live}/{venue.books}", "warn" if lost else ""),
        (venue.proof or "-", "warn" if venue.proof == "none" else "dim"),
        (age, "warn" if venue.age is None or venue.age > _STALE else ""), (rate, ""),
        (f"{venue.gaps:,}", "" if venue.gaps else "dim"), (f"{venue.resyncs:,}", "" if venue.resyncs else "dim"),
        (clock, "dim"), (clean(venue.link or (_cause(venue.why) if lost else "")), "warn"),
    ]  # fmt: skip


def _cause(why: str) -> str:
    """What matters first: `silence 2.0 s, BTCUSDT`."""
    symbol, _, reason = why.partition(": ")
    return f"{cause_in_words(reason)}, {symbol}" if reason else why


def _best_of(name: str, edge: BestEdge | None, began_at: Nanos, detail: int) -> list[Cell]:
    if edge is None:
        return [(f"  {name} none", "dim")]
    after = (edge.name, edge.where, f"at {elapsed(edge.at - began_at)}")[:detail]
    return [(f"  {name} ", "dim"), (f"{edge.bps:+.2f}", ""), (" ".join(("", *after)), "dim")]


def _verdict(edge: EdgeNow) -> str:
    """What holds now, and what was done before: `net too low, taken 3x`."""
    taken = f"taken {edge.taken}x" if edge.taken else ""
    if not edge.verdict or (taken and not edge.open):
        return taken or "accepted"
    return ", ".join(filter(None, (check_in_words(edge.verdict), taken)))


def _edge(edge: EdgeNow) -> list[Cell]:
    if not edge.open:
        texts = edge.what, edge.where, f"{edge.gross_bps:+.2f}", f"{edge.net_bps:+.2f}"
        return [*((text, "dim") for text in texts), (f"was {short(edge.alive)}", "dim"), (_verdict(edge), "dim")]
    pays = "best" if edge.net_bps > 0 else ""
    return [
        (edge.what, "bold"), (edge.where, ""), (f"{edge.gross_bps:+.2f}", ""), (f"{edge.net_bps:+.2f}", pays),
        (short(edge.alive), ""), (_verdict(edge), "" if edge.verdict else "good"),
    ]  # fmt: skip


def _decision(decision: DecisionNow, began_at: Nanos) -> list[Cell]:
    cells: list[Cell] = [(elapsed(decision.at - began_at), "dim"), (decision.what, ""), (decision.where, "")]
    if decision.accepted:
        worth = f"accepted {worth_of(decision.value):+,f} {decision.unit}"
        return [*cells, (f"{decision.net_bps:+.2f}", "best"), (worth, "good")]
    reason = f"{check_in_words(decision.check)}: {decision.measured}, limit {decision.limit}"
    return [*cells, (f"{decision.net_bps:+.2f}", ""), (reason, "dim")]


def _extremes(by_venue: dict[VenueId, dict[str, Quote]], pair: str) -> tuple[VenueId | None, VenueId | None]:
    """Where one could sell dearest and buy cheapest now, by live books alone."""
    having = [venue for venue, quotes in by_venue.items() if pair in quotes]
    bid = max(having, key=lambda venue: by_venue[venue][pair].bid, default=None)
    ask = min(having, key=lambda venue: by_venue[venue][pair].ask, default=None)
    return bid, ask


def _cross(
    by_venue: dict[VenueId, dict[str, Quote]], pair: str, bid: VenueId | None, ask: VenueId | None
) -> Cell:  # fmt: skip
    if bid is None or ask is None:
        return "-", "dim"
    dearest, cheapest = by_venue[bid][pair].bid, by_venue[ask][pair].ask
    bps = float((dearest - cheapest) / cheapest) * 10_000 if cheapest else 0.0
    return f"{bps:+.1f}", "best" if bps > 0 else ""


def worth_of(value: Decimal) -> Decimal:
    """An amount with cents, or with two significant digits where it is less: `12.35`, `0.000048`."""
    places = max(2, 1 - value.adjusted()) if value else 2
    return value.quantize(Decimal(1).scaleb(-places))
