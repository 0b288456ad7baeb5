"""Names of the native record stand for ECS fields only where formats really put the same there."""

import gzip
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from collector.formats import FORMATS
from event_model.errors import Unreadable
from event_model.event import Event, Origin, Record
from event_model.parts import Format
from store.query.ast import Name
from store.query.names import known, resolve
from store.query.predicate import read_values

ROOT = "kubernetes.audit"
TWINS = [
    name
    for name in known()
    if name.startswith(ROOT + ".") and not resolve(name).root and resolve(name).name != name
]


def events(made: Format, record: bytes, origin: Origin) -> Iterator[Event]:
    """Without those that can't be read."""
    with suppress(Unreadable):
        for raw in made.split(record):
            with suppress(Unreadable):
                yield made.normalize(Record(raw), origin)


def check(format: str, records: Iterable[bytes]) -> int:
    made = FORMATS.make(format)
    origin = Origin("test", format, cluster="prod")
    pairs = [
        (read_values(Name(name, "any", ROOT, tuple(name.split(".")[2:]))), read_values(resolve(name)))
        for name in TWINS
    ]
    seen = 0
    for record in records:
        for event in events(made, record, origin):
            for native, twin in pairs:
                if native(event) and event.native_name == ROOT:
                    assert native(event) == [str(value) for value in twin(event)]
                    seen += 1
    return seen


@pytest.mark.parametrize("format", ["kubernetes_audit", "eks_audit", "gke_audit", "aks_audit"])
def test_a_native_name_and_its_ecs_twin_hold_the_same(format: str, sample_logs: Path) -> None:
    assert len(TWINS) >= 5
    assert check(format, (sample_logs / f"{format}.jsonl").read_bytes().splitlines()) > 10


@pytest.mark.parametrize("name", ["control_plane_odd", "perfspec"])
def test_they_do_so_in_records_of_a_real_server(name: str, shared_data: Callable[[str], Path]) -> None:
    with gzip.open(shared_data(f"kubernetes/{name}.jsonl.gz")) as file:
        assert check("kubernetes_audit", [line for line, _ in zip(file, range(2000), strict=False)]) > 10
