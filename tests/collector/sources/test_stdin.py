"""Standard input is read as it comes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from collector.sources.stdin import Source
from event_model.errors import Unreadable
from tests.collector.sources.reading import Reader

LINE = b"2026-01-01T00:00:00.%09dZ stdout F line"


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[BinaryIO]:
    """What is written there is standard input."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stdin, os.fdopen(writer, "wb", buffering=0) as out:
        monkeypatch.setattr("sys.stdin", stdin)
        yield out


def test_each_line_comes_at_once_and_the_last_at_the_end(pipe: BinaryIO) -> None:
    with Reader(Source()) as reader:
        pipe.write(LINE % 1 + b"\n" + LINE % 2)
        assert reader.wait_for_lines(1) == [LINE % 1]
        pipe.close()
        assert reader.wait_for_lines(2) == [LINE % 1, LINE % 2]
    origin = reader.batches[0].origin
    assert (origin.source, origin.format, origin.path, origin.input) == ("stdin", "cri_log", "-", "stdin")


def test_it_stops_when_told_to_although_nothing_comes(pipe: BinaryIO) -> None:
    reader = Reader(Source(format="cri_log"))
    reader.close()
    assert reader.batches == []


def test_it_ends_where_the_input_ends(pipe: BinaryIO) -> None:
    pipe.close()
    batches = list(Source(format="cri_log").read({}, threading.Event()))
    assert batches == []


def test_what_nobody_understands_is_an_error(pipe: BinaryIO) -> None:
    pipe.write(b"what is this\n" * 3)
    pipe.close()
    with pytest.raises(Unreadable, match="no format recognises"):
        list(Source().read({}, threading.Event()))


def test_a_line_that_is_too_long_is_a_dead_letter(pipe: BinaryIO) -> None:
    with Reader(Source(format="cri_log", max_line=10)) as reader:
        pipe.write(b"x" * 50 + b"\nshort\n")
        assert reader.wait_for_lines(1) == [b"short"]
    assert [reason for _, reason in reader.dead] == ["a line of 50 bytes; max_line is 10"]
