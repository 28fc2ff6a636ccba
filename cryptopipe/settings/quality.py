"""What can be set of the checks of collected files.

Enters: nothing. Leaves: `QualitySettings`. Never: a limit without its unit.
"""

from fnmatch import fnmatchcase
from typing import Annotated, TypeVar

from pydantic import BaseModel, StringConstraints

from cryptopipe.settings.kinds import STRICT, Amount, Bps, Duration, setting

T = TypeVar("T")


StreamName = Annotated[str, StringConstraints(pattern=r"^[^/\s]+/[^/\s]+/[^/\s]+$")]
"""`alpha/trade/XYUSD`, as the folders are called; `*` stands for any text: `*/book-*/*`."""


class RowRange(BaseModel):
    """One entry of `quality.rows`: rows of an hour."""

    model_config = STRICT

    least: int = setting(0, ge=0, description="rows of a whole hour")
    most: int | None = setting(None, ge=0, description="rows of an hour; null: any number")


class QualitySettings(BaseModel):
    """Checks of collected files."""

    model_config = STRICT

    digest_at: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = setting(
        "00:15", description="when the digest of a day is told, in UTC, by qa --every"
    )
    rows: dict[StreamName, RowRange] = setting(
        dict,
        description="by stream (venue/type/symbol as the folders are called, * is any text): least, most; else learned",
    )
    silence: dict[StreamName, Duration] = setting(
        dict, description="by stream, as rows: the longest time without a row; else learned"
    )
    needs: int = setting(7, ge=3, le=1000, description="so many former days are learned from, hour by hour")
    spread: Amount = setting("6", gt=0, description="learned: so many MADs (as of a normal law) from the median")
    jump_bps: Bps = setting("200", gt=0, description="a price so far from the median around it")
    jump_mads: Amount = setting("12", description="and so many MADs: a jump")
    trade_bps: Bps = setting("100", gt=0, description="a trade so far outside the book of its time")
    clock_offset: Duration = setting(
        "5s", gt=0, description="event times so far ahead of, or at the end behind, the stamps of receipt"
    )
    clock_drift: Duration = setting(
        "1s", gt=0, description="a change of that difference in a day, by its trend over the files"
    )
    memory_mb: int = setting(
        512, ge=64, le=1_000_000, description="of the checks' database; what is over it goes to disk"
    )
    keep_free_mb: int = setting(1024, ge=0, description="of the scratch disk: what needs it is refused")
    threads: int = setting(1, ge=1, le=256, description="of the checks' database; the collectors have the others")


def of_stream(by_name: dict[str, T], stream: str) -> T | None:
    """The last entry whose name fits `venue/type/symbol`; None if none does."""
    found = [value for name, value in by_name.items() if fnmatchcase(stream, name)]
    return found[-1] if found else None
