"""What a stranger's plugin raises against its contract, as the refusal that its contract allows.

Enters: an exception from a codec. Leaves: a `ProtocolError` or `VenueError`. Never: a text that another run of the same
inputs would not have, such as an address in memory.
"""

from cryptopipe.errors import ProtocolError, VenueError


def as_refusal(error: Exception) -> ProtocolError | VenueError:
    """The error itself if codecs may raise it, else where in whose code which error was raised."""
    if isinstance(error, ProtocolError | VenueError):
        return error
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = "" if place is None else f" in {place.tb_frame.f_code.co_qualname}, line {place.tb_lineno}"
    return ProtocolError(f"the plugin raised {type(error).__name__}{where}")
