"""The example DAG: what it would run, in which order, and that its commands are ours.

Airflow itself is not installed here: a stand-in takes what the file says, so nothing of Airflow's judgement is tested.
"""

import ast
import runpy
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from cryptopipe.cli.commands import COMMANDS, Commands

EXAMPLE = Path(__file__).parent.parent.parent / "docs" / "examples" / "airflow_collect.py"


class Dag:
    """Takes the arguments of a DAG."""

    made: list["Dag"] = []  # noqa: RUF012

    def __init__(self, **given: Any) -> None:
        self.given = given
        self.tasks: dict[str, Task] = {}
        Dag.made.append(self)

    def __enter__(self) -> "Dag":
        return self

    def __exit__(self, *given: object) -> None:
        pass


class Task:
    """Takes those of an operator, and what `>>` says."""

    def __init__(self, task_id: str, bash_command: str = "", **given: Any) -> None:
        self.task_id, self.bash_command, self.given = task_id, bash_command, given
        self.after: set[str] = set()
        Dag.made[-1].tasks[task_id] = self

    def __rshift__(self, other: "Task") -> "Task":
        other.after.add(self.task_id)
        return other

    def __rrshift__(self, others: list["Task"]) -> "Task":
        self.after |= {one.task_id for one in others}
        return self


def stand_in(monkeypatch: pytest.MonkeyPatch, homes: dict[str, tuple[str, type]]) -> None:
    for path, (name, kind) in homes.items():
        parts = path.split(".")
        for depth in range(1, len(parts) + 1):
            whole = ".".join(parts[:depth])
            if whole not in sys.modules or depth == len(parts):
                module = sys.modules.get(whole) or ModuleType(whole)
                monkeypatch.setitem(sys.modules, whole, module)
        setattr(sys.modules[path], name, kind)


AIRFLOW_3 = {
    "airflow.sdk": ("DAG", Dag),
    "airflow.providers.standard.operators.bash": ("BashOperator", Task),
    "airflow.providers.standard.operators.empty": ("EmptyOperator", Task),
}
AIRFLOW_2 = {
    "airflow": ("DAG", Dag),
    "airflow.operators.bash": ("BashOperator", Task),
    "airflow.operators.empty": ("EmptyOperator", Task),
}


@pytest.mark.parametrize("homes", [AIRFLOW_3, AIRFLOW_2], ids=["3", "2"])
def test_the_example_runs_our_commands_in_order(
    homes: dict[str, tuple[str, type]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, homes)
    monkeypatch.setenv("CRYPTOPIPE_DATA_DIR", "/data/of the desk")
    runpy.run_path(str(EXAMPLE))
    dag = Dag.made[-1]
    assert {one.task_id: one.after for one in dag.tasks.values()} == {
        "qa": set(), "upload": {"qa"}, "load": {"upload"}, "all_well": {"qa", "upload", "load"},
    }  # fmt: skip
    assert (dag.given["catchup"], dag.given["max_active_runs"]) == (False, 1)
    assert "trigger_rule" not in dag.tasks["all_well"].given, "the run would be well though a task failed"
    for name in ("qa", "upload", "load"):
        program, command, *rest = shlex.split(dag.tasks[name].bash_command)
        assert (program, command) == ("cryptopipe", name)
        assert rest[-2:] == ["--data-dir", "/data/of the desk"]
        assert _parses(command, rest)


def _parses(name: str, arguments: list[str]) -> bool:
    """Whether the command takes these arguments; a command of another part that is not there yet says nothing."""
    if name not in COMMANDS:
        pytest.skip(f"no command {name}")
    command = Commands().get_command(click.Context(Commands()), name)
    assert command is not None
    return command.make_context(name, arguments).params is not None


def test_no_exit_code_is_swallowed() -> None:
    """BashOperator fails with its command unless it is told to pass a code over, or the shell hides it."""
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and ast.unparse(one.func) == "BashOperator"]
    assert len(calls) == 3
    for call in calls:
        assert "skip_on_exit_code" not in {keyword.arg for keyword in call.keywords}
        text = ast.unparse(next(keyword.value for keyword in call.keywords if keyword.arg == "bash_command"))
        assert text.startswith("command(") and not {"|", ";", "&"} & set(text)
