"""A key that is easy to recognise, and every way in which an error or a value may be shown."""

import io
import json
import pickle
import traceback
from base64 import b64encode
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import msgspec
import structlog
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

from cryptopipe.model.stream import Credentials

PLAIN = "unmistakable-secret-8c1f/7+e2"
SECRET = b64encode(PLAIN.encode() * 3).decode()
"""Base64, as some venues have theirs, and longer than what is cut off in tracebacks."""
KEY = "unmistakable-key-55d0b3"
PASSPHRASE = "unmistakable-phrase-a41/"
CREDENTIALS = Credentials(KEY, SECRET, PASSPHRASE)
_PART = 10
"""Characters of a text that give it away."""


def forms(*texts: str) -> set[str]:
    """As they are, as base64, hexadecimal, a URL and JSON have them; of each the beginning is enough."""
    found: set[str] = set()
    for one in texts:
        raw = one.encode(errors="surrogateescape")
        found |= {one[:_PART], one[-_PART:], quote(raw, safe="")[:_PART], json.dumps(one)[1 : _PART + 1]}
        found |= {raw.hex()[: 2 * _PART], b64encode(raw).decode()[: _PART + 2], repr(raw)[2 : 2 + _PART]}
    return found


def spilled(shown: str | bytes, *texts: str) -> set[str]:
    """Which of these texts (the secret, its content and the passphrase if none is named) are in what is shown."""
    wanted = texts or (SECRET, PLAIN, PASSPHRASE)
    whole = shown.decode("utf-8", "replace") if isinstance(shown, bytes) else shown
    return {one for one in wanted if any(form in whole for form in forms(one))}


def shown(error: BaseException) -> str:
    """An error as it can be shown: text, `repr`, arguments, traceback with the variables of each frame, by Python, by
    rich and by structlog; also of the errors that it came from, suppressed or not.
    """
    told: list[str] = []
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        waiting += [one.__cause__, one.__context__]
        told += [str(one), repr(one), repr(one.args), repr(vars(one)), *_tracebacks(one)]
    return "\n".join(told)


def _tracebacks(error: BaseException) -> Iterable[str]:
    yield "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    page = Console(file=io.StringIO(), width=300)
    page.print(Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True, max_frames=0))
    assert isinstance(page.file, io.StringIO)
    yield page.file.getvalue().replace("\n", "")
    info = (type(error), error, error.__traceback__)
    yield json.dumps(structlog.tracebacks.ExceptionDictTransformer(show_locals=True)(info), default=repr)


def written(value: Any) -> list[str]:
    """A value by each printer and encoder that takes it."""
    told = [repr(value), str(value), f"{value}", f"{value!r}", pretty_repr(value), pretty_repr(value, max_string=20)]
    told += [pretty_repr({"in": [value]}), json.dumps({"in": value}, default=repr)]
    for encode in (pickle.dumps, msgspec.json.encode, msgspec.msgpack.encode, msgspec.to_builtins, vars):
        try:
            told.append(repr(encode(value)))
        except TypeError as refused:
            told.append(shown(refused))
    return told
