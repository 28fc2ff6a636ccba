"""Writes docs/faults.md: how soon each fault is noticed and healed, at each simulated venue, over many seeds.

Enters: a number of seeds. Leaves: the page. Never: a wall clock; every time is the virtual one, so the page is the same
wherever it is made.

    python tools/fault_table.py [SEEDS]
"""

import os
import sys
from collections.abc import Iterable, Sequence
from math import ceil
from multiprocessing import Pool
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

from simulation.ends import ENDS  # noqa: E402
from simulation.test_faults_matrix import HARMLESS, SILENT, healed_in_time, judge  # noqa: E402
from simulation.trials import CASES, OF_FRAMES, RATE, Trial, faults_kind, try_out  # noqa: E402

from cryptopipe.model.contracts import Proof  # noqa: E402
from cryptopipe.sandbox.faults import Fault  # noqa: E402

PAGE = ROOT / "docs" / "faults.md"
SECONDS = 1_000_000_000

HEAD = """# Faults, and what becomes of them

Measured on the virtual clock by `python tools/fault_table.py {seeds}`: {runs} runs, {seeds} seeds for each fault at
each simulated venue, a run's own codecs and supervisor against the venue's simulated end of the wire. Every run has one
instrument at {rate} of the default flow, four seconds of calm, the fault, and at least two more calm seconds after the
book is back. `kraken_v1` is Kraken's older dialect; the last four rows are streams of single orders (L3), each on a
connection of its own. `tests/simulation/test_faults_matrix.py` holds the same runs to what is promised:

- a reset, a close, a gap, a wrong checksum makes the book untradable within 2 s, silence within its limit (2 s) and
  1 s;
- live again within 3 s after the first connection that the venue accepts; where the fault hits single frames, and no
  connection is refused, within 3 s after its end;
- at most five connection attempts in any minute, none later than 15 s after it could be made, none before the time that
  `Retry-After` told;
- on proven streams every top of a live book is one that the venue's matching engine had, and not one from before the
  top that was shown last. Books of single orders are looked at when a turn ends: one match is several frames there.

{verdict}

Times are seconds: the median, the 99th percentile and the longest of all runs.

| column | meaning |
|---|---|
| hit | runs in which the fault hit the book; where a checksum covers ten levels a side, in them |
| lost | runs in which the book could not be read for a while |
| noticed | from the first hit frame of the book (silence: from the last frame) until the book could not be read |
| healed | from when nothing stood in the way (above) until the book could be read; 0 where it could already |
| dials | the most in any minute of any run |
| wrong | runs that showed a top which the engine never had, or had had before |
"""

COLUMNS = """

| venue | hit | lost | noticed: median | 99 % | longest | healed: median | 99 % | longest | dials | wrong |
|---|---|---|---|---|---|---|---|---|---|---|
"""

CANNOT = """
## What cannot be promised

- **A changed digit** (`corrupt` with `digit: true`) is no gap: numbers prove that no frame is missing, not what is in
  it. Kraken's checksums show it in the frame itself (the older dialect's snapshots have none: they are wrong until the
  first change); Bitfinex's sums come after the changes, and cover 25 levels or orders a side: what they refute was
  shown for at most {summed} s, until a sum came. Elsewhere the column "wrong" counts. Where the digit is one of a
  number or a time, what follows is taken for old, late or repeated: noticed as silence, lateness or a stream behind its
  book, after 2 s and more. What damages a byte on a real connection also breaks its TCP or TLS checksum, so this is a
  venue's own error.
- **Two changes of one level in the wrong order** are both proven by Kraken's checksum, each for the state that it
  makes: the book then steps back to the earlier one until the next change, which the checksum refutes.
  {backwards}
- **The answer to a subscription** is a frame too. Bitfinex numbers its channels, and tells the number there alone.
  Where it is lost, the codec leaves the channel that speaks and asks once more; where it cannot know for which book, as
  on a new connection of `R0` alone, that is given up after 10 s.
- **Healed later than 3 s** for one of these reasons:{late}
- **A frame of single orders that comes twice** adds an order twice where nothing numbers frames (`kraken level3`): the
  book is asked for again, and was never wrong.
- **A stale snapshot** is simulated for books of levels only. The answers with single orders are those of the moment.
- **Reordering at Bitstamp** hits nothing here: a frame is overtaken by the next one only, and differences take turns
  with the books that give the top.
- **Whole venues** were tried with ten seeds only, and with faults of connections: all books of each of eight venues are
  back within the promised 3 s too (with Binance's snapshots of 5,000 levels they were not: its weights allowed 24 a
  minute). Bitfinex counts all frames of a connection together: one that is lost costs every book of that connection.
- **Unproven streams** ({unproven}) show a lost, reordered or changed frame only where
  the book comes to be crossed or a ticker contradicts it. No strategy trades on them by default
  (`risk.max_unproven_notional: 0`). Both venues' streams of single orders are numbered or chained, and proven.

### Unproven streams

Each run was watched for 30 s after the fault. "Never": the book was hit and nothing was noticed by then. "Wrong": runs
that showed a top which the engine never had, or had had before; "for": how long in all in those runs.

| fault | venue | hit | noticed | never | noticed in: median | 90 % | 99 % | longest | wrong | for: median | longest |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""

Outcomes = dict[tuple[str, str], list[Trial]]


def broken(trial: Trial) -> str:
    """What a run broke of the promises; empty if nothing."""
    try:
        judge(trial)
    except AssertionError as error:
        return str(error).partition("\n")[0]
    return ""


def at(values: Sequence[int], share: float) -> str:
    """A quantile, in seconds; a dash if there are no values."""
    if not values:
        return "–"
    ordered = sorted(values)
    return f"{ordered[max(0, ceil(share * len(ordered)) - 1)] / SECONDS:.2f}"


def noticed(trials: Iterable[Trial]) -> list[int]:
    """How long it took to notice, in the runs that did."""
    silent = [trial.silent_for if faults_kind(trial.case) in SILENT else trial.detected_in for trial in trials]
    return [one for one in silent if one is not None]


def told(fault: Fault) -> str:
    """A fault as a schedule says it, without its times."""
    more = "".join(f", {key} {value / SECONDS:g} s" if value >= 1_000_000 and key != "size" else f", {key} {value}"
                   for key, value in fault.values.items())  # fmt: skip
    chance = f", probability {fault.probability:g}" if fault.probability < 1 else ""
    return f"`{fault.kind}` for {fault.lasts / SECONDS:g} s{chance}{more}"


def row(end: str, trials: list[Trial]) -> str:
    """One line of a fault's table."""
    times, healed = noticed(trials), [one.healed_in for one in trials if one.healed_in is not None]
    hit, lost = sum(one.struck is not None for one in trials), sum(one.down is not None for one in trials)
    cells = [
        end,
        hit,
        lost,
        at(times, 0.5),
        at(times, 0.99),
        at(times, 1),
        at(healed, 0.5),
        at(healed, 0.99),
        at(healed, 1),
    ]
    cells += [max(one.dials_a_minute for one in trials), sum(bool(one.wrong) for one in trials)]
    return "| " + " | ".join(map(str, cells)) + " |\n"


