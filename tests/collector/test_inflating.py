"""Packed logs are unpacked as far as they go."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest

from collector.inflating import Inflater

PLAIN = random.Random(1).randbytes(50_000) + b"a" * 2_000_000
PACKED = gzip.compress(PLAIN[:900_000]) + gzip.compress(PLAIN[900_000:]) + b"\0" * 100 + gzip.compress(b"")


def inflate(packed: bytes, step: int = 1 << 16, limit: int = 1 << 18) -> tuple[bytes, bool]:
    inflater, pieces = Inflater(), []
    for at in range(0, len(packed), step):
        inflater.feed(packed[at : at + step])
        while data := inflater.read(limit):
            assert len(data) <= limit
            pieces.append(data)
    return b"".join(pieces), inflater.whole


@pytest.mark.parametrize(("step", "limit"), [(1, 1 << 16), (7, 100_000), (1000, 1000), (1 << 30, 1 << 18)])
def test_members_and_padding_are_read_in_any_pieces(step: int, limit: int) -> None:
    assert inflate(PACKED, step, limit) == (PLAIN, True)


def test_what_was_cut_off_gives_what_there_is_and_says_that_it_is_not_whole() -> None:
    plain, whole = inflate(PACKED[:30_000])
    assert PLAIN.startswith(plain) and len(plain) > 25_000
    assert not whole


def test_nothing_is_whole() -> None:
    assert inflate(b"") == (b"", True)


def test_what_is_no_gzip_is_refused() -> None:
    with pytest.raises(zlib.error):
        inflate(b"\x1f\x8bnonsense")
