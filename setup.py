"""Builds the native core where that is wanted and possible, and says what happened.

`CRYPTOPIPE_CORE=auto` (the default) builds it if cargo is there and goes on without it, saying so, if that fails;
`require` fails instead; `skip` does not try. One build serves every Python from 3.11 on (docs/adr/0001).
"""

import os
import shutil
import sys

from setuptools import setup
from setuptools.errors import BaseError, CompileError
from setuptools_rust import Binding, RustExtension
from setuptools_rust.build import build_rust

WANTED = os.environ.get("CRYPTOPIPE_CORE") or "auto"
WITHOUT = "the reference core alone is installed; it is for reading and small runs"


def say(text: str) -> None:
    print(f"cryptopipe: {text}", file=sys.stderr, flush=True)


class BuildCore(build_rust):
    """`build_rust` that fails only if the core is required, and is never silent."""

    def run_for_extension(self, ext: RustExtension) -> None:
        try:
            super().run_for_extension(ext)
        except (BaseError, CompileError, OSError) as error:
            if WANTED == "require":
                raise
            say(f"the native core could not be built; {WITHOUT}\n{error}")
        else:
            say("built the native core (abi3, Python 3.11 and later)")


def extensions() -> list[RustExtension]:
    if WANTED not in ("auto", "require", "skip"):
        sys.exit(f"CRYPTOPIPE_CORE is {WANTED!r}: expected auto, require or skip")
    if WANTED == "skip":
        say(f"the native core was not built (CRYPTOPIPE_CORE=skip); {WITHOUT}")
        return []
    if WANTED == "auto" and shutil.which(os.environ.get("CARGO", "cargo")) is None:
        say(f"the native core was not built (no cargo found); {WITHOUT}")
        return []
    return [
        RustExtension(
            "cryptopipe.core._rust",
            path="rust/py/Cargo.toml",
            binding=Binding.PyO3,
            debug=False,
            optional=WANTED == "auto",
            py_limited_api=True,
        )
    ]


found = extensions()
setup(
    rust_extensions=found,
    cmdclass={"build_rust": BuildCore},
    zip_safe=False,
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if found else {},
)
