"""Values that hold a secret, and how little of it they show.

Enters: texts of keys, signatures and tokens. Leaves: values that can be used, compared and copied. Never: a `repr`, a
pickle or an encoded document with the secret in it.
"""

from typing import Any, NoReturn, Self


class Hidden(str):
    """A secret that is used as any text is, but whose `repr`, also that of a part of it, tells nothing: a traceback
    that shows local variables shows `'…'`. What is made of it (`secret + "x"`, `secret.encode()`) is not hidden.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"

    def __getitem__(self, part: Any) -> "Hidden":
        return Hidden(str.__getitem__(self, part))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled")


class Sealed:
    """What cannot be pickled, and is its own copy. For classes that do not change; each writes its own `repr`."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} may hold a secret and is not pickled")

    def __rich_repr__(self) -> Any:
        """A class of `msgspec` has one that shows every field."""
        yield "…"


class SealedValue(Sealed):
    """An unchanging value of a few slots that no encoder knows how to write."""

    __slots__: tuple[str, ...] = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} does not change")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def _parts(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in type(self).__slots__)

    def __eq__(self, other: object) -> bool:
        return self._parts() == other._parts() if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(tuple(sorted(one.items())) if isinstance(one, dict) else one for one in self._parts()))
