"""Lines come out whole and with their offsets, whatever pieces the bytes come in."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.lines import HEAD_KEPT, PRINT, Lines


def read(
    data: bytes, step: int = 1 << 20, **options: int
) -> tuple[list[tuple[int, bytes]], list[tuple[int, str]]]:
    lines, found, dead = Lines(**options), [], []
    cuts = [lines.feed(data[at : at + step]) for at in range(0, len(data), step)]
    for cut in (*cuts, lines.rest()):
        found += list(zip(cut.offsets, cut.lines, strict=True))
        dead += [(record.offset, reason) for record, reason in cut.dead]
    assert lines.offset == len(data)
    return found, dead


def test_each_line_has_the_offset_of_its_first_byte() -> None:
    assert read(b"one\ntwo\n\nfour\n")[0] == [(0, b"one"), (4, b"two"), (9, b"four")]


def test_a_last_line_without_an_end_waits_until_nothing_follows() -> None:
    lines = Lines()
    assert lines.feed(b"one\ntw").lines == [b"one"]
    assert lines.offset == 4
    assert lines.feed(b"o").lines == []
    assert lines.rest().lines == [b"two"]
    assert lines.rest().lines == []


def test_carriage_returns_and_a_byte_order_mark_belong_to_no_line() -> None:
    assert read(b"\xef\xbb\xbfone\r\n\r\ntwo\rtwo\r\n")[0] == [(3, b"one"), (10, b"two\rtwo")]
    assert read(b"\xef\xbb\xbf")[0] == []


def test_a_byte_order_mark_counts_only_at_the_very_start() -> None:
    assert Lines(offset=7).feed(b"\xef\xbb\xbfx\n").lines == [b"\xef\xbb\xbfx"]


@pytest.mark.parametrize("step", [1, 7, 64, 1000, 1 << 20])
def test_a_line_that_is_too_long_becomes_a_dead_letter_and_the_next_ones_are_read(step: int) -> None:
    long = b"x" * 500
    found, dead = read(b"one\n" + long + b"\ntwo\n" + long, step, max_line=100)
    assert found == [(0, b"one"), (505, b"two")]
    assert dead == [
        (4, "a line of 500 bytes; max_line is 100"),
        (509, "a line of 500 bytes; max_line is 100"),
    ]


def test_a_dead_letter_keeps_a_bounded_head_and_the_hash_of_the_whole_line() -> None:
    line = b"0123456789" * 2_000_000
    lines = Lines()
    dead = [
        each for at in range(0, len(line), 1 << 18) for each in lines.feed(line[at : at + (1 << 18)]).dead
    ]
    dead += lines.feed(b"\nnext\n").dead
    ((record, reason),) = dead
    assert record.raw == line[:HEAD_KEPT]
    assert record.hash() == hashlib.sha256(line).hexdigest()
    assert reason == "a line of 20,000,000 bytes; max_line is 16,777,216"


@given(
    st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line), max_size=20), st.integers(1, 50)
)
def test_any_bytes_in_any_pieces_give_the_same_lines(lines: list[bytes], step: int) -> None:
    data = b"".join(line + b"\n" for line in lines)
    assert read(data, step, max_line=30) == read(data, max_line=30)


@given(st.binary(max_size=2000), st.integers(1, 300))
def test_before_are_always_the_bytes_in_front_of_the_offset(data: bytes, step: int) -> None:
    lines = Lines(max_line=50)
    for at in range(0, len(data), step):
        lines.feed(data[at : at + step])
        assert lines.before == data[max(0, lines.offset - PRINT) : lines.offset]
    lines.rest()
    assert lines.before == data[-PRINT:]
