"""A file is read once from start to end: plain, packed, one line or one document at a time."""

from __future__ import annotations

import gzip
import json
import os
import threading
from pathlib import Path

import pytest

from collector.reading import line_number, read_file
from event_model.errors import Unreadable
from event_model.parts import Batch

LINES = [b"2026-01-01T00:00:00.%09dZ stdout F line %d" % (number, number) for number in range(5000)]
DATA = b"".join(line + b"\n" for line in LINES)


def raws(batches: list[Batch]) -> list[bytes]:
    return [record.raw for batch in batches for record in batch.records]


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def test_every_line_is_a_record_with_its_offset(tmp_path: Path) -> None:
    batches = list(read_file(write(tmp_path / "x.log", DATA)))
    assert raws(batches) == LINES
    assert all(len(batch.records) <= 1024 for batch in batches)
    records = [record for batch in batches for record in batch.records]
    assert all(DATA[record.offset :].startswith(record.raw) for record in records)
    assert {batch.origin.format for batch in batches} == {"cri_log"}
    assert batches[0].origin.path == str(tmp_path / "x.log")


def test_a_last_line_without_an_end_counts(tmp_path: Path) -> None:
    assert raws(list(read_file(write(tmp_path / "x.log", DATA[:-1])))) == LINES


@pytest.mark.parametrize("cut", [1, 700, 2500])
def test_packed_files_are_unpacked_whatever_their_name(tmp_path: Path, cut: int) -> None:
    packed = gzip.compress(DATA[:cut]) + gzip.compress(DATA[cut:])
    assert raws(list(read_file(write(tmp_path / "x.log", packed)))) == LINES


def test_a_truncated_packed_file_gives_what_there_is_and_then_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "x.log.gz", gzip.compress(DATA)[:-2000])
    batches: list[Batch] = []
    with pytest.raises(Unreadable, match=r"x\.log\.gz: the gzip data end too early"):
        for batch in read_file(path):
            batches.append(batch)
    found = raws(batches)
    assert len(found) > 1000 and found[:-1] == LINES[: len(found) - 1]


def test_a_damaged_packed_file_says_so(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(DATA))
    packed[-1500:-1400] = bytes(100)
    with pytest.raises(Unreadable, match="damaged gzip"):
        list(read_file(write(tmp_path / "x.log.gz", bytes(packed))))


def test_an_empty_file_gives_nothing(tmp_path: Path) -> None:
    assert list(read_file(write(tmp_path / "x.log", b""))) == []
    assert list(read_file(write(tmp_path / "x.log", b"\n \n"))) == []
    assert list(read_file(write(tmp_path / "x.log", gzip.compress(b"")))) == []


def test_a_file_of_no_known_format_is_refused(tmp_path: Path) -> None:
    for data in (b"what is this\n" * 10, b"no line end", b"x" * 100_000):
        with pytest.raises(Unreadable, match="no format recognises"):
            list(read_file(write(tmp_path / "x.log", data)))


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read_file(str(tmp_path / "x.log")))
    with pytest.raises(IsADirectoryError):
        list(read_file(str(tmp_path)))


@pytest.mark.parametrize("indent", [1, 4])
def test_a_document_over_several_lines_is_one(tmp_path: Path, indent: int) -> None:
    events = [
        {"Type": "container", "Action": "start", "Actor": {"ID": str(number)}, "time": number}
        for number in range(3)
    ]
    found = raws(list(read_file(write(tmp_path / "x.json", json.dumps(events, indent=indent).encode()))))
    assert [json.loads(raw) for raw in found] == events


def test_documents_over_several_lines_may_follow_one_another(tmp_path: Path) -> None:
    events = [
        {"Type": "container", "Action": "start", "Actor": {"ID": str(number)}, "time": number}
        for number in range(3)
    ]
    data = "\n".join(json.dumps(event, indent=2) for event in events).encode()
    batches = list(read_file(write(tmp_path / "x.json", data)))
    assert [json.loads(raw) for raw in raws(batches)] == events
    assert [record.offset for batch in batches for record in batch.records][1] == data.index(b"\n{") + 1


def test_a_broken_first_line_does_not_spoil_the_others(tmp_path: Path) -> None:
    good = b'{"Type":"container","Action":"start","Actor":{"ID":"1"},"time":1}'
    data = good[:-20] + b"\n" + good + b"\n" + good + b"\n"
    batches = list(read_file(write(tmp_path / "x.jsonl", data), "docker_events"))
    assert raws(batches) == [good[:-20], good, good]


def test_a_line_of_twenty_megabytes_is_a_dead_letter(tmp_path: Path) -> None:
    path = write(tmp_path / "x.log", LINES[0] + b"\n" + b"x" * 20_000_000 + b"\n" + LINES[1] + b"\n")
    batches = list(read_file(path, "cri_log"))
    assert raws(batches) == LINES[:2]
    ((record, reason),) = [dead for batch in batches for dead in batch.dead]
    assert (record.offset, reason) == (
        len(LINES[0]) + 1,
        "a line of 20,000,000 bytes; max_line is 16,777,216",
    )


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stdin, os.fdopen(writer, "wb") as out:
        monkeypatch.setattr("sys.stdin", stdin)

        def feed() -> None:
            out.write(DATA)
            out.close()

        threading.Thread(target=feed).start()
        batches = list(read_file("-"))
    assert raws(batches) == LINES
    assert (batches[0].origin.path, batches[0].origin.input) == ("-", "stdin")


def test_an_offset_is_in_a_line(tmp_path: Path) -> None:
    for path in (write(tmp_path / "x.log", DATA), write(tmp_path / "x.log.gz", gzip.compress(DATA))):
        assert line_number(path, 0) == 1
        assert line_number(path, DATA.index(b"line 4999")) == 5000
