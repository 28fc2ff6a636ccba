"""How long the venues took, kept beside the runs: for paper orders, and for whoever evaluates an edge.

Enters: what runs whose orders went to venues have measured. Leaves: `latency.json` of the data directory: by venue and
kind of action the count, the sum and the longest. Never: a part of a journal: what a run uses of it stands in its
configuration.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from cryptopipe.capture.files import DISK
from cryptopipe.clock import Nanos
from cryptopipe.errors import ConfigError
from cryptopipe.model.facts import VenueId
from cryptopipe.summary import Took

FILE = "latency.json"
ORDER = "PlaceOrder"
"""The kind whose answer says when an order was in the book, at the latest."""


def remember(data_dir: Path, market: str, took: Mapping[tuple[VenueId, str], Took]) -> None:
    """Add a run's figures to those of the runs before it. `market` is `sandbox` or `live`: they are kept apart."""
    known = _read(data_dir)
    of_market = known.setdefault(market, {})
    for (venue, kind), new in took.items():
        old = of_market.setdefault(venue, {}).get(kind, Took())
        of_market[venue][kind] = Took(old.count + new.count, old.total + new.total, max(old.longest, new.longest))
    DISK.replace(data_dir / FILE, msgspec.json.format(msgspec.json.encode(known, order="sorted"), indent=2) + b"\n")


def order_latencies(data_dir: Path, market: str) -> dict[str, Nanos]:
    """By venue the mean time from the decision to the answer to an order; venues without a measurement are left out.
    Raises `ConfigError` if the file is not what a run wrote.
    """
    venues = _read(data_dir).get(market, {})
    means = {venue: kinds[ORDER] for venue, kinds in venues.items() if ORDER in kinds}
    return {venue: took.total // took.count for venue, took in means.items() if took.count}


def _read(data_dir: Path) -> dict[str, dict[str, dict[str, Took]]]:
    path = data_dir / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, dict[str, Took]]])
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as error:
        raise ConfigError(
            f"not the latencies that runs write: {error}", where=str(path), fix="delete it; runs write a new one"
        ) from error
