"""`cryptopipe plugins`: what is installed and what of it does not load; a new one; the tests of one.

Enters: entry points, a name. Leaves: tables or JSON, a folder, a certificate. Never: a failure because one plugin
fails.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json

if TYPE_CHECKING:
    from cryptopipe.registry import LoadedPlugin
    from cryptopipe.scaffold import Kind


@click.group()
def plugins() -> None:
    """Installed exchanges and strategies."""


@plugins.command("list")
@common_options
def list_plugins(common: Common) -> None:
    """Every installed plugin; of one that does not load, the reason."""
    from cryptopipe import registry

    found = registry.all_plugins()
    folder = _certificates(common)
    if common.json:
        print_json({"plugins": [_row(one, folder) for one in found]})
        return
    if not found:
        click.echo("no plugin is installed")
    for one in found:
        told = ", ".join(one.capabilities) if one.error is None else f"does not load: {one.error.message}"
        tier = _tier(one, folder)
        told = f"{told}; {tier}" if tier else told
        click.echo(f"{one.kind:<9} {one.name:<20} {one.distribution} {one.version:<10} {told}")


def _certificates(common: Common) -> Path | None:
    """Where certificates are kept; None where the settings cannot be read, which is no reason to list nothing."""
    from cryptopipe.cli.plugin_test import FOLDER
    from cryptopipe.errors import CryptopipeError

    try:
        return common.load(()).data_dir / FOLDER
    except CryptopipeError:
        return None


def _tier(one: "LoadedPlugin", folder: Path | None) -> str | None:
    from cryptopipe.cli.plugin_test import kept_tier

    return None if folder is None else kept_tier(folder, one.name, one.version)


def _row(one: "LoadedPlugin", folder: Path | None) -> dict[str, object]:
    return {
        "name": one.name,
        "kind": one.kind,
        "version": one.version,
        "distribution": one.distribution,
        "api_version": one.api_version,
        "capabilities": list(one.capabilities),
        "tier": _tier(one, folder),
        "error": None if one.error is None else one.error.message,
    }


@plugins.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(["exchange", "strategy"]), default="exchange", show_default=True)
@click.option("--simple", is_flag=True, help="An exchange of an address, a subscription and a function.")
@click.option("--into", type=click.Path(path_type=Path), default=Path(), help="The folder to write it into.")
@common_options
def new(common: Common, name: str, kind: str, simple: bool, into: Path) -> None:
    """Write a plugin that works, with its frames and its test, to be changed into yours."""
    from cryptopipe import registry
    from cryptopipe.errors import UsageError
    from cryptopipe.scaffold import write

    if simple and kind == "strategy":
        raise UsageError("--simple is a form of an exchange", where="plugins new", fix="leave out one of the two")
    taken = {*registry.names("exchange"), *registry.names("strategy")}
    form: Kind = "strategy" if kind == "strategy" else "simple" if simple else "exchange"
    paths = write(name, form, into, taken)
    folder = paths[0].parent
    if common.json:
        print_json({"name": name, "kind": kind, "folder": folder, "files": [str(p.relative_to(folder)) for p in paths]})
        return
    click.echo(f"{folder}: {', '.join(str(path.relative_to(folder)) for path in paths if path.parent == folder)}")
    click.echo(f"next: python -m pip install -e {folder} && cryptopipe plugins test {name}")


@plugins.command("test")
@click.argument("name")
@click.option("--tests", "tests", type=click.Path(path_type=Path, exists=True), multiple=True, help="Its test files.")
@click.option("--mutations", type=click.IntRange(min=1), help="A long run: this many damaged frames for the venue.")
@common_options
def test(common: Common, name: str, tests: tuple[Path, ...], mutations: int | None) -> int:
    """Judge a plugin by its own tests: its certificate, and the tier that `plugins list` shows."""
    from cryptopipe.cli import plugin_test

    kind, distribution, version = plugin_test.find_plugin(name)
    found = list(tests) or plugin_test.find_tests(name, distribution)
    told, said = plugin_test.judge(name, found, mutations)
    certificate = {"plugin": name, "kind": kind, "distribution": distribution, "version": version, **told}
    path = plugin_test.keep(common.load(()).data_dir / plugin_test.FOLDER, certificate)
    failed = any(one["outcome"] == "failed" for one in certificate["checks"])
    if common.json:
        print_json({"certificate": certificate, "ok": not failed, "path": path})
        return int(failed)
    if failed:
        click.echo(said, err=True)
    for line in plugin_test.lines(certificate):
        click.echo(line)
    click.echo(f"certificate: {path}")
    return int(failed)
