"""Which transfer in a venue's list is ours.

Enters: a list, what is known of ours. Leaves: the one, or None. Never: one that is named as another's.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

from cryptopipe.clock import Nanos
from cryptopipe.model.money import exact
from cryptopipe.model.outcomes import TransferReport

Claimed = Callable[[TransferReport], bool]
"""Whether a transfer in a venue's list is known to be of somebody else."""


def nobodys(report: TransferReport) -> bool:
    """No transfer is another's."""
    return False


def bare(client_id: str) -> str:
    """As venues that take letters and digits alone give it back."""
    return client_id.replace("-", "")


def ours_of(
    told: Sequence[TransferReport],
    transfer_id: str,
    client_id: str,
    address: str,
    sent: Decimal,
    fee: Decimal,
    since: Nanos,
    claimed: Claimed,
) -> TransferReport | None:
    """Of withdrawals the one with the venue's id, if that is known, or with ours; where the list tells another id than
    ours or none, one that went to this address, of the amount that was sent, with the fee or without, not before
    `since`.
    """
    if transfer_id:
        return next((one for one in told if one.transfer_id == transfer_id), None)
    named = next((one for one in told if bare(one.client_id) == bare(client_id)), None)
    if named is not None:
        return named
    for one in told:
        with exact():
            as_sent = one.amount in (sent, sent - fee, sent - (one.fee or 0))
        recent = not one.at or one.at >= since
        if one.address == address and as_sent and recent and not claimed(one):
            return one
    return None
