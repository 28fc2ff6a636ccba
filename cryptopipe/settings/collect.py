"""What can be set of the collector.

Enters: nothing. Leaves: `CollectSettings`. Never: a stream without a venue.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from cryptopipe.settings.kinds import STRICT, Duration, VenueName, names

Names = Annotated[tuple[str, ...], BeforeValidator(names)]


class StreamSettings(BaseModel):
    """One entry of `collect.streams`: what `cryptopipe collect` without --exchange collects of a venue."""

    model_config = STRICT

    exchange: VenueName = Field(..., description="the venue")
    symbols: Names = Field((), description="as the venue spells them, or BASE/QUOTE; none: everything that it lists")
    types: Names = Field(..., min_length=1, description="book, trade, top, l3, candle, raw; also book-100ms, candle-1m")
    depth: int | None = Field(None, ge=1, le=1000, description="levels of a book row's sides; null: 5")
    format: Literal["csv", "parquet"] = Field("csv", description="of sealed files")
    header: bool = Field(False, description="whether CSV files begin with the names of the columns")


class CollectSettings(BaseModel):
    """What is collected, and how it is filed."""

    model_config = STRICT

    streams: tuple[StreamSettings, ...] = Field(
        (), description="what `collect` without --exchange collects: entries of exchange, symbols, types, and others"
    )
    max_mb: int = Field(64, ge=1, le=4096, description="of rows in one file, before compression; then another begins")
    depth_levels: int = Field(40, ge=0, le=5000, description="of each side in depth/SYMBOL.json; 0: no such file")
    depth_every: Duration = Field(
        "1s", gt=0, validate_default=True, description="depth/SYMBOL.json is replaced this often at most"
    )
