"""What is built is what is on disk, installs beside a stranger's plugins, and says so.

Enters: a copy of the checkout. Leaves: an sdist, a wheel made from it, a fresh environment. Never: a look at the
package index; dependencies come from the environment that runs the tests.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
THIRD_PARTY = Path(__file__).parent / "thirdparty"
PACKAGES = [
    *(ROOT / "plugins").glob("cryptopipe_*"),
    *(ROOT / "strategies").glob("cryptopipe_*"),
    *(ROOT / "migrations").glob("cryptopipe_*"),
    ROOT / "cryptopipe",
]
LITTER = (
    ".git",
    ".venv",
    ".*_cache",
    ".hypothesis",
    "__pycache__",
    "*.so",
    "*.egg-info",
    "target",
    "build",
    "dist",
)
NATIVE = os.environ.get("CRYPTOPIPE_CORE") == "require"


def _run(*command: object, cwd: Path, **variables: str) -> str:
    """Standard output of a child that must succeed."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("CRYPTOPIPE_", "PYTEST_", "PYTHON"))}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=kept | variables, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _on_disk() -> set[str]:
    """Every file of the packages, as the wheel names it."""
    found = ((package, path) for package in PACKAGES for path in package.rglob("*") if path.is_file())
    kept = ((package, path) for package, path in found if "__pycache__" not in path.parts and path.suffix != ".so")
    return {path.relative_to(package.parent).as_posix() for package, path in kept}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel that was made from it: so the sdist has all that a build needs."""
    copy = tmp_path_factory.mktemp("build") / "checkout"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LITTER))
    _run(
        sys.executable, "-m", "build", "--no-isolation", "--outdir", copy / "dist",
        cwd=copy, CRYPTOPIPE_CORE="require" if NATIVE else "skip", CARGO_TARGET_DIR=str(ROOT / "rust" / "target"),
    )  # fmt: skip
    return copy / "dist"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a new environment with our wheel, a stranger's wheel, and the dependencies of this one."""
    folder = tmp_path_factory.mktemp("fresh")
    stranger = folder / "stranger"
    shutil.copytree(THIRD_PARTY, stranger, ignore=shutil.ignore_patterns("__pycache__"))
    offline = ("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    _run(sys.executable, "-m", "pip", "wheel", *offline, "--no-build-isolation", "-w", folder, stranger, cwd=folder)
    (other,) = folder.glob("cryptopipe_bitfoo-*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    _run(sys.executable, "-m", "pip", "--python", python, "install", *offline, wheel, other, cwd=folder)
    home = Path(_run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    # behind its own packages; a path in a .pth runs no .pth of that path, so nothing editable leads to the checkout
    (home / "zz_dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    info = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    core = {name for name in names if name.endswith(".so")}
    assert names - info - core == _on_disk()
    assert core == ({"cryptopipe/core/_rust.abi3.so"} if NATIVE else set())
    assert any(name.endswith("licenses/LICENSE") for name in info)


def test_the_wheel_holds_each_kind_of_file(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for ending in (
        "py.typed",
        "_rust.pyi",
        "instruments.json",
        "script.py.mako",
        ".jsonl.gz",
        "0001_tables_of_the_journal.py",
    ):
        assert any(name.endswith(ending) for name in names), f"no {ending} in the wheel"
    assert [name for name in names if "test_" in name or "conftest" in name or name.startswith("tests/")] == []


def test_the_wheel_is_for_what_is_in_it(wheel: Path) -> None:
    assert ("-cp311-abi3-" in wheel.name) == NATIVE, wheel.name


def test_the_sdist_is_complete_and_clean(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    wanted = {"README.md", "LICENSE", "pyproject.toml", "setup.py", "rust/Cargo.toml", "rust/py/Cargo.toml"}
    rust = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("rust/*/src/**/*.rs")}
    packages = {path.relative_to(ROOT).as_posix() for package in PACKAGES for path in package.rglob("*.py")}
    assert (wanted | rust | packages) - names == set()
    assert [name for name in names if "/target/" in name or name.endswith((".so", ".pyc"))] == []


def test_a_strangers_plugins_stand_beside_ours(fresh: Path, tmp_path: Path) -> None:
    listed = json.loads(_run(fresh, "-m", "cryptopipe", "plugins", "list", "--json", cwd=tmp_path))["plugins"]
    assert {one["name"]: one["error"] for one in listed if one["error"]} == {}
    by_name = {(one["kind"], one["name"]): (one["distribution"], one["version"]) for one in listed}
    assert by_name["exchange", "bitfoo"] == by_name["strategy", "nothing"] == ("cryptopipe-bitfoo", "1.2.3")
    ours = {name for name, (distribution, _) in by_name.items() if distribution == "cryptopipe"}
    assert ("strategy", "arbitrage") in ours
    assert len([kind for kind, _ in ours if kind == "exchange"]) >= 3


def test_a_fresh_installation_is_sound(fresh: Path, tmp_path: Path) -> None:
    report = json.loads(_run(fresh, "-m", "cryptopipe", "doctor", "--json", "--data-dir", tmp_path, cwd=tmp_path))
    assert report["ok"] and report["core"] == ("native" if NATIVE else "reference")
    where = _run(fresh, "-c", "import cryptopipe; print(cryptopipe.__file__)", cwd=tmp_path).strip()
    assert Path(where).is_relative_to(fresh.parents[1]), f"{where} is not the installed wheel"


def test_a_fresh_installation_does_the_main_job(fresh: Path, tmp_path: Path) -> None:
    command = (
        fresh.parent / "cryptopipe",
        "--strategy",
        "arbitrage",
        "--mode",
        "action",
        "--json",
        "--for",
        "5s",
        "--data-dir",
        tmp_path,
    )
    summary = json.loads(_run(*command, cwd=tmp_path))
    assert summary["frames"] > 0 and summary["opportunities"]["found"] > 0
    idle = json.loads(
        _run(
            fresh,
            "-m",
            "cryptopipe",
            "action",
            "--strategy",
            "nothing",
            "--json",
            "--replay",
            "generated",
            "--data-dir",
            tmp_path,
            cwd=tmp_path,
        )
    )
    assert idle["opportunities"] == {"found": 0, "accepted": 0, "refused": 0}


def test_a_stranger_passes_the_kit(fresh: Path, tmp_path: Path) -> None:
    shutil.copy(THIRD_PARTY / "test_bitfoo.py", tmp_path)
    shutil.copytree(ROOT / "tests" / "conformance" / "frames", tmp_path / "frames")
    assert "passed" in _run(fresh, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_bitfoo.py", cwd=tmp_path)


def test_the_editable_install_imports_every_package(tmp_path: Path) -> None:
    names = sorted(
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
        for package in PACKAGES
        for path in package.rglob("*.py")
        if path.stem not in ("env", "__main__")
    )
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    _run(sys.executable, "-c", code, *names, cwd=tmp_path)
