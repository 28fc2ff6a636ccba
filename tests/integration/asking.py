"""The means to ask a simulated venue from a test that waits for other things too.

Enters: codecs, keys, where URLs lead. Leaves: an `Errand` while inside. Never: a real venue.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from cryptopipe.drivers.errand import Errand
from cryptopipe.drivers.fetching import session
from cryptopipe.drivers.signatory import Signatory
from cryptopipe.market.feeds import Rewrite
from cryptopipe.market.supply import ANSWER_WITHIN
from cryptopipe.model.actions import ActionCodec
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import Credentials


@asynccontextmanager
async def errand(
    codecs: Mapping[VenueId, ActionCodec], credentials: Mapping[VenueId, Credentials], rewrite: Rewrite
) -> AsyncIterator[Errand]:
    """While inside, requests can be made."""
    signatory = Signatory(codecs=codecs, credentials=credentials, rewrite=rewrite)
    async with session(ANSWER_WITHIN) as http:
        yield Errand(codecs, signatory, http)
