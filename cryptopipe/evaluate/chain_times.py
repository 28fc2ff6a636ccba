"""How long chains take, by a table whose every row says where it was read.

Enters: a chain's name in the identity table. Leaves: when its blocks come, how they take transactions in, how many of
them make a deposit. Never: a guess for a chain that the table does not have.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec

from cryptopipe.errors import did_you_mean
from cryptopipe.model.trading import Reason

_Count = Annotated[int, msgspec.Meta(ge=1)]


class ChainTime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One chain. `law` `work`: the time between blocks is exponential with mean `block_s`, in seconds; `slots`: one at
    each multiple of `block_s`, unless it is `missed`.

    `included`: the chance that a block takes in what pays the going fee; `crowding`: the standard deviation of the
    logarithm of that fee from hour to hour. `confirmations`: until a deposit is credited where the venue does not state
    it, the block of the transaction being the first; `final`: until the chain does not take it back. `source` says what
    was read where, and what is assumed; `as_of` when.
    """

    chain: str
    law: Literal["work", "slots"]
    block_s: Annotated[float, msgspec.Meta(gt=0)]
    missed: Annotated[float, msgspec.Meta(ge=0, lt=1)]
    included: Annotated[float, msgspec.Meta(gt=0, le=1)]
    crowding: Annotated[float, msgspec.Meta(ge=0)]
    confirmations: _Count
    final: _Count
    source: str
    as_of: str

    def __post_init__(self) -> None:
        if self.law == "work" and self.missed:
            raise ValueError(f"{self.chain} has law work, whose blocks are not missed, and missed {self.missed:g}")


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    note: str
    chains: list[ChainTime]


@cache
def chain_times() -> Mapping[str, ChainTime]:
    """The packaged table `chain_times.json`, by chain."""
    text = files("cryptopipe.evaluate").joinpath("chain_times.json").read_bytes()
    return {row.chain: row for row in msgspec.json.decode(text, type=_Table).chains}


def chain_time(chain: str) -> ChainTime | Reason:
    """The row of a chain, or the failed check that says that there is none."""
    row = chain_times().get(chain)
    if row is None:
        return Reason("transfer_time", False, f"a chain of the table{did_you_mean(chain, chain_times())}", chain)
    return row
