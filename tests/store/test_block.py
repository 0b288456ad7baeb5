import zstandard
from hypothesis import given
from hypothesis import strategies as st

from event_model.event import Record
from store.block import (
    MOST_BYTES,
    MOST_RECORDS,
    NO_LINK,
    PREFIX_BYTES,
    Head,
    in_lines,
    intact,
    lengths,
    pack,
    parse,
    payload_place,
    portions,
    unpack,
)

SALT = b"saltsalt"
records = st.lists(
    st.builds(
        Record,
        st.binary(max_size=50),
        st.integers(0, 2**50),
        st.one_of(st.just(""), st.binary(min_size=32, max_size=32).map(bytes.hex)),
    ),
    max_size=20,
)


def head(kept: list[Record], offset: int = 16) -> Head:
    digests = {index: bytes.fromhex(each.digest) for index, each in enumerate(kept) if each.digest}
    return Head(
        offset=offset,
        synced=0,
        previous=NO_LINK,
        received=1.5,
        origin=("audit", "json"),
        key="key",
        position={"offset": 7},
        more=False,
        count=len(kept),
        first=kept[0].offset if kept else 0,
        lines=in_lines(kept),
        dead={},
        digests=digests,
    )


def packed(kept: list[Record]) -> bytes:
    return pack(head(kept), kept, SALT, zstandard.ZstdCompressor())[0]


def parsed(data: bytes, salt: bytes | None = SALT) -> list[Record] | None:
    sizes = lengths(data, salt)
    if sizes is None or PREFIX_BYTES + sum(sizes) > len(data):
        return None
    block = parse(data[:PREFIX_BYTES], data[PREFIX_BYTES : PREFIX_BYTES + sizes[0]], 16)
    if block is None:
        return None
    begin, length = payload_place(block)
    payload = data[begin - 16 : begin - 16 + length]
    return unpack(block.head, payload) if intact(block, payload) else None


@given(records)
def test_what_was_packed_comes_back(kept: list[Record]) -> None:
    assert parsed(packed(kept)) == kept


@given(records, st.data())
def test_a_block_with_one_wrong_byte_is_no_block(kept: list[Record], data: st.DataObject) -> None:
    block = bytearray(packed(kept))
    place = data.draw(st.integers(0, len(block) - 1))
    block[place] ^= data.draw(st.integers(1, 255))
    assert parsed(bytes(block)) is None


@given(records, st.data())
def test_a_part_of_a_block_is_no_block(kept: list[Record], data: st.DataObject) -> None:
    block = packed(kept)
    assert parsed(block[: data.draw(st.integers(0, len(block) - 1))]) is None


def test_a_block_of_another_file_or_place_is_no_block() -> None:
    kept = [Record(b"x")]
    block = packed(kept)
    assert parsed(block, b"pepper!!") is None
    assert parsed(block, None) == kept
    sizes = lengths(block, SALT)
    assert sizes is not None
    assert parse(block[:PREFIX_BYTES], block[PREFIX_BYTES : PREFIX_BYTES + sizes[0]], 17) is None


def test_offsets_of_lines_take_no_room() -> None:
    kept = [Record(b"x" * 10, 11 * index) for index in range(MOST_RECORDS)]
    assert in_lines(kept) and in_lines([])
    assert not in_lines([*kept, Record(b"y", 5)])


@given(st.lists(st.integers(0, MOST_BYTES), max_size=12), st.integers(0, 600))
def test_a_block_is_bounded_in_records_and_bytes(sizes: list[int], small: int) -> None:
    zeros = bytes(MOST_BYTES)
    kept = [Record(zeros[:size]) for size in sizes] + [Record(b"x")] * small
    cut = portions(kept)
    assert [record for portion in cut for record in portion] == kept
    for portion in cut:
        assert len(portion) <= MOST_RECORDS
        assert len(portion) == 1 or sum(len(record.raw) for record in portion) <= MOST_BYTES or not kept


def test_a_record_too_long_for_a_block_has_one_of_its_own() -> None:
    kept = [Record(b"a"), Record(bytes(3 * MOST_BYTES)), Record(b"b")]
    assert [len(portion) for portion in portions(kept)] == [1, 1, 1]
    assert portions([]) == [[]]
