"""What every part of this plugin knows of Gemini.

Enters: nothing. Leaves: constants. Never: a request made at import.
"""

import msgspec

from cryptopipe.api import VenueId

VENUE = VenueId("gemini")
SECOND = 1_000_000_000
MILLISECOND = 1_000_000
UNREADABLE = (msgspec.MsgspecError, ValueError, IndexError, RecursionError)
"""What reading a frame or an answer that is no such thing may raise."""
