"""Look through files with the rules, keeping nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from collector.reading import line_number, read_file
from event_model.alert import Match, RuleInfo
from event_model.errors import ConfigError, Unreadable
from event_model.event import Event, Origin, Record
from event_model.parts import Batch, Format, Inspector
from rules.engine import Engine, load
from tallyman.heap import settle
from tallyman.normalizer import Normalizer
from tallyman.wiring import make_engine

TOGETHER = 256  # events handed to the engine at once
Reached = Callable[[int], None]  # told the offset of a record, in bytes of the unpacked file


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that could not be read: where, and why."""

    path: str
    offset: int  # of the record; -1 where the whole file is meant
    reason: str

    def __str__(self) -> str:
        if self.offset < 0:
            return self.reason if self.reason.startswith(self.path) else f"{self.path}: {self.reason}"
        place = (
            f"-, byte {self.offset}"
            if self.path == "-"
            else f"{self.path}:{line_number(self.path, self.offset)}"
        )
        return f"{place}: {self.reason}"


@dataclass(slots=True)
class Scanned:
    """What came of one file."""

    records: int = 0
    matches: list[Match] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)


def scan(path: str, format: str | None, engine: Engine, reached: Reached = lambda offset: None) -> Scanned:
    """All matches in one file, in its order; `reached` is told how far it has come. Raises ConfigError."""
    done, normalizer = Scanned(), Normalizer()
    for batch in batches(path, format, done.troubles):
        done.records += len(batch.records) + len(batch.dead)
        done.troubles += [Trouble(path, record.offset, reason) for record, reason in batch.dead]
        wanted = _wanted(batch, normalizer.format("scan", batch.origin.format), engine, done.troubles)
        format_ = normalizer.format("scan", batch.origin.format)
        while events := _some(wanted):
            done.matches += [safe(match, format_, engine) for match in engine.inspect(events)]
        if batch.records:
            reached(batch.records[-1].offset)
    return done


def safe(match: Match, format: Format, inspector: Inspector) -> Match:
    """The match with secrets replaced in what it tells."""
    event = match.events[-1]
    if not event.record.raw:  # what a detector remembers of an event holds none
        return match
    left = format.redact(event.record, event)
    return match if left is event.record else inspector.retell(match, format.normalize(left, event.origin))


def batches(path: str, format: str | None, troubles: list[Trouble]) -> Iterator[Batch]:
    """What can be read of a file; what can't, and why, is added to `troubles`."""
    try:
        yield from read_file(path, format)
    except (OSError, Unreadable) as error:
        troubles.append(Trouble(path, -1, str(error)))


def _wanted(batch: Batch, format: Format, engine: Engine, troubles: list[Trouble]) -> Iterator[Event]:
    """The events that some rule may want; the others are decoded only as far as it takes to know."""
    peek = getattr(format, "peek", None)
    normalize, unwanted, origin = format.normalize, engine.unwanted, batch.origin
    for record in batch.records:
        if peek is not None:
            brief = peek(record.raw)
            if brief is not None and unwanted(brief):
                continue
        try:
            yield normalize(record, origin)
        except Unreadable as error:
            troubles.append(Trouble(origin.path, record.offset, str(error)))


def _some(events: Iterator[Event]) -> list[Event]:
    return [event for _, event in zip(range(TOGETHER), events, strict=False)]


def scan_all(
    paths: list[str],
    format: str | None,
    folders: list[Path],
    engine: Engine,
    jobs: int,
    reached: Reached = lambda offset: None,
) -> Iterable[Scanned]:
    """Each file's result in the order given, over `jobs` processes where there are several files."""
    if jobs <= 1 or len(paths) <= 1:
        return (scan(path, format, engine, reached) for path in paths)
    return _spread(paths, format, folders, engine, jobs)


def _spread(
    paths: list[str], format: str | None, folders: list[Path], engine: Engine, jobs: int
) -> Iterator[Scanned]:
    """Workers send back which rule met which record; the matches are told again here, for events don't travel."""
    normalizer = Normalizer()
    with ProcessPoolExecutor(min(jobs, len(paths)), initializer=_begin, initargs=(folders,)) as pool:
        for records, found, troubles in pool.map(_scan_there, paths, [format] * len(paths)):
            matches = [
                engine.retell(
                    Match(rule, (), ""), normalizer.format("scan", origin.format).normalize(record, origin)
                )
                for rule, record, origin in found
            ]
            yield Scanned(records, matches, troubles)


_engine: list[Engine] = []  # of this worker process
Sent = tuple[int, list[tuple[RuleInfo, Record, Origin]], list[Trouble]]


def _begin(folders: list[Path]) -> None:
    _engine[:] = [make_engine(load(folders).rules)]
    settle()


def _scan_there(path: str, format: str | None) -> Sent:
    done = scan(path, format, _engine[0])
    found = [(match.rule, match.events[-1].record, match.events[-1].origin) for match in done.matches]
    return done.records, found, done.troubles


def events_of(paths: Iterable[str], format: str | None = None) -> Iterator[Event]:
    """Every event of some files; what can't be read is left out."""
    normalizer = Normalizer()
    for path in paths:
        for batch in batches(path, format, []):
            normalize = normalizer.format("scan", batch.origin.format).normalize
            for record in batch.records:
                try:
                    yield normalize(record, batch.origin)
                except (Unreadable, ConfigError):
                    continue
