"""The shape of the settings: which keys exist at which place.

Enters: a settings model. Leaves: known names, letter case, which values are secret. Never: a value.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

from cryptopipe.settings.kinds import AssetName


def sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a value of this annotation may be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, Annotated):
        for argument in get_args(annotation):
            yield from sections(argument)


def mapping_of(annotation: Any) -> tuple[Any, Any] | None:
    """Key and value annotations of a mapping, None for anything else."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType, Annotated):
        return next((found for argument in get_args(annotation) if (found := mapping_of(argument))), None)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key, value = get_args(annotation)
        return key, value
    return None


def annotation_at(model: type[BaseModel], key: Sequence[str]) -> Any:
    """The annotation of the value at a key; None where there is no such key."""
    at: Any = model
    for name in key:
        if model_here := next(sections(at), None):
            field = model_here.model_fields.get(name)
            at = None if field is None else field.annotation
        elif mapping := mapping_of(at):
            at = mapping[1]
        else:
            return None
    return at


def known_at(model: type[BaseModel], key: Sequence[str]) -> list[str]:
    """The names that may stand below a key, where they are fixed."""
    return [name for section in sections(annotation_at(model, key)) for name in section.model_fields]


def is_secret(model: type[BaseModel], key: Sequence[str]) -> bool:
    """Whether the value at a key, or one around it, may not be shown."""
    return any(_holds_secret(annotation_at(model, key[:depth])) for depth in range(len(key), 0, -1))


def _holds_secret(annotation: Any) -> bool:
    if annotation in (SecretStr, SecretBytes):
        return True
    return any(_holds_secret(argument) for argument in get_args(annotation))


def leads_to_secret(model: type[BaseModel], key: Sequence[str]) -> bool:
    """Whether a secret may stand below a key, so that a text in its place may be one."""
    at = annotation_at(model, key)
    below = [field.annotation for section in sections(at) for field in section.model_fields.values()]
    mapping = mapping_of(at)
    below += [field.annotation for one in sections(mapping and mapping[1]) for field in one.model_fields.values()]
    return any(map(_holds_secret, below))


def mapping_defaults(model: type[BaseModel], prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The mappings that have entries by default, with their keys: naming one entry keeps the others."""
    for name, field in model.model_fields.items():
        key = (*prefix, name)
        if section := next(sections(field.annotation), None):
            yield from mapping_defaults(section, key)
        elif mapping_of(field.annotation) and not field.is_required():
            default = field.get_default(call_default_factory=True)
            if default:
                yield key, dict(default)


def key_names(model: type[BaseModel]) -> dict[str, Any]:
    """The tree of keys for reading the environment: `*` for any name, "as typed" where letter case is the user's."""
    names: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        names[name] = _names_below(field.annotation)
    return names


def _names_below(annotation: Any) -> Any:
    if section := next(sections(annotation), None):
        return key_names(section)
    if mapping := mapping_of(annotation):
        return "as typed" if mapping[0] == AssetName else {"*": _names_below(mapping[1])}
    return {}
