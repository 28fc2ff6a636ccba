"""Nothing: the strategy that looks at every price and never proposes anything."""

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict, Field

from cryptopipe import api


class NothingSettings(BaseModel):
    """The section `nothing` of config.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    patience: int = Field(1, ge=0, description="how much of nothing to do")


class Nothing:
    """Asked about each change of a live book; a real one would look at `view` and yield `api.Opportunity` values."""

    def __init__(self, settings: NothingSettings) -> None:
        self.settings = settings

    def start(self, instruments: Sequence[api.Instrument]) -> None:
        self.instruments = instruments

    def evaluate(self, view: api.MarketView, changed: api.Instrument) -> Iterable[api.Opportunity]:
        return ()


strategy = api.StrategyPlugin("nothing", api.API_VERSION, "does nothing, on purpose", NothingSettings, Nothing)
