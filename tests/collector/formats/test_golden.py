"""Every sample in sample_logs/ becomes exactly the events that lie beside it."""

import json
from pathlib import Path

import pytest

from collector.formats import FORMATS, recognise
from collector.reading import read_file
from event_model.errors import Unreadable
from tests.collector.formats.golden import ENDING, FOLDER, events, expectation, samples

PAIRS = [(name, sample) for name, sample in samples().items() if expectation(sample).exists()]


@pytest.mark.parametrize(("name", "sample"), PAIRS, ids=[name for name, _ in PAIRS])
def test_a_sample_becomes_the_events_beside_it(name: str, sample: Path) -> None:
    wanted = json.loads(expectation(sample).read_text("utf-8"))
    found = events(name, sample)
    for number, (got, want) in enumerate(zip(found, wanted, strict=False)):
        assert got == want, f"event {number} of {sample.name}; golden.py --write makes the events anew"
    assert len(found) == len(wanted)


@pytest.mark.parametrize(("name", "sample"), PAIRS, ids=[name for name, _ in PAIRS])
def test_a_sample_is_recognised_by_its_first_bytes(name: str, sample: Path) -> None:
    assert recognise(sample.read_bytes()[:4096], str(sample)) == name


@pytest.mark.parametrize(("name", "sample"), PAIRS, ids=[name for name, _ in PAIRS])
def test_a_record_without_its_secrets_tells_of_the_same_event(name: str, sample: Path) -> None:
    format = FORMATS.make(name)
    for batch in read_file(str(sample), name):
        for record in batch.records:
            try:
                event = format.normalize(record, batch.origin)
            except Unreadable:
                continue
            kept = format.redact(record, event)
            again = format.normalize(kept, batch.origin)
            assert kept.hash() == record.hash()
            for field in (
                "timestamp",
                "id",
                "action",
                "user_name",
                "resource_name",
                "outcome",
                "type",
                "labels",
            ):
                assert getattr(again, field) == getattr(event, field)
            assert format.redact(kept, again).raw == kept.raw


def test_no_events_lie_beside_a_sample_that_is_gone() -> None:
    beside = {path.name.removesuffix(ENDING) for path in FOLDER.glob(f"*{ENDING}")}
    assert beside <= set(samples())
