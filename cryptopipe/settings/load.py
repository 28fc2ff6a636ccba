"""From layers to the frozen `Settings`.

Enters: layers, the sections that strategies declare, the names of what is installed. Leaves: `Loaded`. Never: a partial
configuration; a load that fails lists all its faults, each with place, key, expectation and the nearest valid name.
"""

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

from cryptopipe.errors import ConfigError, CryptopipeError, PluginError, did_you_mean
from cryptopipe.settings.layers import (
    Flag,
    Key,
    Layer,
    Problem,
    Tree,
    find_config,
    read_environment,
    read_file,
    read_flags,
    read_sets,
)
from cryptopipe.settings.model import Settings
from cryptopipe.settings.shape import is_secret, key_names, known_at, leads_to_secret, mapping_defaults

DEFAULT = "default"
_FIX = "`cryptopipe config schema` lists every key, `cryptopipe config show` the values and where each came from"


@dataclass(frozen=True)
class Loaded:
    """The settings, the file that was read (None: no file), and by dotted key the place that set it."""

    settings: Settings
    file: Path | None
    places: Mapping[Key, str]

    def place(self, key: Key) -> str:
        """Where the value at a key was set: `config.yaml:12`, `environment CRYPTOPIPE_…`, `--set …`, `default`."""
        return self.places.get(key) or DEFAULT


def load_settings(
    *,
    config: Path | None = None,
    sets: Sequence[str] = (),
    flags: Sequence[Flag] = (),
    environment: Mapping[str, str] | None = None,
    strategies: Mapping[str, type[BaseModel]] | None = None,
    installed_strategies: Collection[str] | None = None,
    installed_venues: Collection[str] | None = None,
) -> Loaded:
    """Read all layers. `environment` None is the process's; `strategies` are the sections to validate.

    Sections of other installed strategies are passed over. `installed_venues` None does not judge venue names.
    Raises `ConfigError` with all faults, `UsageError` for a `--set` without `=`, `PluginError` for a strategy whose
    name is a section of the framework.
    """
    try:
        return _load(config, environment, sets, flags, strategies, installed_strategies, installed_venues)
    except CryptopipeError as error:
        failed = error
    environment, sets = None, ()  # a traceback that shows variables shows neither them nor the frames that had more
    failed.__context__ = None
    raise failed.with_traceback(None)


def _load(
    config: Path | None,
    environment: Mapping[str, str] | None,
    sets: Iterable[str],
    flags: Iterable[Flag],
    strategies: Mapping[str, type[BaseModel]] | None,
    installed_strategies: Collection[str] | None,
    installed_venues: Collection[str] | None,
) -> Loaded:
    model = compose(strategies or {})
    file = find_config(config)
    mappings = dict(mapping_defaults(model))
    layers = [
        _defaults(mappings),
        Layer() if file is None else read_file(file),
        read_environment(os.environ if environment is None else environment, key_names(model)),
        read_sets(sets),
        read_flags(flags),
    ]
    problems = [problem for layer in layers for problem in layer.problems] + list(_spoken(layers[3:]))
    tree, places = _merge(layers)
    _take_out_nulls(tree, mappings)
    sections = set(strategies or {})
    for name in set(installed_strategies or ()) - sections:
        tree.pop(name, None)
    for name in sections:
        tree.setdefault(name, {})
    problems += _unknown_venues(tree, places, installed_venues)
    settings, faults = _validate(model, tree, places, installed_strategies or ())
    problems += faults
    if problems or settings is None:
        raise _error(sorted(problems, key=_place_in_order))
    return Loaded(settings, file, places)


def may_be_section(name: str) -> bool:
    """Whether a strategy of this name can have a section of the configuration."""
    return (
        bool(re.fullmatch(r"[a-z][a-z0-9_]*", name))
        and name not in Settings.model_fields
        and not hasattr(Settings, name)
    )


def compose(strategies: Mapping[str, type[BaseModel]]) -> type[Settings]:
    """`Settings` with a section for each strategy."""
    for name in strategies:
        if not may_be_section(name):
            raise PluginError(
                "this name cannot be a section of the configuration", where=f"strategy {name}", fix="rename the plugin"
            )
    if not strategies:
        return Settings
    fields: dict[str, Any] = {
        name: (section, Field(description=f"settings of the strategy {name}")) for name, section in strategies.items()
    }
    return create_model("Settings", __base__=Settings, __module__=__name__, **fields)


def _spoken(layers: Iterable[Layer]) -> Iterable[Problem]:
    """A secret on a command line is in the shell's history, and in everybody's list of processes."""
    for layer in layers:
        for key, place in layer.places.items():
            if key[0] == "keys" or is_secret(Settings, key):
                name = key[0] if key[0] == "keys" else ".".join(key)
                yield Problem(place, f"{name}: not on the command line; set it in config.yaml or in the environment")


