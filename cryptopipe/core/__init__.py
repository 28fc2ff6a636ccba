"""The core, native or reference, chosen once and never silently.

Enters: nothing. Leaves: `Book`, `OrderBook`, `Lane`, `Count`, `Levels`, `TopOfBook`, `Window`, `Graph`, `Pairs`,
`logarithm`, `parse_instant`, and `NAME` that says whose they are. Never: a mixture.
`CRYPTOPIPE_USE_CORE=native|reference` chooses; without it the native core where it is built.
"""

import os

from cryptopipe.errors import CoreUnavailable

_wanted = os.environ.get("CRYPTOPIPE_USE_CORE", "")
if _wanted not in ("", "native", "reference"):
    raise CoreUnavailable(f"CRYPTOPIPE_USE_CORE is {_wanted!r}", fix="set it to native or reference, or unset it")

try:
    if _wanted == "reference":
        raise ImportError
    from cryptopipe.core._rust import (
        Book,
        Count,
        Graph,
        Lane,
        Levels,
        OrderBook,
        Pairs,
        TopOfBook,
        Window,
        logarithm,
        parse_instant,
    )

    NAME = "native"
except ImportError as error:
    if _wanted == "native":
        raise CoreUnavailable(
            "the native core is not built", fix="install with a Rust toolchain and CRYPTOPIPE_CORE=require"
        ) from error
    from cryptopipe.core.instant import parse_instant
    from cryptopipe.core.lane import Count, Lane  # type: ignore[assignment]
    from cryptopipe.core.reference import Book, Levels, TopOfBook  # type: ignore[assignment]
    from cryptopipe.core.reference_graph import Graph, Pairs, logarithm  # type: ignore[assignment]
    from cryptopipe.core.reference_orders import OrderBook  # type: ignore[assignment]
    from cryptopipe.core.reference_window import Window  # type: ignore[assignment]

    NAME = "reference"

SCALE = 12
"""Core numbers are integers in units of 10⁻¹²."""

__all__ = [
    "NAME",
    "SCALE",
    "Book",
    "Count",
    "Graph",
    "Lane",
    "Levels",
    "OrderBook",
    "Pairs",
    "TopOfBook",
    "Window",
    "logarithm",
    "parse_instant",
]
