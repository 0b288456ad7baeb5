"""Whatever the bytes are, an audit format makes an event of them or says why not; nothing else ever happens."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.commands import command
from collector.formats import FORMATS, recognise
from event_model.errors import Unreadable
from event_model.event import Origin, Record
from event_model.fields import document
from tests.collector.formats.golden import samples

NAMES = ["kubernetes_audit", "eks_audit", "gke_audit", "aks_audit"]
LINES = [(name, line) for name in NAMES for line in samples()[name].read_bytes().splitlines()]
FEW = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def survive(name: str, raw: bytes) -> None:
    """All that happens to a record on its way; anything but Unreadable is a failure."""
    format, origin = FORMATS.make(name), Origin("test", name)
    recognise(raw[:4096])
    try:
        items = list(format.split(raw))
    except Unreadable as error:
        assert str(error)
        return
    for item in items:
        record = Record(item)
        if hasattr(format, "peek"):
            format.peek(item)
        try:
            event = format.normalize(record, origin)
        except Unreadable as error:
            assert str(error)
            continue
        assert event.message.isprintable()
        assert command(event).isprintable()
        json.dumps(document(event, raw=True))
        kept = format.redact(record, event)
        assert kept.hash() == record.hash()
        format.normalize(kept, origin)


_JUNK: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(
        [None, True, 0, -1, 1e300, 2**70, "", "\x00\x1b[31m", "\ud800", "x" * 300, "2026-13-45T99:00:00Z"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["code", "username", "x"]), inner, max_size=3)
    ),
    max_leaves=4,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something could be put instead of what is there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, below in inner for place in _places(below, (*path, key)))]


def _put(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _put(value[path[0]], path[1:], junk)
    return copy


@FEW
@given(st.sampled_from(NAMES), st.binary(max_size=300))
def test_any_bytes(name: str, raw: bytes) -> None:
    survive(name, raw)


@FEW
@given(st.sampled_from(LINES), st.data())
def test_any_part_replaced_by_something_else(sample: tuple[str, bytes], data: st.DataObject) -> None:
    name, line = sample
    try:
        value = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        return
    for _ in range(data.draw(st.integers(1, 3))):
        value = _put(value, data.draw(st.sampled_from(_places(value))), data.draw(_JUNK))
    survive(name, json.dumps(value).encode())


@FEW
@given(st.sampled_from(LINES), st.data())
def test_any_bytes_cut_out_or_put_in(sample: tuple[str, bytes], data: st.DataObject) -> None:
    name, line = sample
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, min(len(line), start + 40)))
    survive(name, line[:start] + data.draw(st.binary(max_size=20)) + line[end:])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "value",
    [
        b"[" * 200 + b"]" * 200,
        b"[" * 990 + b"]" * 990,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        b"1e999",
        b"9" * 5_000,
        b'"\\ud800"',
    ],
    ids=["200 deep", "990 deep", "20,000 deep", "a huge number", "5,000 digits", "half a pair"],
)
def test_any_member_may_be_monstrous(name: str, value: bytes) -> None:
    for line in samples()[name].read_bytes().splitlines()[:4]:
        for member in (
            b'"requestObject":',
            b'"code":',
            b'"request":',
            b'"user":',
            b'"log":',
            b'"message":',
            b'"labels":',
        ):
            if member in line:
                start = line.index(member) + len(member)
                survive(name, line[:start] + value + b',"was":' + line[start:])


def test_a_line_of_20_megabytes() -> None:
    line = samples()["kubernetes_audit"].read_bytes().splitlines()[0]
    survive(
        "kubernetes_audit", line.replace(b'"level":', b'"userAgent":"' + b"x" * (20 << 20) + b'","level":', 1)
    )
