"""What these tests read of the code stays out of later collections of garbage.

Enters: nothing. Leaves: the syntax trees of the whole code, frozen. Never: a second a collection for looking through
them, which the kit's check of what a codec keeps pays ten times for each venue.
"""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _frozen() -> Iterator[None]:
    yield
    gc.freeze()
