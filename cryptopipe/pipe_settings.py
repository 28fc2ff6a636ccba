"""What a pipe's results depend on beside its inputs.

Enters: limits, fees, codecs, balances, as the wiring makes them. Leaves: one frozen value. Never: a key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from cryptopipe.clock import Nanos
from cryptopipe.gate.gate import Limits
from cryptopipe.market.networks import Custody
from cryptopipe.market.sync import Kept
from cryptopipe.model.actions import ActionCodec, PrivateCodec
from cryptopipe.model.facts import Asset, FeeSchedule, VenueId


@dataclass(frozen=True)
class PipeSettings:
    """What a run's results depend on beside its inputs."""

    limits: Limits
    latency: Nanos
    fees: Mapping[VenueId, FeeSchedule]
    opening: Callable[[VenueId, Asset], Decimal]
    restoring_bps: Decimal
    own_fees: frozenset[VenueId] = frozenset()
    """Venues whose rates the user has set."""
    codecs: Mapping[VenueId, ActionCodec] = field(default_factory=dict)
    """Where orders go to the venues: what reads their answers. None on paper."""
    private: Mapping[VenueId, Callable[[], PrivateCodec]] = field(default_factory=dict)
    """Makes what reads a venue's private stream, for each connection anew."""
    latencies: Mapping[VenueId, Nanos] = field(default_factory=dict)
    """Of paper orders at single venues, in place of `latency`."""
    withdrawals: frozenset[VenueId] = frozenset()
    """Where orders go to the venues: those that coins may be sent from."""
    transfer_seed: int = 1
    """Of the times that transfers take on paper."""
    kept: Kept = field(default_factory=Kept)
    """Of each instrument's tops."""
    custody: Custody = field(default_factory=Custody)
    """What accounts have to keep to before coins move."""
