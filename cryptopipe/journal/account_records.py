"""What a journal tells of our accounts at the venues: intents to move coins, what came of them, answers, differences.

Enters: facts of the run. Leaves: bodies of records. Never: a key, a signature, a time that is no input's.
"""

from decimal import Decimal
from typing import ClassVar

import msgspec

from cryptopipe.clock import Nanos


class TransferIntended(msgspec.Struct, frozen=True):
    """A withdrawal or a move between wallets, before it is asked for. `target` is the wallet, or the venue that the
    address is of; `network` and `address` are empty for a move.
    """

    kind: ClassVar[str] = "transfer_intended"
    client_id: str
    venue: str
    asset: str
    amount: Decimal
    target: str
    network: str = ""
    address: str = ""
    memo: str = ""


class TransitChanged(msgspec.Struct, frozen=True):
    """Where coins that travel for a decision are now: `buying`, `addressing`, `weighing`, `moving_out`, `withdrawing`,
    `unknown`, `leaving`, `travelling`, `moving_in`, `selling`, `moving_back`, `returning`, `done`, `lost`, or `stuck`
    where they are later than the forecast's time of giving up. `reason` says why, where that is not where they were to
    go.
    """

    kind: ClassVar[str] = "transit_changed"
    decision_id: int
    state: str
    reason: str = ""


class TransferSent(msgspec.Struct, frozen=True):
    """Coins left a venue for another: `amount` from the account, `fee` of it for the network. `value` and `fee_value`
    are what the rest and the fee were worth in the numeraire, as of a fill.
    """

    kind: ClassVar[str] = "transfer_sent"
    decision_id: int
    client_id: str
    venue: str
    asset: str
    amount: Decimal
    fee: Decimal
    txid: str
    value: Decimal | msgspec.UnsetType = msgspec.UNSET
    fee_value: Decimal | msgspec.UnsetType = msgspec.UNSET


class TransferCredited(msgspec.Struct, frozen=True):
    """Coins arrived. `took_ns` from the asking for the withdrawal until the credit was seen; `value` as of a fill."""

    kind: ClassVar[str] = "transfer_credited"
    decision_id: int
    client_id: str
    venue: str
    asset: str
    amount: Decimal
    txid: str
    took_ns: Nanos
    value: Decimal | msgspec.UnsetType = msgspec.UNSET


class TransitEnded(msgspec.Struct, frozen=True):
    """The whole of a transit. `end` is `sold` (at the target), `restored` (the target's stock), `returned` (sold at the
    source), `kept` (at the source), `lost`, or `nothing` (was bought). Amounts of the asset: `bought` and `sold` net of
    fees in it, `sent` with the network's fee, `credited`, `rest` what there is more of it now, worth nothing in
    `value`. `profit` per asset is that of the ledger. `value` in `numeraire` and `log_return` (of what was got over
    what was spent, after every cost, to 12 digits) compare with the forecast; None where something has no price,
    or nothing was got. `took_ns` as of the credit, 0 without one; `lasted_ns` from the decision.
    """

    kind: ClassVar[str] = "transit_ended"
    decision_id: int
    way: str
    end: str
    asset: str
    source: str
    target: str
    bought: Decimal
    sent: Decimal
    credited: Decimal
    sold: Decimal
    rest: Decimal
    profit: dict[str, Decimal]
    numeraire: str
    value: Decimal | None
    log_return: Decimal | None
    took_ns: Nanos
    lasted_ns: Nanos
    reason: str = ""


class ActionAnswered(msgspec.Struct, frozen=True):
    """A venue answered to a signed request. `outcome` is `accepted`, `refused`, `not_found`, `told`, or the code of the
    error that it was, such as `unknown_outcome`; `took_ns` from the turn that asked to the answer's input.
    """

    kind: ClassVar[str] = "action_answered"
    venue: str
    action: str
    client_id: str
    outcome: str
    detail: str
    took_ns: Nanos


class PrivateChanged(msgspec.Struct, frozen=True):
    """A venue's private stream came up or went; `reason` says why, or what it missed while it is up."""

    kind: ClassVar[str] = "private_changed"
    venue: str
    up: bool
    reason: str


class Reckoned(msgspec.Struct, frozen=True):
    """A venue told what we hold at the end. `differs`: by asset (told by it, in our books), where these differ."""

    kind: ClassVar[str] = "reckoned"
    venue: str
    differs: dict[str, tuple[Decimal, Decimal]]
