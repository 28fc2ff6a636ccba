"""Files that one process at a time holds, whoever else may read them.

Enters: an open file. Leaves: whether it is ours, until it is closed; whose it is. Never: a lock that outlives its
process.
"""

import fcntl
import os
from typing import IO


def claim(lock: IO[str]) -> bool:
    """Whether this process has the lock now, with its number in the file; False while another one has it. The file is
    open for reading and appending.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return True


def holder(lock: IO[str]) -> str:
    """The number of the process that has the lock, as it wrote it; empty where that is no number."""
    lock.seek(0)
    number = lock.read(20).strip()
    return number if number.isdecimal() else ""
