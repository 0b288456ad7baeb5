"""Pieces of one line come together, each stream by itself."""

from __future__ import annotations

from collector.joining import Pieces


def place(line: bytes) -> tuple[str, bool] | None:
    """`o+…`: stream o goes on; `o.…`: it ends; anything else is no piece."""
    return (line[:1].decode(), line[1:2] == b"+") if line[1:2] in (b"+", b".") else None


def join(lines: list[bytes], joiner: Pieces) -> list[tuple[int, bytes]]:
    return [joined for offset, line in enumerate(lines) for joined in joiner.feed(offset, line)]


def test_a_line_in_pieces_is_one_record_with_the_offset_of_the_first() -> None:
    assert join([b"o+a", b"o+b", b"o.c"], Pieces(place)) == [(0, b"o+a\no+b\no.c")]


def test_streams_do_not_disturb_each_other() -> None:
    lines = [b"o+a", b"e.x", b"e+y", b"o.b", b"e.z"]
    assert join(lines, Pieces(place)) == [(1, b"e.x"), (0, b"o+a\no.b"), (2, b"e+y\ne.z")]


def test_what_is_no_piece_passes_and_disturbs_nothing() -> None:
    assert join([b"o+a", b"garbage", b"o.b"], Pieces(place)) == [(1, b"garbage"), (0, b"o+a\no.b")]


def test_what_never_ends_is_bounded() -> None:
    records = join([b"o+" + b"x" * 98] * 7, Pieces(place, limit=300))
    assert [len(raw) for _, raw in records] == [302, 302]


def test_lines_that_are_whole_at_a_glance_need_not_be_fed() -> None:
    joiner = Pieces(place, whole=lambda lines: b"+" not in b"".join(lines))
    assert joiner.passes([b"o.a", b"e.b"]) and not joiner.passes([b"o.a", b"e+b"])
    joiner.feed(0, b"o+a")
    assert not joiner.passes([b"o.b"])


def test_a_joiner_goes_on_from_the_state_of_another() -> None:
    first = Pieces(place)
    assert join([b"o+a", b"e+x"], first) == []
    second = Pieces(place, first.state)
    assert second.feed(7, b"o.b") == [(0, b"o+a\no.b")]
    assert second.flush() == [(1, b"e+x")]
    assert second.state is None
