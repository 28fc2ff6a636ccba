"""The settings as they are in force: plain values, a hash, the file of defaults, the table of keys.

Enters: `Settings`. Leaves: text values in nested mappings. Never: a secret, a machine's path in the hash.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from cryptopipe.model.money import plain
from cryptopipe.settings.kinds import Duration
from cryptopipe.settings.model import Settings
from cryptopipe.settings.shape import mapping_of, sections

NOT_HASHED = ("data_dir", "keys", "alerts", "logs", "quality", "upload")
"""What does not change a result: paths, other processes; and secrets, of which not even a hash is kept."""

_HEADER = """\
# The defaults of Cryptopipe, and what each setting means. Everything here may be left out.
# Order, later over earlier: defaults, this file, environment (CRYPTOPIPE_RISK__MAX_LOSS=100), --set risk.max_loss=100,
# flags. Mappings are merged key by key; null takes an entry out. A strategy has a section of its own name:
# `cryptopipe config schema` lists every key that is installed.
"""


def effective(settings: Settings) -> dict[str, Any]:
    """Every value in force, nested, as JSON types; decimals and durations as text, secrets masked."""
    return {name: _json_value(value) for name, value in settings.model_dump(mode="python").items()}


def _json_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(item) for item in value]
    if isinstance(value, SecretStr):
        return "***" if value else ""
    return plain(value) if isinstance(value, Decimal) else to_jsonable_python(value)


def config_hash(settings: Settings) -> str:
    """SHA-256 over the JSON of what can change a result; the same for two spellings of one value.

    The framework's keys are sorted. A strategy's keep their order, which may decide: so do the assets of a stake.
    """
    values = {name: value for name, value in effective(settings).items() if name not in NOT_HASHED}
    ours = {name: value for name, value in values.items() if name in Settings.model_fields}
    strategies = {name: values[name] for name in sorted(values) if name not in ours}
    canonical = "".join(
        json.dumps(part, sort_keys=part is ours, separators=(",", ":"), ensure_ascii=False)
        for part in ((ours, strategies) if strategies else (ours,))
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


class SchemaRow(NamedTuple):
    """One key: its dotted path, its type for a person, its default as text (None: required), what it means."""

    path: str
    type: str
    default: str | None
    description: str


def schema_rows(model: type[BaseModel], prefix: str = "") -> Iterator[SchemaRow]:
    """Every key that can be set, sections unfolded; `<name>` stands for any name."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        section = next(sections(field.annotation), None)
        if section is not None:
            yield from schema_rows(section, f"{path}.")
            continue
        yield SchemaRow(path, _type_text(field), _default_text(path, field), field.description or "")
        mapping = mapping_of(field.annotation)
        for below in sections(mapping[1]) if mapping else ():
            yield from schema_rows(below, f"{path}.<name>.")


def _default_text(path: str, field: FieldInfo) -> str | None:
    if path == "data_dir":
        return "the user's data directory"
    return None if field.is_required() else _text(field.get_default(call_default_factory=True))


_TYPE_NAMES = {
    bool: "true or false",
    int: "integer",
    str: "text",
    SecretStr: "secret",
    Decimal: "decimal",
    Path: "path",
    NoneType: "null",
}


def _type_text(field: FieldInfo) -> str:
    if any(part in get_args(Duration) for part in field.metadata):
        return "duration"
    return _type_name(field.annotation)


def _type_name(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return "duration" if annotation == Duration else _type_name(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(_type_name(argument) for argument in arguments)
    if origin is Literal:
        return " or ".join(str(argument) for argument in arguments)
    if mapping := mapping_of(annotation):
        return f"mapping of {_type_name(mapping[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "keys below it"
    return str(_TYPE_NAMES.get(annotation) or getattr(annotation, "__name__", annotation))


def _text(value: Any) -> str:
    """A value as it is written in config.yaml."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "[" + ", ".join(sorted(map(_text, value))) + "]"
    return str(value)


def render_defaults() -> str:
    """The text of config.yaml: the framework's settings with their defaults, each under its description."""
    return _HEADER + "\n".join(_lines(Settings, "", ""))


def _lines(model: type[BaseModel], prefix: str, indent: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        yield from ["", f"{indent}# {field.description}"] if not prefix else [f"{indent}# {field.description}"]
        section = next(sections(field.annotation), None)
        default = field.get_default(call_default_factory=True)
        if section is not None:
            yield f"{indent}{name}:"
            yield from _lines(section, f"{path}.", f"{indent}  ")
        elif isinstance(default, Mapping) and default:
            yield f"{indent}{name}:"
            yield from (f"{indent}  {key}: {_text(value)}" for key, value in default.items())
        else:
            yield f"{indent}# {name}:" if path == "data_dir" else f"{indent}{name}: {_text(default)}"
    if not prefix:
        yield ""
