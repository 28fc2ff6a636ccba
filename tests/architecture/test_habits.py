"""The habits that a program can check: three lines at the top, size, exceptions, sleep, floats."""

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from architecture.sources import PRODUCT, ROOT, Source, sources

MODULE_LINES = 300
FUNCTION_LINES = 40

# Lists that may only become shorter. A number is what was there when it was listed: it may fall, never rise.
LONG_MODULES: dict[str, int] = {}
LONG_FUNCTIONS: dict[str, int] = {}

BROAD_EXCEPT = {
    "cryptopipe/registry.py": "a stranger's module may raise anything while it is imported; it stops only itself",
    "cryptopipe/market/market.py": "a stranger's codec: what it raises costs its connection its books, not the run",
    "cryptopipe/market/listings.py": "a stranger's metadata: what it raises makes an answer of no use",
    "cryptopipe/market/inquiry.py": "a stranger's metadata that cannot say what to ask: its venue is not asked",
    "cryptopipe/market/feeds.py": "a stranger's reading of the server time: what it raises is no time",
    "cryptopipe/market/history.py": "a stranger's history of trades: what it raises fills no hole, and is asked again",
    "cryptopipe/act/venues.py": "a stranger's action codec that cannot be made: the start is refused with its name",
    "cryptopipe/act/strangers.py": "a stranger's action codec: what it raises is an outcome that its contract allows",
    "cryptopipe/private_streams.py": "a stranger's private codec: what it raises ends the trust in its stream",
    "cryptopipe/drivers/private.py": "a stranger's signer: what it raises costs its private connection one dial",
    "cryptopipe/drivers/sources.py": "a stranger's source: what it raises closes its connection, or refuses the run",
    "cryptopipe/securities/answers.py": "a stranger's metadata: what it raises costs its venue this sync",
    "cryptopipe/alerts/sending.py": "somebody's notification service: what it raises is one message not delivered",
    "cryptopipe/testing/damage.py": "the kit judges a stranger's codec: whatever escapes is the finding",
}
SLEEPS = {
    "cryptopipe/securities/access.py": "a bounded wait for another process's transaction; no run comes here",
    "cryptopipe/journal/database.py": "a reader's bounded wait for another process's projection; no run comes here",
}
FLOATS = {
    "cryptopipe/act/ccxt_exchange.py": "a venue that wants numbers in JSON: one that is not the text is refused",
}
"""Modules of act/, gate/ and evaluate/ that may call `float`, with the reason."""

FORBIDDEN_NAMES = ("utils", "helpers", "manager", "base", "common")


def _has_code(source: Source) -> bool:
    """An `__init__` with a docstring and nothing else is a label on a folder, no module."""
    return len(source.tree.body) > 1


def _only_reexports(source: Source) -> bool:
    """A list of names, which nobody reads from end to end."""
    _, *rest = source.tree.body
    return all(
        isinstance(node, ast.ImportFrom)
        or (isinstance(node, ast.Assign) and [ast.unparse(one) for one in node.targets] == ["__all__"])
        for node in rest
    )


def _revision(source: Source) -> bool:
    return "/versions/" in source.path


@pytest.mark.parametrize("source", sources(*PRODUCT), ids=lambda source: source.path)
def test_each_module_opens_with_three_lines(source: Source) -> None:
    doc = ast.get_docstring(source.tree)
    assert doc, f"{source.path} has no docstring"
    if _has_code(source) and not _revision(source):
        absent = [word for word in ("Enters:", "Leaves:", "Never:") if word not in doc]
        assert not absent, f"{source.path}: the docstring lacks {', '.join(absent)}"


def test_modules_are_one_sitting() -> None:
    read = [one for one in sources(*PRODUCT) if not _only_reexports(one)]
    _shrinks_only({one.path: one.lines for one in read}, LONG_MODULES, MODULE_LINES)


def test_functions_fit_a_screen() -> None:
    functions = [(f"{one.path}:{name}", lines) for one in sources(*PRODUCT) for name, lines in one.functions()]
    measured = dict(sorted(functions, key=lambda function: function[1]))  # of one name, the longest counts
    _shrinks_only(measured, LONG_FUNCTIONS, FUNCTION_LINES)


def _shrinks_only(measured: dict[str, int], listed: dict[str, int], limit: int) -> None:
    grown = {name: lines for name, lines in measured.items() if lines > listed.get(name, limit)}
    assert not grown, f"longer than {limit} lines, or than its entry in this list: {grown}"
    done = {name for name in listed if measured.get(name, 0) <= limit}
    assert not done, f"no longer too long, take them off the list: {sorted(done)}"


TEST_SLEEPS = {
    "tests/foreign/clients/told.py": "foreign clients are looked at at random moments of a minute",
    "tests/foreign/clients/private_kraken_sdk.py": "its clients wait for no venue's count of calls to run down",
}


def test_broad_except_lives_where_strangers_code_is_called() -> None:
    _only_in(BROAD_EXCEPT, _broad_handlers, PRODUCT)


def test_nothing_sleeps() -> None:
    _only_in(SLEEPS, lambda source: _calls(source, "time.sleep", "sleep"), PRODUCT)


def test_no_test_sleeps() -> None:
    _only_in(TEST_SLEEPS, lambda source: _calls(source, "time.sleep", "sleep", "asyncio.sleep"), ("tests",))


def test_decisions_are_exact() -> None:
    _only_in(
        FLOATS, lambda source: _calls(source, "float"), tuple(f"cryptopipe/{x}" for x in ("act", "gate", "evaluate"))
    )


def _only_in(allowed: dict[str, str], found: Callable[[Source], Iterable[int]], roots: tuple[str, ...]) -> None:
    lines = {one.path: [f"{one.path}:{line}" for line in found(one)] for one in sources(*roots)}
    assert [line for path, where in lines.items() if path not in allowed for line in where] == []
    assert {path for path in allowed if not lines.get(path)} == set(), "an exemption that nothing needs"


def _broad_handlers(source: Source) -> Iterator[int]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler):
            types = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(one is None or ast.unparse(one) in ("Exception", "BaseException") for one in types):
                yield node.lineno


def _calls(source: Source, *names: str) -> Iterator[int]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
            yield node.lineno


def test_names_say_what_a_module_is_about() -> None:
    assert [source.path for source in sources(*PRODUCT) if Path(source.path).stem in FORBIDDEN_NAMES] == []


def test_a_venues_feed_is_one_sitting() -> None:
    feeds = (ROOT / "plugins").glob("*/feed*.py")
    assert {str(path): n for path in feeds if (n := len(path.read_text().splitlines())) > MODULE_LINES} == {}
