"""The layers of the configuration, each as a tree of texts that knows where every value was written.

Enters: a YAML file, the environment, `--set`, flags. Leaves: `Layer`s. Never: a value interpreted (that is the model's
part), a duplicate key, an alias or a tag resolved, a fault that hides the next one.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml
from platformdirs import user_config_path

from cryptopipe.errors import ConfigError, UsageError

FILE_NAME = "config.yaml"
PREFIX = "CRYPTOPIPE_"

AGE_IDENTITY, AGE_PASSPHRASE = "CRYPTOPIPE_AGE_IDENTITY", "CRYPTOPIPE_AGE_PASSPHRASE"
"""What opens an encrypted file of keys: the path of an identity file, or a passphrase."""
NOT_SETTINGS = frozenset(
    {
        "CRYPTOPIPE_RECORDINGS",
        "CRYPTOPIPE_REFERENCE",
        "CRYPTOPIPE_CORE",
        "CRYPTOPIPE_USE_CORE",
        AGE_IDENTITY,
        AGE_PASSPHRASE,
    }
)
"""Variables of this prefix that are read elsewhere: by the tests, by the build, by the core, for keys."""

Tree = dict[str, "Tree | list[Tree | str | None] | str | None"]
Key = tuple[str, ...]


class Problem(NamedTuple):
    """One fault: where it was written, and what is wrong."""

    where: str
    message: str


class Flag(NamedTuple):
    """A setting given by an option of its own: the option, the setting's path, the value as typed."""

    option: str
    path: str
    value: str


