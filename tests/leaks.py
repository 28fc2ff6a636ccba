"""A key that is easy to recognise, and every way in which an error or a value may be shown."""

import json
import pickle
import traceback
from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from typing import Any
from urllib.parse import quote

import msgspec
import structlog
from rich.pretty import pretty_repr
from rich.traceback import Traceback

from cryptopipe.model.stream import Credentials

PLAIN = "secret-8c1f/7+e2-of-these-probes"
SECRET = b64encode(PLAIN.encode() * 3).decode()
"""Base64, as some venues have theirs, and longer than what is cut off in tracebacks."""
KEY = "apikey-55d0b3-4e1977abd2"
PASSPHRASE = "phrase-a41-66b0c9f3/x"
CREDENTIALS = Credentials(KEY, SECRET, PASSPHRASE)
_PART = 10
"""Characters of a text that give it away."""


@cache
def forms(text: str) -> frozenset[str]:
    """As it is, as base64, hexadecimal, a URL and JSON have it; of each the beginning is enough."""
    raw = text.encode(errors="surrogateescape")
    found = {text[:_PART], text[-_PART:], quote(raw, safe="")[:_PART], json.dumps(text)[1 : _PART + 1]}
    return frozenset(found | {raw.hex()[: 2 * _PART], b64encode(raw).decode()[: _PART + 2], repr(raw)[2 : 2 + _PART]})


def spilled(shown: str | bytes, *texts: str) -> set[str]:
    """Which of these texts (the secret, its content and the passphrase if none is named) are in what is shown."""
    wanted = texts or (SECRET, PLAIN, PASSPHRASE)
    whole = shown.decode("utf-8", "replace") if isinstance(shown, bytes) else shown
    return {one for one in wanted if one and any(form in whole for form in forms(one))}


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
    found = Traceback.extract(type(error), error, error.__traceback__, show_locals=True)
    for frame in (one for stack in found.stacks for one in stack.frames):
        yield "\n".join(f"{name} = {value.render(max_width=10_000)}" for name, value in (frame.locals or {}).items())
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
