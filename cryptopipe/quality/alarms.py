"""What the checks tell people: a file that failed, and the digest of a day.

Enters: verdicts. Leaves: alerts, the digest as text and document. Never: a pass told one by one, a missing hour that
the digest is silent of.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptopipe.alerts import Alert
from cryptopipe.clock import MILLISECOND, Nanos, format_at, parse_at
from cryptopipe.collect.layout import VERDICT, hour_ms, is_row_file, root
from cryptopipe.quality.former import DAY_MS, HOUR_MS
from cryptopipe.quality.verdict import CRITICAL, FAIL, PASS, WARN, WARNING, Verdict, read

_MOST = 5


def failed_alert(file: Path, verdict: Verdict, at: Nanos) -> Alert:
    """Of a file that failed: which checks, and the first offenders."""
    faults = [
        f"{one.name} ({one.count}): {one.examples[0].text if one.examples else one.detail}" for one in verdict.failed
    ]
    return Alert(
        kind="quality.failed",
        where="/".join(file.absolute().parts[-4:-1]),
        text=f"{file.name} failed: " + "; ".join(faults[:_MOST]),
        severity=CRITICAL,
        at=at,
        key=f"quality.failed {file.name} {verdict.sha256[:16]}",
        data={"file": str(file), "sha256": verdict.sha256, "checks": ",".join(one.name for one in verdict.failed)},
    )


def digest(data_dir: Path, at: Nanos) -> dict[str, Any]:
    """The contract of `qa --digest --json`: files judged in the day before `at`, and the hours without any."""
    now, counts, faults, worst = at // MILLISECOND, Counter[str](), Counter[str](), []
    rows, missing = 0, []
    for folder in sorted(root(data_dir).glob("*/*/*")):
        recent = _recent(folder, now)
        for file, verdict in recent:
            counts[verdict.verdict] += 1
            rows += verdict.rows
            faults.update(one.name for one in verdict.failed)
            if verdict.verdict == FAIL:
                worst.append({"file": str(file), "checks": [one.name for one in verdict.failed]})
        missing += [
            {"stream": "/".join(folder.parts[-3:]), "hour_at": format_at(hour * MILLISECOND)}
            for hour in _holes({hour_ms(file) for file, _ in recent}, folder, now)
        ]  # fmt: skip
    return {
        "from_at": format_at(at - DAY_MS * MILLISECOND), "to_at": format_at(at), "files": counts.total(), "rows": rows,
        "counts": {name: counts[name] for name in (PASS, WARN, FAIL)}, "failed": worst, "missing_hours": missing,
        "checks": dict(faults.most_common()),
    }  # fmt: skip


def _recent(folder: Path, now: int) -> list[tuple[Path, Verdict]]:
    """Verdicts of the last day, by the hour of their file or by when they were made."""
    found = []
    for path in sorted(folder.glob(f"*{VERDICT}")):
        file = path.with_name(path.name.removesuffix(VERDICT))
        if not is_row_file(file) or path.stat().st_mtime_ns // MILLISECOND < now - 2 * DAY_MS:
            continue
        verdict = read(path)
        if verdict is not None and now - DAY_MS < parse_at(verdict.checked_at) // MILLISECOND <= now:
            found.append((file, verdict))
    return found


def _holes(hours: set[int], folder: Path, now: int) -> Iterable[int]:
    """Whole hours of the last day without a file, from the stream's first file on; a stream that ended is one, too."""
    named = [hour_ms(path) for path in folder.iterdir() if is_row_file(path)]
    if not named or max(named) < now - 2 * DAY_MS:
        return
    begin = max(min(named), (now - DAY_MS) // HOUR_MS * HOUR_MS + HOUR_MS)
    there = hours | set(named)
    yield from (hour for hour in range(begin, now // HOUR_MS * HOUR_MS - HOUR_MS + 1, HOUR_MS) if hour not in there)


def digest_text(told: dict[str, Any]) -> str:
    """A few lines for a person."""
    counts = told["counts"]
    lines = [
        f"{told['files']} files, {told['rows']:,} rows from {told['from_at'][:16]} to {told['to_at'][:16]}: "
        f"{counts[PASS]} passed, {counts[WARN]} with warnings, {counts[FAIL]} failed"
    ]
    if told["checks"]:
        lines.append("found: " + ", ".join(f"{name} in {many}" for name, many in told["checks"].items()))
    lines += [f"failed: {Path(one['file']).name}: {', '.join(one['checks'])}" for one in told["failed"][:_MOST]]
    if len(told["failed"]) > _MOST:
        lines.append(f"and {len(told['failed']) - _MOST} more")
    holes = Counter(one["stream"] for one in told["missing_hours"])
    lines += [f"no file: {stream}, {hours} hours" for stream, hours in holes.most_common(_MOST)]
    if not told["files"]:
        lines.append("nothing was judged: do the collectors run, and qa --every?")
    return "\n".join(lines)


def digest_alert(told: dict[str, Any], at: Nanos) -> Alert:
    """The digest as an alert: a warning if a file failed, an hour is missing, or nothing was judged."""
    bad = bool(told["failed"] or told["missing_hours"] or not told["files"])
    return Alert(
        kind="quality.digest", where="collected", text=digest_text(told), severity=WARNING if bad else "info", at=at,
        key=f"quality.digest {told['to_at'][:13]}", data={"files": str(told["files"]), "rows": str(told["rows"])},
    )  # fmt: skip