def _defaults(mappings: Mapping[Key, object]) -> Layer:
    layer = Layer()
    for key, entries in mappings.items():
        layer.put(key, entries, "")
    layer.places.clear()
    return layer


def _take_out_nulls(tree: Tree, mappings: Iterable[Key]) -> None:
    """`null` takes an entry out of a mapping that has entries by default."""
    for key in mappings:
        entries = _at(tree, key)
        if isinstance(entries, dict):
            for name in [name for name, value in entries.items() if value is None]:
                del entries[name]


def _merge(layers: Iterable[Layer]) -> tuple[Tree, dict[Key, str]]:
    """Later layers over earlier ones, mappings key by key; the place of each key is that of the last layer."""
    merged = Layer()
    for layer in layers:
        for key, value in _leaves(layer.tree, ()):
            if not (value == {} and isinstance(_at(merged.tree, key), dict)):
                merged.put(key, value, layer.places.get(key, ""))
        merged.places.update(layer.places)
    return merged.tree, merged.places


def _leaves(tree: Tree, at: Key) -> Iterable[tuple[Key, object]]:
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*at, name))
        else:
            yield (*at, name), value


def _at(tree: object, key: Sequence[str | int]) -> object:
    for name in key:
        if not isinstance(tree, dict):
            return None
        tree = tree.get(name)
    return tree


def _unknown_venues(tree: Tree, places: Mapping[Key, str], installed: Collection[str] | None) -> Iterable[Problem]:
    """A fee for a venue that does not exist would silently not be used."""
    if installed is None:
        return
    keys: list[tuple[Key, str]] = []
    for section in (("venues",), ("paper", "venues"), ("paper", "latencies"), ("keys",)):
        named = _at(tree, section)
        keys += [((*section, venue), venue) for venue in named] if isinstance(named, dict) else []
    orders = tree.get("orders")
    listed = orders.split(",") if isinstance(orders, str) else orders if isinstance(orders, list) else []
    keys += [(("orders",), one.strip().partition(":")[0]) for one in listed if isinstance(one, str) and ":" in one]
    for key, venue in keys:
        if not any(fnmatchcase(venue, name) for name in installed):  # a family is named by its pattern
            why = f"no such venue is installed{did_you_mean(venue, installed)}"
            yield Problem(
                places.get(key, ""),
                f"{'.'.join(key)}: {venue!r}: {why}" if "orders" in key else f"{'.'.join(key)}: {why}",
            )


def _validate(
    model: type[Settings], tree: Tree, places: Mapping[Key, str], installed_strategies: Collection[str]
) -> tuple[Settings | None, list[Problem]]:
    try:
        return model.model_validate(tree), []
    except ValidationError as error:
        return None, [
            _problem(fault, model, tree, places, installed_strategies) for fault in error.errors(include_url=False)
        ]


def _problem(
    fault: ErrorDetails,
    model: type[Settings],
    tree: Tree,
    places: Mapping[Key, str],
    installed_strategies: Collection[str],
) -> Problem:
    key = tuple(str(part) for part in fault["loc"] if part != "[key]")
    place = next((places[key[:n]] for n in range(len(key), 0, -1) if key[:n] in places), DEFAULT)
    name = ".".join(key)
    if fault["type"] == "extra_forbidden":
        known = known_at(model, key[:-1])
        if len(key) == 1:
            known = [*known, *installed_strategies]
        return Problem(place, f"{name}: unknown key{did_you_mean(key[-1], known)}")
    if is_secret(model, key):
        return Problem(place, f"{name}: not acceptable (a secret's value is not shown)")
    if leads_to_secret(model, key) and fault["loc"][-1] != "[key]":
        return Problem(place, f"{name}: {_expectation(fault, ...)}")
    given = key[-1] if fault["loc"][-1] == "[key]" else _at(tree, key)
    return Problem(place, f"{name}: {_expectation(fault, given)}")


def _expectation(fault: ErrorDetails, given: object) -> str:
    """What was expected and what was given, in one line."""
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "missing":
        return "required and not given"
    if fault["type"] in ("model_type", "dict_type", "model_attributes_type"):
        message = "expected keys below it"
    message = message[:1].lower() + message[1:]
    if isinstance(given, str) and repr(given) not in message:
        shown = given if len(given) <= 60 else given[:57] + "…"
        return f"{message}; got {shown!r}"
    if given is None:
        return f"{message}; got null"
    return message


def _place_in_order(problem: Problem) -> tuple[str, int]:
    place, _, line = problem.where.rpartition(":")
    return (place, int(line)) if line.isdigit() else (problem.where, 0)


def _error(problems: Sequence[Problem]) -> ConfigError:
    if len(problems) == 1:
        return ConfigError(problems[0].message, where=problems[0].where, fix=_FIX)
    return ConfigError("\n".join(f"{where}: {message}" for where, message in problems), fix=_FIX)
