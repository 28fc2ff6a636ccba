"""Where the custody of a world and the desks of its venues are put together.

Enters: the custody, a desk. Leaves: the desk's customers with their transfers, told on their tapes. Never: a balance or
a transfer kept here.
"""

from cryptopipe.model.desk import DeskTransfer
from cryptopipe.sandbox.accounts import Account
from cryptopipe.sandbox.desk import Desk
from cryptopipe.sandbox.transfers import Custody
from cryptopipe.sandbox.transfers_account import Tell


def open_offices(custody: Custody, desk: Desk) -> None:
    """Gives each customer of a desk its transfers; what the custody suspends, the desk's currencies say."""
    for account in desk.accounts.values():
        account.office = custody.open(desk.venue, account.account_id, account.wallets, _tells(account), desk.shown)
    desk.suspended = custody.wallets(desk.venue).shut


def _tells(account: Account) -> Tell:
    def tell(transfer: DeskTransfer | None) -> None:
        if transfer is not None:
            account.tell_transfer(transfer)
        account.tell_balances()

    return tell