@dataclass
class Layer:
    """Values as text in a tree; `places` says where each key was written, `problems` what could not be read."""

    tree: Tree = field(default_factory=dict)
    places: dict[Key, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def put(self, key: Key, value: object, place: str) -> None:
        """Set one value, in place of what a former one of this layer said at or under the same key."""
        branch = self.tree
        for depth, name in enumerate(key[:-1], 1):
            below = branch.get(name)
            if not isinstance(below, dict):
                below = {}
                branch[name] = below
            self.places.setdefault(key[:depth], place)
            branch = below
        branch[key[-1]] = value  # type: ignore[assignment]
        for written in [written for written in self.places if written[: len(key)] == key]:
            del self.places[written]
        self.places[key] = place


_NAMED = re.compile(r"(undefined alias|undefined tag handle|duplicate anchor) .*", re.DOTALL)
"""What follows may be a secret that was written without quotes."""


def find_config(named: Path | None) -> Path | None:
    """`--config`, else ./config.yaml, else the user's. Raises `ConfigError` if the named one is not there."""
    if named is not None:
        if not named.is_file():
            raise ConfigError("no such file", where=str(named), fix="--config names a YAML file; leave it out for none")
        return named
    for candidate in (Path(FILE_NAME), user_config_path("cryptopipe") / FILE_NAME):
        if candidate.is_file():
            return candidate
    return None


def read_file(path: Path) -> Layer:
    """The layer of a YAML file. A file that is no YAML is one problem, with its line."""
    return read_bytes(path.read_bytes(), path)


def read_bytes(content: bytes, path: Path) -> Layer:
    """The layer of what a YAML file holds."""
    layer = Layer()
    try:
        node = yaml.compose(content.decode("utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        said = _NAMED.sub(r"\1; a text that begins with * & or ! stands in quotes", str(error.problem or error.context))
        layer.problems.append(Problem(f"{path}{line}", f"not YAML: {said}"))
        return layer
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        layer.problems.append(Problem(str(path), f"not YAML text in UTF-8: {' '.join(str(error).split())}"))
        return layer
    if node is None or (isinstance(node, yaml.ScalarNode) and node.value == ""):
        return layer
    if not isinstance(node, yaml.MappingNode):
        layer.problems.append(Problem(f"{path}:{_line(node)}", "expected `section: …` lines"))
        return layer
    layer.tree = NodeReader(layer, str(path)).mapping(node, ())
    return layer


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp"))
_TAGS = _PLAIN_TAGS | {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:value"}


class NodeReader:
    """Turns YAML nodes into texts, and notes the line of each key."""

    def __init__(self, layer: Layer, file: str) -> None:
        self._layer = layer
        self._file = file
        self._seen: set[int] = set()

    def mapping(self, node: yaml.MappingNode, at: Key) -> Tree:
        """The keys and values of a mapping, without those that are a problem."""
        tree: Tree = {}
        for key_node, value_node in node.value:
            name = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
            key = (*at, name)
            if not name:
                self._problem(key_node, at, "a key must be a plain text")
            elif key in self._layer.places:
                self._problem(key_node, key, f"duplicate key, first written at {self._layer.places[key]}")
            else:
                self._layer.places[key] = f"{self._file}:{_line(key_node)}"
                self._put(tree, name, value_node, key)
        return tree

    def _put(self, tree: Tree, name: str, node: yaml.Node, at: Key) -> None:
        refusal = self._refusal(node, at)
        if refusal:
            self._problem(node, at, refusal)
        else:
            tree[name] = self.value(node, at)

    def value(self, node: yaml.Node, at: Key) -> Tree | list[Tree | str | None] | str | None:
        """The node as text, list or tree."""
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, at)
        if isinstance(node, yaml.SequenceNode):
            items: list[Tree | str | None] = []
            for number, item in enumerate(node.value):
                holder: Tree = {}
                self._put(holder, "item", item, (*at, str(number)))
                items += holder.values()  # type: ignore[arg-type]
            return items
        return None if node.tag.endswith(":null") else str(node.value)

    def _refusal(self, node: yaml.Node, at: Key) -> str:
        """Why a node is not read; empty if it is."""
        if id(node) in self._seen:
            return "an alias (`*name`) is not supported; write the value again"
        self._seen.add(id(node))
        if node.tag in _TAGS:
            return ""
        if at[0] == "keys":  # it may be the secret
            return "a tag (`!name`) is not supported; a text that begins with ! stands in quotes"
        return f"the tag {node.tag!r} is not supported"

    def _problem(self, node: yaml.Node, at: Key, message: str) -> None:
        name = f"{'.'.join(at)}: " if at else ""
        self._layer.problems.append(Problem(f"{self._file}:{_line(node)}", f"{name}{message}"))


def read_environment(environment: Mapping[str, str], names: Mapping[str, object]) -> Layer:
    """`CRYPTOPIPE_RISK__MAX_LOSS=5` sets risk.max_loss. `names` is the tree of known keys, which gives the letter case.

    A variable of the prefix that names no setting is a problem; so nobody believes a misspelt limit.
    """
    layer = Layer()
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
            continue
        key = _cased(variable.removeprefix(PREFIX).split("__"), names)
        if not all(key):
            layer.problems.append(Problem(f"environment {variable}", "names no setting: an empty part between `__`"))
            continue
        _put_text(layer, key, environment[variable], f"environment {variable}")
    return layer


def _cased(parts: Sequence[str], names: Mapping[str, object]) -> Key:
    """Parts in the case of the known keys; below a mapping of assets as typed, everywhere else lower."""
    key: list[str] = []
    known: object = names
    for part in parts:
        keep_case = known == "as typed"
        key.append(part if keep_case else part.lower())
        known = (known.get(key[-1], known.get("*")) if isinstance(known, Mapping) else None) or {}
    return tuple(key)


def read_sets(sets: Iterable[str]) -> Layer:
    """`--set risk.max_loss=5`, a later one over a former. Raises `UsageError` for a text without `=`."""
    layer = Layer()
    for text in sets:
        path, equals, value = text.partition("=")
        key = tuple(path.strip().split("."))
        if not equals or not all(key):
            raise UsageError(
                f"expected KEY=VALUE, got {path.strip() if equals else text!r}",
                where="--set",
                fix="write it as --set risk.max_notional=500",
            )
        _put_text(layer, key, value, "--set")
    return layer


def read_flags(flags: Iterable[Flag]) -> Layer:
    """The values of options that stand for one setting."""
    layer = Layer()
    for flag in flags:
        layer.put(tuple(flag.path.split(".")), flag.value, flag.option)
    return layer


def _put_text(layer: Layer, key: Key, text: str, place: str) -> None:
    """A text is its own value, except `null` and what begins as a YAML flow mapping or sequence."""
    stripped = text.strip()
    if stripped == "null":
        layer.put(key, None, place)
        return
    if not stripped.startswith(("{", "[")):
        layer.put(key, text, place)
        return
    try:
        node = yaml.compose(stripped, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        layer.problems.append(Problem(place, f"{'.'.join(key)}: not a YAML mapping or list in braces"))
        return
    inner = Layer()
    value = None if node is None else NodeReader(inner, place).value(node, key)
    layer.problems.extend(Problem(place, problem.message) for problem in inner.problems)
    layer.put(key, value, place)
    layer.places.update(dict.fromkeys(inner.places, place))
