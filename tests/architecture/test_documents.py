"""The documents say what the code says: errors, decisions, the sample plugin, the change log."""

import importlib
import inspect
import pkgutil
import re
import tomllib
from collections.abc import Iterator

import msgspec
from architecture.sources import ROOT

import cryptopipe
from cryptopipe import api
from cryptopipe.errors import CryptopipeError

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \| (\w+) \| (\d+) \| (.+) \|$", re.MULTILINE)


def _below(kind: type[CryptopipeError]) -> Iterator[type[CryptopipeError]]:
    for one in kind.__subclasses__():
        if one.__module__.startswith("cryptopipe."):
            yield one
        yield from _below(one)


def test_every_error_is_documented() -> None:
    for module in pkgutil.walk_packages(cryptopipe.__path__, "cryptopipe."):
        if "._rust" not in module.name and module.name != "cryptopipe.__main__":
            importlib.import_module(module.name)
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    documented = {row[0]: row[1:4] for row in ROW.findall(page)}
    errors = {CryptopipeError, *_below(CryptopipeError)}
    assert documented == {one.__name__: (one.code, one.remedy.name, str(one.exit_code)) for one in errors}
    assert [one.__name__ for one in errors if not inspect.getdoc(one)] == []


def test_decisions_are_numbered_dated_and_listed() -> None:
    records = sorted(path.name for path in (ROOT / "docs" / "adr").glob("*.md"))
    assert [name[:4] for name in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for name in records:
        text = (ROOT / "docs" / "adr" / name).read_text(encoding="utf-8")
        assert re.match(rf"# {name[:4]}\. .+\n\nDate: \d{{4}}-\d\d-\d\d\. Status: \w+", text), (
            f"{name}: no title or date"
        )
        assert f"(adr/{name})" in index, f"{name} is not in docs/index.md"


def test_links_lead_somewhere() -> None:
    for page in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert [
        one.name for one in (ROOT / "docs").glob("*.md") if one.stem != "index" and f"({one.name})" not in index
    ] == []


def test_the_sample_plugin_is_the_one_that_is_tested() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    samples = ROOT / "tests" / "packaging" / "thirdparty"
    for name in ("cryptopipe_bitfoo.py", "cryptopipe_nothing.py", "pyproject.toml", "test_bitfoo.py"):
        sample = (samples / name).read_text(encoding="utf-8")
        assert f"\n{sample}```\n" in page, f"docs/plugins.md does not show {name} as it is"
        assert len(sample.splitlines()) < 80, name
    assert len((samples / "test_bitfoo.py").read_text(encoding="utf-8").splitlines()) < 20


def test_the_sample_frames_are_the_ones_that_are_tested() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    shown = re.findall(r"`cryptopipe-bitfoo/frames/(\S+)`:\n\n```json\n(.*?)```\n", page, re.DOTALL)
    frames = (ROOT / "tests" / "conformance" / "frames").iterdir()
    assert dict(shown) == {one.name: one.read_text(encoding="utf-8") for one in frames}


def test_the_fields_of_the_events_are_the_ones_shown() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `[^`]+` \| (required|`\w+`) \|$", page, re.MULTILINE)
    assert shown == [
        (kind.__name__, one.name, "required" if one.default is msgspec.NODEFAULT else f"`{one.default}`")
        for kind in (api.BookSnapshot, api.BookDelta, api.TopUpdate, api.Trade)
        for one in msgspec.structs.fields(kind)
    ]


def test_the_change_log_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
