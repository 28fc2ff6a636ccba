"""The product's Python sources, parsed once.

Enters: the checkout. Leaves: paths, texts and syntax trees. Never: an import of what is looked at.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Source:
    """One module: its path below the checkout, and what stands in it."""

    path: str

    @cached_property
    def text(self) -> str:
        return (ROOT / self.path).read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and absolute name of everything imported: `from a import b` is `a.b`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node.lineno, f"{'.' * node.level}{node.module or ''}.{a.name}") for a in node.names)

    def functions(self) -> Iterator[tuple[str, int]]:
        """Name and number of lines of each function."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


@cache
def sources(*roots: str) -> tuple[Source, ...]:
    """Every module below these folders, in order of their paths."""
    found = (path for root in roots for path in (ROOT / root).rglob("*.py"))
    return tuple(Source(str(path.relative_to(ROOT))) for path in sorted(found))


FRAMEWORK = ("cryptopipe",)
PLUGINS = ("plugins", "strategies")
PRODUCT = (*FRAMEWORK, *PLUGINS, "migrations")
