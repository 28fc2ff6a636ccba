"""What the venues say we hold, at the beginning and at the end of a run, beside what our books say.

Enters: balances as venues tell them, the ledger. Leaves: opening balances, and at the end the difference of each asset.
Never: a venue whose balances nobody told and that is traded on.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from cryptopipe.act.ledger import Ledger
from cryptopipe.act.venues import VenueExecution
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.errors import CryptopipeError
from cryptopipe.model.actions import FetchBalances
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.money import exact
from cryptopipe.model.outcomes import Outcome, Reports

AGAIN_AFTER, LONGEST_AFTER = SECOND, 64 * SECOND
"""A venue that did not tell its opening balances is asked again: after the first, doubled each time up to the other. At
the end of a run, which waits a few seconds only, always after the first.
"""

COMPARED_AT_MOST = 30
"""Times, while coins are on their way."""

Differences = Mapping[Asset, tuple[Decimal, Decimal]]
"""By asset (told by the venue, in our books), where they differ."""


class Reckoning:
    """Asks each venue for its balances: `opened` is told those of the beginning, `reckoned` what differs at the end."""

    def __init__(
        self,
        execution: VenueExecution,
        ledger: Ledger,
        opened: Callable[[VenueId, Mapping[Asset, Decimal]], None],
        reckoned: Callable[[VenueId, Differences], None],
        on_the_way: Callable[[VenueId], bool] = lambda venue: False,
        beside: Callable[[VenueId], Mapping[str, Mapping[Asset, Decimal]]] = lambda venue: {},
    ) -> None:
        """`on_the_way`: whether coins are between a venue and another, which is looked at then: they may have left, or
        come, since it was known last, and what differs is compared anew. `beside`: further wallets that the run's coins
        went through, with what was in them before.
        """
        self._execution, self._ledger, self._opened, self._reckoned = execution, ledger, opened, reckoned
        self._on_the_way, self._beside = on_the_way, beside
        self._compared: dict[VenueId, int] = {}
        self.known: set[VenueId] = set()
        """Venues that told what they hold at the beginning."""
        self.outstanding: set[VenueId] = set()
        """Venues that have not told what they hold at the end."""

    def begin(self, venues: Iterable[VenueId], at: Nanos) -> None:
        """Ask for the opening balances."""
        for venue in venues:
            self._ask(venue, at, self._open, LONGEST_AFTER)

    def close(self, at: Nanos) -> None:
        """Ask for the closing balances of every venue that told the opening ones."""
        self.outstanding = set(self.known)
        for venue in sorted(self.known):
            self._ask(venue, at, self._compare, AGAIN_AFTER)

    def _ask(
        self,
        venue: VenueId,
        at: Nanos,
        use: Callable[[VenueId, Mapping[Asset, Decimal], Nanos, bool], None],
        longest: Nanos,
        after: Nanos = AGAIN_AFTER,
    ) -> None:
        booked = self._ledger.transactions
        wallets = ["", *self._beside(venue)]
        sums: dict[Asset, Decimal] = {}

        def told(outcome: Outcome | CryptopipeError, now: Nanos) -> None:
            if not isinstance(outcome, Reports):
                then = min(2 * after, longest)
                self._execution.wake_at(now + after, lambda later: self._ask(venue, later, use, longest, then))
                return
            wallet = wallets.pop(0)
            _add(sums, held_of(outcome), self._beside(venue).get(wallet, {}))
            if wallets:
                self._execution.ask(FetchBalances(venue, wallets[0]), now, told)
            else:
                use(venue, _without_zeros(sums), now, self._ledger.transactions != booked)

        self._execution.ask(FetchBalances(venue), at, told)

    def _open(self, venue: VenueId, held: Mapping[Asset, Decimal], at: Nanos, since: bool) -> None:
        self.known.add(venue)
        self._opened(venue, held)

    def _compare(self, venue: VenueId, held: Mapping[Asset, Decimal], at: Nanos, since: bool) -> None:
        """`since`: something was booked since the venue was asked, of which its answer may know or not."""
        booked = {asset: now for asset, (_, now) in self._ledger.balances().get(venue, {}).items()}
        zero = Decimal(0)
        pairs = {asset: (held.get(asset, zero), booked.get(asset, zero)) for asset in sorted({*held, *booked})}
        differs = {asset: pair for asset, pair in pairs.items() if pair[0] != pair[1]}
        times = self._compared[venue] = self._compared.get(venue, 0) + 1
        if differs and times < COMPARED_AT_MOST and (self._on_the_way(venue) or since):
            self._execution.wake_at(
                at + AGAIN_AFTER, lambda now: self._ask(venue, now, self._compare, AGAIN_AFTER)
            )  # fmt: skip
            return
        self.outstanding.discard(venue)
        self._reckoned(venue, differs)


def held_of(reports: Reports) -> dict[Asset, Decimal]:
    """Free and held back together; assets of which there is nothing are left out."""
    held: dict[Asset, Decimal] = {}
    with exact():
        for one in reports.balances:
            held[one.asset] = held.get(one.asset, Decimal(0)) + one.free + one.locked
    return _without_zeros(held)


def _add(sums: dict[Asset, Decimal], held: Mapping[Asset, Decimal], before: Mapping[Asset, Decimal]) -> None:
    with exact():
        for asset in {*held, *before}:
            sums[asset] = sums.get(asset, Decimal(0)) + held.get(asset, Decimal(0)) - before.get(asset, Decimal(0))


def _without_zeros(held: Mapping[Asset, Decimal]) -> dict[Asset, Decimal]:
    return {asset: amount for asset, amount in sorted(held.items()) if amount}
