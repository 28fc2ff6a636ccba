"""Copies sealed files to a store: what is missing there, and nothing else.

Enters: candidates, a destination. Leaves: a `Report` that names every file. Never: an object overwritten or deleted, a
local file changed.

The store is the only state: what it lists is compared, what it lacks is sent, so a run that was killed goes on with the
next. A file goes first, its verdict after it, its manifest last: where a manifest is, all three are.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from cryptopipe.collect.layout import MANIFEST, VERDICT, manifest_of, verdict_of
from cryptopipe.collect.manifest import sha256_of
from cryptopipe.errors import CryptopipeError
from cryptopipe.shipping.candidates import Candidate, LeftOut
from cryptopipe.shipping.destination import Destination, NameTaken, Stored, StoreUnavailable
from cryptopipe.shipping.seen import Seen

UPLOADED, WOULD, THERE = "uploaded", "would_upload", "there"
LEFT_OUT, REFUSED, FAILED, NOT_TRIED = "left_out", "refused", "failed", "not_tried"
STATES = (UPLOADED, WOULD, THERE, LEFT_OUT, REFUSED, FAILED, NOT_TRIED)
_ENOUGH = 3
"""After so many files that the store did not take, the rest is left for the next time."""


@dataclass(frozen=True)
class Outcome:
    """What became of a file. `bytes`: of all that went, its manifest and verdict too; `reason`: in a few words."""

    key: str
    state: str
    bytes: int = 0
    sha256: str = ""
    reason: str = ""


@dataclass
class Report:
    """Of one upload, in the order of keys."""

    to: str
    dry_run: bool
    outcomes: list[Outcome] = field(default_factory=list)
    stopped: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """Files by state."""
        counted = Counter(one.state for one in self.outcomes)
        return {state: counted[state] for state in STATES}

    @property
    def bytes(self) -> int:
        """That were sent, or would be."""
        return sum(one.bytes for one in self.outcomes if one.state in (UPLOADED, WOULD))


@dataclass(frozen=True)
class _Item:
    """One object: where its bytes are, and their hash (None: not known yet)."""

    path: Path
    key: str
    sha256: str | None


@dataclass
class Upload:
    """One pass. `tell` is called in this thread with each outcome as it comes; `stop` says whether to end early."""

    destination: Destination
    seen: Seen
    dry_run: bool = False
    concurrency: int = 4
    stop: Callable[[], bool] = bool
    tell: Callable[[Outcome], object] = lambda outcome: None
    _listing: Mapping[str, Stored] = field(default_factory=dict)

    def run(self, found: Iterable[Candidate | LeftOut]) -> Report:
        """Raises `StoreUnavailable` or `ConfigError` if the store cannot even be listed."""
        self._listing = self.destination.listing()
        report = Report(self.destination.url, self.dry_run)
        for outcome in self._outcomes(found, report):
            self.tell(outcome)
            report.outcomes.append(outcome)
        report.outcomes.sort(key=lambda one: one.key)
        return report

    def _outcomes(self, found: Iterable[Candidate | LeftOut], report: Report) -> Iterator[Outcome]:
        failures = 0
        waiting: set[Future[Outcome]] = set()
        with ThreadPoolExecutor(self.concurrency, "upload") as threads:
            for one in found:
                if isinstance(one, LeftOut):
                    yield self._left_out(one)
                    continue
                if len(waiting) >= 2 * self.concurrency:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in done:
                        failures += future.result().state == FAILED
                        yield future.result()
                report.stopped = report.stopped or self.stop()
                if failures >= _ENOUGH or report.stopped:
                    why = "stopped" if report.stopped else f"the store did not take {failures} files before it"
                    yield Outcome(one.key, NOT_TRIED, reason=why)
                    continue
                waiting.add(threads.submit(self._ship, one))
            for future in wait(waiting).done:
                yield future.result()

    def _left_out(self, one: LeftOut) -> Outcome:
        """A file that failed its checks and is in the store is no mere absence: nothing takes it away from there."""
        there = self._listing.get(one.key)
        if one.sha256 and there is not None:
            reason = f"{one.reason}; a copy from before is in the store, look at it"
            return Outcome(one.key, REFUSED, sha256=one.sha256, reason=reason)
        return Outcome(one.key, REFUSED if one.wrong else LEFT_OUT, sha256=one.sha256, reason=one.reason)

    def _ship(self, one: Candidate) -> Outcome:
        sha256 = one.manifest.sha256 if one.manifest is not None else ""
        try:
            missing, sha256 = self._missing(one)
            sent = 0
            for item in missing:
                if not self.dry_run:
                    self._send(item)
                sent += item.path.stat().st_size
        except StoreUnavailable as error:
            return Outcome(one.key, FAILED, sha256=sha256, reason=str(error))
        except CryptopipeError as error:
            return Outcome(one.key, REFUSED, sha256=sha256, reason=str(error))
        except OSError as error:
            return Outcome(one.key, REFUSED, sha256=sha256, reason=f"{error.filename}: {error.strerror}")
        state = THERE if not missing else WOULD if self.dry_run else UPLOADED
        return Outcome(one.key, state, sent, sha256)

    def _missing(self, one: Candidate) -> tuple[list[_Item], str]:
        """What the store lacks of a file, and the file's hash. Raises `NameTaken` if it holds something else."""
        known = one.manifest.sha256 if one.manifest is not None else self.seen.local(one.key, one.path)
        sha256 = known or sha256_of(one.path)
        missing = []
        for item in _items(one, sha256):
            there = self._listing.get(item.key)
            if there is None:
                missing.append(item)
            elif not item.key.endswith(VERDICT):  # judged again, a file keeps the verdict that it went with
                self._compare(item, there)
        if self.dry_run and one.manifest is not None and any(item.path == one.path for item in missing):
            found = sha256_of(one.path)  # without --dry-run the destination compares what it sends
            if found != sha256:
                fix = "restore it from a copy, or collect again"
                raise CryptopipeError("its content is not what was sealed", where=str(one.path), fix=fix)
        return missing, sha256

    def _compare(self, item: _Item, there: Stored) -> None:
        expected = item.sha256 or sha256_of(item.path)
        found = self.seen.stored(item.key, there)
        if found is None and there.size == item.path.stat().st_size:
            found = self.destination.sha256(item.key)
        if found != expected:
            told = f"another content (SHA-256 {found[:12]}…)" if found else f"another content ({there.size} bytes)"
            raise NameTaken(f"{told} has this name in the store, it is left as it is", where=item.key)
        self.seen.keep(item.key, expected, there, item.path)

    def _send(self, item: _Item) -> None:
        sha256 = item.sha256 or sha256_of(item.path)
        try:
            there = self.destination.put(item.key, item.path, sha256)
        except NameTaken:  # by another upload of the same file, or by a request of ours whose answer was lost
            newer = self.destination.look(item.key)
            if newer is None:
                raise
            self._compare(item, newer)
            return
        self.seen.keep(item.key, sha256, there, item.path)


def _items(one: Candidate, sha256: str) -> Iterator[_Item]:
    """The objects of a file, in the order in which they go."""
    yield _Item(one.path, one.key, sha256)
    if one.manifest is not None:
        if one.verdict:
            yield _Item(verdict_of(one.path), one.key + VERDICT, None)
        yield _Item(manifest_of(one.path), one.key + MANIFEST, None)
