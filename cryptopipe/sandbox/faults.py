"""What shall go wrong at simulated venues, when, and how often: a schedule from a YAML file.

Enters: a list of entries `kind, at, for, venue, probability` and the kind's own keys. Leaves: frozen `Fault`s. Never: a
schedule of which a part was not understood; a default for what only its user can mean.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptopipe.clock import LAST, SECOND, Nanos, parse_duration
from cryptopipe.errors import ConfigError, did_you_mean
from cryptopipe.sandbox.fault_kinds import ANY, BILLION, KINDS, Scope, duration, share

_FIX = "docs/sandbox.md lists every kind with its keys"


@dataclass(frozen=True)
class Fault:
    """One entry: `kind` is in force from `at` after the start of the sandbox, for `lasts`.

    `venue` empty: at every venue. `values` are the kind's own: nanoseconds for durations, billionths for shares, else
    as written; `words` those that are texts. Raises `ValueError` for an unknown kind or value, `probability` outside
    (0, 1].
    """

    kind: str
    at: Nanos = 0
    lasts: Nanos = LAST
    venue: str = ""
    probability: float = 1.0
    values: Mapping[str, int] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind {self.kind!r}{did_you_mean(self.kind, KINDS)}")
        kind = KINDS[self.kind]
        unknown = set(self.values) - set(kind.keys) | set(self.words) - set(kind.words)
        if unknown:
            raise ValueError(f"a fault of kind {self.kind} has no {', '.join(sorted(unknown))}")
        if not 0 < self.probability <= 1:
            raise ValueError(f"expected a probability above 0, at most 1, got {self.probability}")
        if self.at < 0 or self.lasts <= 0:
            raise ValueError(f"a fault lasts from a time on, for a while: at {self.at}, for {self.lasts}")

    def __getitem__(self, key: str) -> int:
        """A value of its kind, or that value's default."""
        return self.values.get(key, KINDS[self.kind].keys[key].default)

    def allows(self, key: str, value: str) -> bool:
        """Whether the text of this key is `value` or leaves it open; so it is where its kind has no such key."""
        word = KINDS[self.kind].words.get(key)
        return word is None or self.words.get(key, word.default) in (ANY, value)

    @property
    def until(self) -> Nanos:
        """When it ends, after the start of the sandbox."""
        return self.at + self.lasts


def load_faults(path: Path, venues: Collection[str]) -> tuple[Fault, ...]:
    """The schedule of a file, for these venues. Raises `ConfigError` naming file, line, entry, key and expectation."""
    import yaml

    from cryptopipe.settings.layers import Layer, NodeReader

    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path), fix="name a file that exists") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"not YAML: {error.problem or error.context}", where=where, fix=_FIX) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        message = " ".join(str(error).split()).replace('"<unicode string>"', "it")
        raise ConfigError(f"not YAML text in UTF-8: {message}", where=str(path), fix=_FIX) from None
    if node is None:
        return ()
    if not isinstance(node, yaml.SequenceNode):
        raise ConfigError("expected a list of entries, each beginning `- kind: …`", where=str(path), fix=_FIX)
    faults, refused = [], list[ConfigError]()
    for number, item in enumerate(node.value, 1):
        place = f"{path}:{item.start_mark.line + 1}"
        if not isinstance(item, yaml.MappingNode):
            refused.append(_error(place, number, "expected keys and values, such as `kind: reset`"))
            continue
        layer = Layer()
        tree = NodeReader(layer, str(path)).mapping(item, ())
        refused += [_error(problem.where, number, problem.message) for problem in layer.problems]
        entry = _Entry(number, tree, {key[0]: where for key, where in layer.places.items()}, place)
        try:
            faults.append(entry.fault(venues))
        except ConfigError as error:
            refused += [] if layer.problems else [error]
    _refuse(refused)
    return tuple(faults)


def _refuse(refused: Sequence[ConfigError]) -> None:
    """One message for all of them."""
    if len(refused) == 1:
        raise refused[0]
    if refused:
        raise ConfigError("\n".join(str(error) for error in refused), fix=_FIX)


def _error(where: str, number: int, message: str) -> ConfigError:
    return ConfigError(f"entry {number}: {message}", where=where, fix=_FIX)


class _Entry:
    """One entry as text, with the line of each key."""

    def __init__(self, number: int, tree: Mapping[str, object], places: Mapping[str, str], place: str) -> None:
        self._number, self._tree, self._places, self._place = number, tree, places, place

    def fault(self, venues: Collection[str]) -> Fault:
        """Raises `ConfigError`."""
        name = self._text("kind", "")
        if name not in KINDS:
            what = "'kind' is missing" if not name else f"kind: unknown {name!r}{did_you_mean(name, KINDS)}"
            raise self._refusal("kind", f"{what}; one of {', '.join(KINDS)}")
        kind = KINDS[name]
        shared = ["kind", "at", "for", "venue"] + ["probability"] * (kind.scope is not Scope.VENUE)
        known = [*shared, *kind.keys, *kind.words]
        for key in self._tree:
            if key not in known:
                message = f"{key}: no key of kind {name}{did_you_mean(key, known)}; it has {', '.join(known)}"
                raise self._refusal(key, message)
        venue = self._text("venue", "")
        if venue and venue not in venues:
            message = f"venue: {venue!r} is not served{did_you_mean(venue, venues)}; served: {', '.join(venues)}"
            raise self._refusal("venue", message)
        lasts = self._read("for", _above_zero, kind.lasts)
        values = {key: self._read(key, one.read, one.default) for key, one in kind.keys.items()}
        words = {key: self._word(key, one.choices, one.default) for key, one in kind.words.items()}
        chance = self._read("probability", share, BILLION) / BILLION
        return Fault(name, self._read("at", duration, 0), lasts, venue, chance, values, words)

    def _text(self, key: str, default: str) -> str:
        value = self._tree.get(key, default)
        if not isinstance(value, str):
            raise self._refusal(key, f"{key}: expected one value, got {'nothing' if value is None else 'several'}")
        return value

    def _word(self, key: str, choices: Sequence[str], default: str) -> str:
        text = self._text(key, default)
        if choices and text not in choices:
            raise self._refusal(key, f"{key}: expected one of {', '.join(choices)}, got {text!r}")
        return text

    def _read(self, key: str, read: Callable[[str], int], default: int) -> int:
        text = self._text(key, "")
        if key not in self._tree:
            return default
        try:
            return read(text)
        except ValueError as error:
            raise self._refusal(key, f"{key}: {error}") from None

    def _refusal(self, key: str, message: str) -> ConfigError:
        return _error(self._places.get(key, self._place), self._number, message)


def _above_zero(text: str) -> Nanos:
    lasts = parse_duration(text)
    if not lasts:
        raise ValueError(f"expected a duration above zero, got {text!r}")
    return lasts


def of_venue(faults: Collection[Fault], venue: str) -> Iterator[tuple[int, Fault]]:
    """The faults that concern a venue, each with its place in the schedule."""
    return ((number, fault) for number, fault in enumerate(faults) if fault.venue in ("", venue))


def in_force(faults: Collection[Fault], since: Nanos) -> list[str]:
    """Those in force so long after the start of the sandbox, in words: `stall at alpha, 12 s left`."""
    found = [fault for fault in faults if fault.at <= since < fault.until]
    return [f"{fault.kind} at {fault.venue or 'every venue'}{_left(fault, since)}" for fault in found]


def _left(fault: Fault, since: Nanos) -> str:
    return "" if fault.until >= LAST else f", {(fault.until - since + SECOND - 1) // SECOND} s left"
