"""What every numbered check is made of: a name, a failure that says it, a count of what was looked at.

Enters: the body of a check. Leaves: a pytest test, and what it counted, for the certificate. Never: a check that is
silent about what it did not apply to.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar, NoReturn
from unittest import SkipTest

from cryptopipe.errors import CryptopipeError

CHECK = "check_name"
"""The attribute of a test that holds its number and name: `8 sync`."""


class Impure(BaseException):
    """Raised inside functions that a codec must not call; no `except Exception` of a codec swallows it."""


class Judged:
    """Base of the kits. `told` is what each check counted, by its name, for the certificate."""

    told: ClassVar[dict[str, str]] = {}
    _check = ""

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        cls.told = {}

    @classmethod
    def of(cls) -> str:
        """The name of the plugin that is judged; empty for a class that judges none."""
        return ""

    def tell(self, counts: str) -> None:
        """What the check at work has looked at: `31 frames, 6200 mutations`."""
        type(self).told[self._check] = counts


def require(holds: bool, message: str) -> None:
    """Raises `AssertionError` with the message; unlike `assert` it is not rewritten and not optimised away."""
    if not holds:
        raise AssertionError(message)


def not_applicable(why: str) -> NoReturn:
    """The check says nothing about this plugin, and why; the certificate shows it."""
    raise SkipTest(f"not applicable: {why}")


def numbered(check: str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Puts the check's number and name before what a failing test says."""

    def named(test: Callable[[Any], None]) -> Callable[[Any], None]:
        @wraps(test)
        def run(kit: Any) -> None:
            kit._check = check
            try:
                test(kit)
            except (AssertionError, CryptopipeError) as error:
                raise AssertionError(f"check {check}: {error}") from error
            except Impure as error:
                raise AssertionError(f"check {check}: it touches {error}") from error

        setattr(run, CHECK, check)
        return run

    return named
