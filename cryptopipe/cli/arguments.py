"""Two spellings, one function: `--mode X …` and options before a command become `X …`.

Enters: the arguments as typed. Leaves: the same with the command first. Never: an argument lost or read twice.
"""

from collections.abc import Collection, Sequence

from cryptopipe.errors import UsageError, did_you_mean

VALUED = frozenset({"--strategy", "--config", "--set", "--data-dir", "--data_dir"})
"""Options that may stand before the command and take a value."""

FLAGS = frozenset({"--json", "-v", "-vv", "--verbose"})
"""Options that may stand before the command and take none."""


def command_first(argv: Sequence[str], commands: Collection[str]) -> list[str]:
    """`--strategy S --mode action --json` becomes `action --strategy S --json`; so does `--strategy S action --json`.

    Raises `UsageError` for a mode that does not exist or a `--mode` without value.
    """
    head: list[str] = []
    rest = list(argv)
    while rest:
        token = rest[0]
        name, equals, _ = token.partition("=")
        if name == "--mode":
            mode, tail = _mode_of(rest, commands)
            return _placed([mode], head, tail)
        if name in VALUED:
            taken = 1 if equals else 2
        elif token in FLAGS:
            taken = 1
        else:
            break
        head += rest[:taken]
        rest = rest[taken:]
    if not rest or rest[0].startswith("-"):
        return _mode_later(head, rest, commands)
    return _placed([], head, rest)


def _placed(command: list[str], head: list[str], tail: list[str]) -> list[str]:
    """The options of the head behind the words that name the command: `config show`, `replay last`."""
    words = next((at for at, token in enumerate(tail) if token.startswith("-")), len(tail))
    return [*command, *tail[:words], *head, *tail[words:]]


def _mode_later(head: list[str], rest: list[str], commands: Collection[str]) -> list[str]:
    """An option of the mode itself stands before `--mode`: whatever comes first, the mode is the command."""
    options = rest[: rest.index("--")] if "--" in rest else rest
    for at, token in enumerate(options if options and options[0].startswith("--") else []):
        if token.partition("=")[0] == "--mode":
            mode, tail = _mode_of(rest[at:], commands)
            return [mode, *head, *rest[:at], *tail]
    return head + rest


def _mode_of(tokens: Sequence[str], commands: Collection[str]) -> tuple[str, list[str]]:
    """The mode that the first token names, with or without `=`, and what follows it."""
    _, equals, typed = tokens[0].partition("=")
    tail = list(tokens[1:])
    if not equals:
        if not tail or tail[0].startswith("-"):
            raise UsageError("--mode needs a value", fix=f"one of {', '.join(commands)}")
        typed = tail.pop(0)
    mode = typed.replace("_", "-")
    if mode not in commands:
        raise UsageError(
            f"--mode: unknown mode {typed!r}{did_you_mean(mode, commands)}", fix=f"one of {', '.join(commands)}"
        )
    return mode, tail
