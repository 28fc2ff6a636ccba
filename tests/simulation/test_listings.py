"""Every simulated venue tells of its instruments what the plugin's own table says, so that a simulated run begins
without a change; and what it is asked is what it answers.
"""

from urllib.parse import urlsplit

import pytest
from simulation.arena import START

from cryptopipe.capture.inputs import METADATA, Direction, Input
from cryptopipe.market.listings import Listings
from cryptopipe.model.facts import Instrument, VenueId
from cryptopipe.model.stream import HttpRequest, HttpResponse
from cryptopipe.registry import Registry
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

REGISTRY = Registry()
VENUES = [
    name for name in REGISTRY.names("exchange") if "*" not in name and REGISTRY.exchange(name).sandbox is not None
]


@pytest.mark.parametrize("name", VENUES)
def test_a_simulated_venue_tells_what_its_plugin_knows(name: str) -> None:
    venue, plugin = VenueId(name), REGISTRY.exchange(name)
    assert plugin.metadata is not None
    world = World({venue: plugin}, Parameters.load(), 1, START)
    house, listings = House(plugin, world.books[venue], (), 1, START), Listings({venue: plugin})
    known: list[Instrument] = [book.instrument for book in world.books[venue].values()]
    for one in known:
        assert listings.now(one) == one
    told: set[str] = set()
    for request in plugin.metadata.requests():
        reply = house.answer(
            HttpRequest(request.method, urlsplit(request.url)._replace(scheme="", netloc="").geturl()), START
        )
        assert reply is not None
        answer = reply.response
        headers = tuple(answer.headers.items())
        entry = Input(
            1, 1, START, Direction.HTTP, name, "", request.url, answer.body, answer.status, headers, METADATA
        )  # fmt: skip
        changed = listings.read(venue, entry)
        assert (changed, listings.failure) == ([], ""), f"{request.url}: {listings.news}"
        response = HttpResponse(200, answer.body, request.url, answer.headers)
        told |= {one.symbol for one in plugin.metadata.read(response).instruments}
    assert {one.symbol for one in known} <= told and known
    assert listings.news == [], "fees"
