"""Where the custody of a world and the desks of its venues are put together.

Enters: the desks of a world, its parameters. Leaves: the custody of all; the desks' customers with their transfers,
told on their tapes. Never: a balance or a transfer kept here.
"""

from collections.abc import Mapping
from decimal import Decimal

from cryptopipe.model.facts import VenueId
from cryptopipe.sandbox.desk import Desk
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.transfers import Agenda, Custody


def custody_of(desks: Mapping[VenueId, Desk], parameters: Parameters, seed: int, agenda: Agenda) -> Custody:
    """One custody for all desks of a world, over the currencies that each has. Limits in dollars are reckoned by the
    prices at which the simulated market begins.
    """
    custody = Custody(
        parameters.chains,
        parameters.processing,
        seed,
        agenda,
        {venue: desk.currencies for venue, desk in desks.items()},
        lambda asset: Decimal(str(parameters.price(asset).usd)),
    )
    for desk in desks.values():
        _open_offices(custody, desk)
    return custody


def _open_offices(custody: Custody, desk: Desk) -> None:
    """Each customer of a desk gets its transfers; what is suspended at the desk and in the custody is one thing."""
    for account in desk.accounts.values():
        account.office = custody.open(
            desk.venue, account.account_id, account.wallets, account.tell_transfer, desk.shown
        )
    custody.wallets(desk.venue).shut = lambda: desk.suspended
    desk.transfer_faults = custody.faults
