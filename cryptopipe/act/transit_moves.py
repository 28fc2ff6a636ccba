"""One move of coins between two wallets of an account, as a pure state machine.

Enters: the way, an amount, outcomes, the end of pauses. Leaves: the move, asked for once for each name, questions,
pauses; in the end whether the coins are where they should be. Never: a second move while the first may still be done.

Coins of one asset are alike: after a lost answer they are taken to have been moved if there are enough of them where
they are wanted, or not enough where they were, whoever moved them.
"""

from collections.abc import Callable
from decimal import Decimal

from cryptopipe.act.pursuit import FENCE, AskFor, Pause
from cryptopipe.act.transit_steps import Send, Step
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.errors import CryptopipeError, UnknownOutcome
from cryptopipe.model.actions import FetchBalances, MoveFunds
from cryptopipe.model.custody import WalletMove
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.outcomes import Accepted, Outcome, Reports

ASKED_AGAIN: Nanos = 2 * SECOND
"""After a question about a wallet that got no answer."""


class Move:
    """`begin`, then `told` and `woken` until `told` says whether it is done. `name` gives each attempt its id. `out`:
    away from the wallet that orders are paid from, which other plans use, so that the other one is looked at.
    """

    def __init__(
        self,
        venue: VenueId,
        asset: Asset,
        code: str,
        way: WalletMove,
        out: bool,
        name: Callable[[int], str],
        amount: Decimal,
    ) -> None:
        self._venue, self._asset, self._code, self._way, self._out, self._name = venue, asset, code, way, out, name
        self._amount = amount
        self.tries = 0
        self.doubted = False
        """Whether nobody knows if it was done."""
        self.why = ""
        """Why it was not."""

    def begin(self) -> Step:
        """Ask for it, by a name of its own."""
        self.tries += 1
        way, name = self._way, self._name(self.tries)
        return Send(MoveFunds(self._venue, self._code, self._amount, way.source, way.target, name))

    def told(self, outcome: Outcome | CryptopipeError) -> Step | bool:
        """The outcome of what was asked for last; True: it is done."""
        if self.doubted:
            return self._looked(outcome)
        if isinstance(outcome, UnknownOutcome):
            self.doubted = True
            return Pause(FENCE)
        self.why = "" if isinstance(outcome, Accepted) else in_words(outcome)
        return isinstance(outcome, Accepted)

    def woken(self) -> Step:
        """A pause is over."""
        if not self.doubted:
            return self.begin()
        return AskFor(FetchBalances(self._venue, self._way.target if self._out else self._way.source))

    def _looked(self, outcome: Outcome | CryptopipeError) -> Step | bool:
        if not isinstance(outcome, Reports):
            return Pause(ASKED_AGAIN)
        self.doubted = False
        free = sum((one.free for one in outcome.balances if one.asset == self._asset), Decimal(0))
        done = (free >= self._amount) is self._out
        self.why = "" if done else "nobody moved it"
        return done


def in_words(outcome: Outcome | CryptopipeError) -> str:
    """Why it is not what was wanted."""
    if isinstance(outcome, CryptopipeError):
        return outcome.message
    code, reason = getattr(outcome, "code", ""), getattr(outcome, "reason", "")
    return f"{code} {reason}".strip() or "an answer without it"
