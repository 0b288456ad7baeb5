"""The index of one partition, by itself."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import buckets, columns, ranking, summary
from store.columns import BY_NAME, COLUMNS, document, fingerprint
from store.index import Index
from store.query import parse
from store.query.ast import All
from store.query.predicate import read_values
from store.summary import Summary
from tests.store.events import make


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path / "index", create=True)


def test_what_is_added_is_found_after_a_commit(index: Index) -> None:
    index.add(65536, make(1, user_name="alice"))
    assert index.select(parse("user:alice")).count() == 0
    index.commit()
    assert index.select(parse("user:alice")).count() == 1
    index.close()


def test_the_last_pointer_is_known_after_reopening(index: Index) -> None:
    assert index.last() == -1
    for pointer in (0, 1, 65536, 65537):
        index.add(pointer, make(pointer))
    index.commit()
    index.close()
    assert Index(index.folder).last() == 65537


def test_what_was_not_committed_is_not_there_after_reopening(index: Index) -> None:
    index.add(1, make(1))
    index.commit()
    index.add(2, make(2))
    index.close()
    assert Index(index.folder).last() == 1


def test_what_was_added_before_is_passed_over(index: Index) -> None:
    for pointer in (5, 6, 5, 6, 7):
        index.add(pointer, make(pointer))
    index.commit()
    assert index.select(All()).pointers(10) == [5, 6, 7]
    index.close()


def test_an_index_opened_elsewhere_sees_each_commit(index: Index) -> None:
    other = Index(index.folder)
    for number in range(3):
        index.add(number, make(number))
        index.commit()
        assert other.select(All()).count() == number + 1
        assert other.last() == number
    index.close()


def test_the_summary_holds_every_time_and_says_when_all_is_there(index: Index) -> None:
    index.add(0, make(0, "2026-11-23T12:00:30Z"))
    index.add(1, make(1, "2026-11-20T00:00:00Z"))
    index.commit()
    other = Index(index.folder)
    assert not other.known().complete
    start, end = (1_763_596_800_000_000 + 365 * 86_400_000_000 + each for each in (0, 302_430_000_000))
    assert other.known().may_hold(start, start + 1) and other.known().may_hold(end, None)
    assert not other.known().may_hold(None, start) and not other.known().may_hold(end + 60_000_000, None)
    index.commit(complete=True)
    known = summary.load(index.folder)
    assert known and known.complete
    index.close()


def test_an_empty_index_holds_no_time() -> None:
    assert not Summary().may_hold(None, None)
    assert Summary().widened(5).may_hold(5, 6)


def test_an_index_of_another_version_is_refused(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    index.close()
    assert summary.load(index.folder) == Summary(fingerprint())
    monkeypatch.setattr("store.columns.VERSION", 99)
    with pytest.raises(ValueError, match="another version"):
        Index(index.folder)


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ValueError):
            Index(folder)


def test_a_column_holds_what_a_predicate_reads() -> None:
    told: dict[str, Any] = {
        "user_name": "x" * 9000,
        "images": ["a:1", "a:2", "b"],
        "status_code": 0,
        "source_ip": "::FFFF:10.0.0.1",
    }
    _, made = document(7, make(1, **told))
    decoded = parse_json(made)
    for column in COLUMNS:
        if column.is_text:
            continue
        values = read_values(column.field)(make(1, **told))
        held = decoded.get(column.key, [])
        assert (held if isinstance(held, list) else [held]) == [str(value) for value in values]
    assert BY_NAME["user.name"].key in decoded


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", ""]), st.sampled_from([200, 404]), st.booleans()), max_size=9
    )
)
def test_a_document_does_not_depend_on_the_events_before_it(told: list[tuple[str, int, bool]]) -> None:
    for number, (user, code, has_image) in enumerate(told):
        event = make(number, user_name=user, status_code=code, images=["nginx:1"] if has_image else [])
        made = parse_json(document(number, event)[1])
        assert made.get("user") == (user or None)
        assert made["code"] == str(code)
        assert made.get("image") == (["nginx"] if has_image else None)


def test_what_is_kept_of_documents_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "_MOST_KEPT", 3)
    columns._kept.clear()
    for number in range(10):
        document(number, make(number, user_name=str(number)))
        document(number, make(number, user_name="x" * 3000 + str(number)))
        assert len(columns._kept) <= 3


def parse_json(text: str) -> dict[str, object]:
    import msgspec

    decoded: dict[str, object] = msgspec.json.decode(text)
    return decoded


MOMENTS = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)


@given(MOMENTS, MOMENTS, st.integers(1, 200))
def test_steps_hold_all_of_a_span_and_are_no_more_than_asked_for(one: int, other: int, most: int) -> None:
    first, last = sorted((one, other))
    steps = buckets.choose(first, last, most)
    assert steps.start <= first and last < steps.start + steps.width * steps.number
    assert 1 <= steps.number <= most


COUNTS = st.lists(st.dictionaries(st.integers(0, 12), st.integers(1, 9), max_size=12), max_size=4)


@given(COUNTS, st.integers(1, 6), st.integers(1, 12))
def test_merged_lists_are_exact_or_not_answered(parts: list[dict[int, int]], size: int, take: int) -> None:
    total: dict[int, int] = {}
    for part in parts:
        for value, count in part.items():
            total[value] = total.get(value, 0) + count
    lists = [(ranking.rank(part, take), len(part) <= take) for part in parts]
    merged = ranking.merge(lists, size)
    assert merged is None or merged == ranking.rank(total, size)
    if all(whole for _, whole in lists):
        assert merged is not None
