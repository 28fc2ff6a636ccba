"""Compares what a run said at its end with what its records say.

Enters: a run's figures. Leaves: one line for each claim that differs. Never: a difference that is passed over.
"""

from collections.abc import Iterator

from cryptopipe.postmortem.questions import RunFigures


def differences(run: RunFigures) -> Iterator[str]:
    """What the run's last record claims otherwise than its records count; nothing for a run without an end."""
    end, counts = run.end, run.counts
    if end is None:
        return
    for what, claimed, counted in (
        ("found", end.found, counts.found),
        ("accepted", end.accepted, counts.accepted),
        ("refused", end.refused, counts.refused),
        ("fills", end.fills, run.fills),
    ):
        if claimed != counted:
            yield f"it claims {claimed} {what}, its records count {counted}"
    for check in sorted(run.stated_refusals.keys() | run.refusals.keys()):
        claimed, counted = run.stated_refusals.get(check, 0), run.refusals.get(check, 0)
        if claimed != counted:
            yield f"it claims {claimed} episodes refused by {check}, its records count {counted}"