def unproven(case: str, end: str, trials: list[Trial]) -> str:
    """One line of the distribution where nothing is proven."""
    hit = [one for one in trials if one.struck is not None]
    times = noticed(hit)
    spans = [sum(till - since for since, till in one.wrong) for one in trials if one.wrong]
    cells = [case, end, len(hit), len(times), len(hit) - len(times)]
    cells += [*(at(times, share) for share in (0.5, 0.9, 0.99, 1)), len(spans), at(spans, 0.5), at(spans, 1)]
    return "| " + " | ".join(map(str, cells)) + " |\n"


def cannot(outcomes: Outcomes, nothing: Sequence[str]) -> str:
    """The section about what is not promised, with its numbers."""
    sums = [end for end in ENDS if outcomes["reorder", end][0].proof is Proof.CHECKSUM]
    back = [trial for end in sums for trial in outcomes["reorder", end] if trial.backwards]
    longest = at([till - since for trial in back for since, till in trial.wrong], 1)
    of = sum(len(outcomes["reorder", end]) for end in sums)
    late = [f"\n  - `{case}` at `{end}`: {len(found)} of {len(ones)} runs, the longest {at(found, 1)} s."
            for (case, end), ones in outcomes.items()
            if (found := [one.healed_in or 0 for one in ones if not healed_in_time(one)])]  # fmt: skip
    summed = [till - since for end in ENDS if end.startswith("bitfinex") for trial in outcomes["corrupt_digit", end]
              for since, till in trial.wrong]  # fmt: skip
    text = CANNOT.format(
        backwards=f"Seen in {len(back)} of {of} runs of `reorder`"
        + (f", for at most {longest} s." if back else "; of 200 earlier ones in 4, for at most 0.06 s."),
        late="".join(late) or " none.",
        summed=at(summed, 1),
        unproven=" and ".join(f"`{end}`" for end in nothing),
    )
    return text + "".join(
        unproven(case, end, outcomes[case, end]) for end in nothing for case in CASES if faults_kind(case) in OF_FRAMES
    )


def page(outcomes: Outcomes, seeds: int) -> str:
    """The whole text."""
    runs = sum(map(len, outcomes.values()))
    failed = [f"- `{case}` at `{end}`, seed {trial.seed}: {why}" for (case, end), ones in outcomes.items()
              for trial in ones if (why := broken(trial))]  # fmt: skip
    held = "All of it held in every run, but for what the last section says."
    verdict = "Broken promises:\n\n" + "\n".join(failed) if failed else held
    text = HEAD.format(runs=f"{runs:,}", seeds=seeds, rate=RATE, verdict=verdict)
    for case, faults in CASES.items():
        text += f"\n## {case}\n\n{' with '.join(told(fault) for fault in faults)}."
        text += " Costs nothing." if faults_kind(case) in HARMLESS else ""
        text += COLUMNS
        text += "".join(row(end, outcomes[case, end]) for end in ENDS)
    return text + cannot(outcomes, [end for end in ENDS if outcomes["drop", end][0].proof is Proof.NONE])


def one(job: tuple[str, str, int]) -> Trial:
    """A run."""
    return try_out(*job)


def main(seeds: int) -> None:
    """Runs everything, seed by seed, on all cores; the page is written after each tenth seed, and at the end."""
    outcomes: Outcomes = {(case, end): [] for case in CASES for end in ENDS}
    with Pool(os.cpu_count()) as pool:
        for seed in range(seeds):
            trials = pool.imap(one, [(case, end, seed) for case, end in outcomes], chunksize=5)
            for ones, trial in zip(outcomes.values(), trials, strict=True):
                ones.append(trial)
                if why := broken(trial):
                    print(why, file=sys.stderr, flush=True)
            if (seed + 1) % 10 == 0 or seed + 1 == seeds:
                PAGE.write_text(page(outcomes, seed + 1), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
