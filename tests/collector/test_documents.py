"""Pretty-printed documents are joined, other lines are left alone."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.documents import Documents

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def joined(text: bytes, joiner: Documents | None = None) -> list[tuple[int, bytes]]:
    joiner, found, offset = joiner or Documents(), [], 0
    for line in text.split(b"\n"):
        found += joiner.feed(offset, line)
        offset += len(line) + 1
    return found + joiner.flush()


def test_lines_that_are_records_pass_as_they_are() -> None:
    assert joined(b'{"a":1}\nplain\n{"b":2}') == [(0, b'{"a":1}'), (8, b"plain"), (14, b'{"b":2}')]


def test_a_document_over_several_lines_is_one_record() -> None:
    text = json.dumps({"a": {"b": [1]}}, indent=2).encode()
    assert joined(b"x\n" + text + b'\n{"c":1}') == [(0, b"x"), (2, text), (3 + len(text), b'{"c":1}')]


def test_documents_in_a_list_and_after_a_byte_order_mark() -> None:
    text = b'\xef\xbb\xbf[\n  {\n    "a": 1\n  }\n]'
    assert joined(text + b"\r") == [(0, text)]


def test_a_document_without_an_end_does_not_swallow_what_follows() -> None:
    assert joined(b'{\n  "a": 1,\n{"b":2}') == [(0, b'{\n  "a": 1,'), (12, b'{"b":2}')]


def test_a_document_that_is_too_long_is_given_up() -> None:
    found = joined(b"{\n" + b"  1,\n" * 10 + b"}", Documents(limit=30))
    assert len(found) > 1
    assert found[0][1].startswith(b"{\n")


def test_a_new_joiner_goes_on_where_the_old_one_stopped() -> None:
    first = Documents()
    assert first.feed(0, b"{") == []
    assert first.feed(2, b'  "a": 1') == []
    second = Documents(
        json.loads(json.dumps([first.state[0], [line.decode() for line in first.state[1]]])) and first.state
    )
    assert second.feed(11, b"}") == [(0, b'{\n  "a": 1\n}')]
    assert second.state is None


@FEW
@given(st.lists(st.sampled_from([b"{", b"}", b"[", b"]", b"  x", b'{"a":1}', b"},", b"", b"\r"])))
def test_no_byte_is_lost_but_commas_and_carriage_returns_after_documents(lines: list[bytes]) -> None:
    text = b"\n".join(lines)
    kept = b"\n".join(raw for _, raw in joined(text))
    assert kept.replace(b",", b"").replace(b"\r", b"") == text.replace(b",", b"").replace(b"\r", b"")
