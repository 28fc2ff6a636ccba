"""`cryptopipe plugins`: what is installed, and what of it does not load.

Enters: entry points. Leaves: a table or JSON. Never: a failure because one plugin fails.
"""

from typing import TYPE_CHECKING

import click

from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json

if TYPE_CHECKING:
    from cryptopipe.registry import LoadedPlugin


@click.group()
def plugins() -> None:
    """Installed exchanges and strategies."""


@plugins.command("list")
@common_options
def list_plugins(common: Common) -> None:
    """Every installed plugin; of one that does not load, the reason."""
    from cryptopipe import registry

    found = registry.all_plugins()
    if common.json:
        print_json({"plugins": [_row(one) for one in found]})
        return
    if not found:
        click.echo("no plugin is installed")
    for one in found:
        told = ", ".join(one.capabilities) if one.error is None else f"does not load: {one.error.message}"
        click.echo(f"{one.kind:<9} {one.name:<20} {one.distribution} {one.version:<10} {told}")


def _row(one: "LoadedPlugin") -> dict[str, object]:
    return {
        "name": one.name,
        "kind": one.kind,
        "version": one.version,
        "distribution": one.distribution,
        "api_version": one.api_version,
        "capabilities": list(one.capabilities),
        "tier": None,  # given by the conformance kit's certificates
        "error": None if one.error is None else one.error.message,
    }
