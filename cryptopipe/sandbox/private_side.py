"""The desk of one simulated venue behind the faults on actions: what the venue's dialect is given in its place.

Enters: a desk, the venue's faults, its calls. Leaves: the same desk; a verdict on what the client is answered; an
account's tape as the faults have it told. Never: an action that is done twice, a change of what the desk knows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import exp
from random import Random
from typing import Any, cast

from msgspec.structs import replace

from cryptopipe.clock import MILLISECOND, Nanos
from cryptopipe.model.accounts import SimulatedAccount, SimulatedKey
from cryptopipe.model.desk import DeskEvent, DeskRefusal, Refusal
from cryptopipe.model.facts import Currency, Instrument
from cryptopipe.model.simulated import Outgoing, Say
from cryptopipe.model.stream import HttpResponse
from cryptopipe.sandbox.desk import Desk
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.line import Reply
from cryptopipe.sandbox.tape import ToldTape
from cryptopipe.sandbox.trouble import Trouble


class ActionFault(Exception):
    """A fault took an action away before the desk had it: nothing was done."""


@dataclass
class Verdict:
    """What becomes of the answer to one request or text. `private`: the desk was asked who a key is, or what happened
    to an account. `acted`: an action was asked for.
    """

    private: bool = False
    acted: bool = False
    lost: bool = False
    status: int = 0
    late: Nanos = 0


class PrivateSide:
    """Stands before a desk, with the same face."""

    def __init__(self, desk: Desk, trouble: Trouble, seed: int) -> None:
        self._desk, self._trouble = desk, trouble
        self._random = Random(f"{seed}/{trouble.venue}/acks")
        self._tapes: list[ToldTape] = []
        self._accounts: dict[int, SimulatedAccount] = {}
        self._in_force: Sequence[Fault] = ()
        self.verdict = Verdict()
        desk.hazard, desk.after_action = self._before, self._after

    def turn(self, at: Nanos) -> None:
        """To a moment, for which `trouble` was turned already."""
        if self._trouble.in_force is not self._in_force:
            self._in_force = self._trouble.in_force
            self._desk.set_maintenance(any(fault.kind == "maintenance" for fault in self._in_force))
        self._desk.turn(at)
        for tape in self._tapes:
            tape.turn(at)

    def begin(self) -> None:
        """Another request or text: nothing is known of it."""
        self.verdict = Verdict()

    def reply(self, response: HttpResponse | None) -> Reply | None:
        """What the client gets for a request that was answered so; None: silence."""
        verdict = self.verdict
        if verdict.lost:
            return None
        if verdict.status:
            response = HttpResponse(verdict.status, b'{"error":"out of order"}')
        assert response is not None, "a request is lost, failed or answered"
        return Reply(response, self._acknowledged_after() + verdict.late if verdict.acted else 0)

    def says(self, said: Iterable[Outgoing]) -> tuple[list[Outgoing], list[Say]]:
        """What the client is told in answer to its text, and what comes late, by which it may be overtaken."""
        verdict = self.verdict
        if not verdict.acted:
            return list(said), []
        after, told, late = self._acknowledged_after() + verdict.late, list[Outgoing](), list[Say]()
        for one in said:
            if not isinstance(one, Say):
                told.append(one)
            elif not verdict.lost and not verdict.status:
                (late if verdict.late else told).append(Say(one.text, one.after + after))
        return told, late

    def _acknowledged_after(self) -> Nanos:
        """What was asked took effect at once: a private stream may tell of it before."""
        profile = self._desk.profile
        return round(profile.ack_ms * MILLISECOND * exp(profile.ack_spread * self._random.gauss(0, 1)))

    @property
    def now(self) -> Nanos:
        """By the venue's clock."""
        return self._desk.now

    @property
    def maintenance(self) -> bool:
        """The desk's."""
        return self._desk.maintenance

    @property
    def currencies(self) -> Sequence[Currency]:
        """The desk's."""
        return self._desk.currencies

    def key(self, key: str) -> SimulatedKey | None:
        """By the text that names it in a request."""
        self.verdict.private = True
        found = self._desk.key(key)
        return None if found is None else replace(found, account=self._account(found.account))

    def mark(self, instrument: Instrument) -> Decimal:
        """The desk's."""
        return self._desk.mark(instrument)

    def funding_rate(self, instrument: Instrument) -> Decimal:
        """The desk's."""
        return self._desk.funding_rate(instrument)

    def next_funding_at(self, instrument: Instrument) -> Nanos:
        """The desk's."""
        return self._desk.next_funding_at(instrument)

    def _before(self, of: str) -> None:
        """An action is about to be done. Raises `DeskRefusal` or `ActionFault`: then it is not."""
        self.verdict.acted = True
        self._desk.partial_share = None
        if self._strikes("reject", of) is not None:
            raise DeskRefusal(Refusal.BUSY)
        if self._strikes("lost_request", of) is not None:
            self.verdict.lost = True
            raise ActionFault("lost before it was done")
        failed = self._strikes("action_5xx", of, done=0)
        if failed is not None:
            self.verdict.status = failed["status"]
            raise ActionFault("failed before it was done")
        partial = self._trouble.draw("partial") if of == "order" else None
        if partial is not None:
            self._desk.partial_share = Decimal(partial["share"]).scaleb(-9)

    def _after(self, of: str) -> None:
        """An action was done."""
        verdict = self.verdict
        failed, late = self._strikes("action_5xx", of, done=1), self._strikes("late_ack", of)
        verdict.lost = self._strikes("lost_response", of) is not None or verdict.lost
        verdict.status = verdict.status if failed is None else failed["status"]
        verdict.late = max(verdict.late, 0 if late is None else late["delay"])

    def _strikes(self, kind: str, of: str, done: int | None = None) -> Fault | None:
        def suits(fault: Fault) -> bool:
            return fault.allows("of", of) and (done is None or fault["done"] == done)

        return self._trouble.draw(kind, suits)

    def _account(self, account: SimulatedAccount) -> SimulatedAccount:
        """Always the same face for the same account."""
        found = self._accounts.get(account.account_id)
        if found is None:
            tape = ToldTape(account, self._trouble)
            self._tapes.append(tape)
            found = self._accounts[account.account_id] = cast(SimulatedAccount, _Account(account, self, tape))
        return found


class _Account:
    """An account whose tape is told as the faults want; all else is the account's own."""

    def __init__(self, account: SimulatedAccount, side: PrivateSide, tape: ToldTape) -> None:
        self._account, self._side, self._tape = account, side, tape

    def __getattr__(self, name: str) -> Any:
        return getattr(self._account, name)

    @property
    def number(self) -> int:
        return self._tape.number

    def events(self, after: int) -> Sequence[DeskEvent]:
        self._side.verdict.private = True
        return self._tape.events(after)
