"""What enters a run: every later step is a function of a sequence of these.

Enters: nothing. Leaves: `Direction`, `Input`. Never: a clock; number and stamp are given by the loop, once.
"""

from enum import Enum

import msgspec

from cryptopipe.clock import Nanos

SERVER_TIME = "server time"
"""The tag of a request for a venue's clock; its answer changes no book."""
STREAM_TOKEN = "stream token"
"""The tag of a request for what lets one subscribe; its answer is a secret, and no input ever holds it."""
METADATA = "metadata"
"""The tag of a request for what a venue says of its instruments, currencies or fees; its answer changes no book."""
ORDERS_OF = "orders:"
"""What the tag of a request for a book of single orders begins with; the symbol follows."""
TRADES_OF = "trades:"
"""What the tag of a request for public trades of the past begins with; the symbol follows. It changes no book."""

PRIVATE = "!"
"""What the name of a private connection ends with: its frames are about our account, and no book."""
ACTION = "action:"
"""What the tag of a signed request begins with; its number follows. Its answer is about our account, and no book."""
SETTLE = b"settle"
"""The command after which no plan is started and the venues' balances are compared with the books: a run's last act."""


class Direction(Enum):
    """What an input is. Files may say `connect` for `open`; `send` is kept for the record and drives nothing."""

    OPEN = "open"
    CLOSE = "close"
    RECV = "recv"
    HTTP = "http"
    TICK = "tick"
    COMMAND = "command"
    SEND = "send"


class Input(msgspec.Struct, frozen=True, gc=False):
    """One thing that entered the run.

    `seq` counts from 1, `turn` groups what the loop found ready at once, `at` is the loop's stamp. `conn` is a
    connection such as `alpha#1`; `venue` and `conn` are empty for ticks and commands. `http` is an answer: `url`
    is the request's (empty where a recording does not tell it), `status` 0 where unknown, `request` the asker's tag.
    """

    seq: int
    turn: int
    at: Nanos
    direction: Direction
    venue: str
    conn: str
    url: str
    payload: bytes
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    request: str = ""

    @property
    def ends(self) -> bool:
        """Whether the run is over with it: the user's word, or why there is nothing more."""
        return self.direction is Direction.COMMAND and self.payload != SETTLE
