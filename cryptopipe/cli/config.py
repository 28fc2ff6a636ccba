"""`cryptopipe config`: what is in force, what could be, whether it is right.

Enters: the layers. Leaves: lines or JSON. Never: a secret, a run.
"""

import json
from collections.abc import Iterator
from typing import Any

import click

from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json


@click.group()
def config() -> None:
    """Show, explain and check the configuration."""


@config.command()
@common_options
def show(common: Common) -> None:
    """Every value in force, and the place that set it."""
    from cryptopipe.settings import config_hash, effective

    loaded = common.load_layers()
    values = effective(loaded.settings)
    digest = config_hash(loaded.settings)
    rows = [(".".join(key), value, loaded.place(key)) for key, value in _leaves(values, ())]
    if common.json:
        set_by = {path: place for path, _, place in rows}
        print_json({"config_hash": digest, "file": loaded.file, "settings": values, "set_by": set_by})
        return
    for path, value, place in rows:
        setting = f"{path}={value if isinstance(value, str) else json.dumps(value)}"
        click.echo(f"{setting:<48}  # {place}")
    click.echo(f"{'config_hash':<16} {digest}", err=True)


def _leaves(value: dict[str, Any], at: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, below in value.items():
        if isinstance(below, dict) and below:
            yield from _leaves(below, (*at, name))
        else:
            yield (*at, name), below


@config.command()
@common_options
def schema(common: Common) -> None:
    """Every key that can be set: type, default, meaning."""
    from cryptopipe import registry
    from cryptopipe.settings import compose, may_be_section, schema_rows

    strategies = {name: one.settings for name, one in registry.strategies().items() if may_be_section(name)}
    rows = list(schema_rows(compose(strategies)))
    if common.json:
        print_json({"keys": [row._asdict() for row in rows]})
        return
    for row in rows:
        default = "required" if row.default is None else f"default {row.default}"
        click.echo(f"{row.path}  ({row.type}; {default})\n    {row.description}")


@config.command()
@common_options
def check(common: Common) -> None:
    """Whether the configuration is right; all faults at once, exit code 78."""
    from cryptopipe.settings import config_hash

    loaded = common.load_layers()
    digest = config_hash(loaded.settings)
    if common.json:
        print_json({"ok": True, "file": loaded.file, "config_hash": digest})
        return
    click.echo(f"ok: {loaded.file or 'no config.yaml, the defaults'}, config_hash {digest}")
