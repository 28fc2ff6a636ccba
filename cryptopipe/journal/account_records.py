"""What a journal tells of our accounts at the venues: intents to move coins, answers, private streams, differences.

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
