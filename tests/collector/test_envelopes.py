"""Envelopes are opened; what is in them stays as it is, byte for byte."""

import base64
import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import envelopes
from collector.envelopes import chained, decoded, listed, unpacked
from event_model.errors import Unreadable

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_items_keep_their_own_bytes() -> None:
    assert listed(b'{"records": [ {"a" : 1} ,{"b":"\\u0026"}]}', "records") == [
        b'{"a" : 1}',
        b'{"b":"\\u0026"}',
    ]
    assert listed(b'\xef\xbb\xbf [1, "x"]', "records") == [b"1", b'"x"']


def test_without_a_list_there_are_no_items() -> None:
    assert listed(b'{"other":[]}', "records") is None
    assert listed(b'{"records":{}}', "records") is None
    assert listed(b'"text"', "records") is None


def test_a_list_that_is_cut_off_is_refused() -> None:
    with pytest.raises(Unreadable, match="cut off"):
        listed(b'{"records":[{"a":1},{"b"', "records")


def test_one_deep_item_does_not_cost_the_others() -> None:
    deep = b"[" * 5_000 + b"]" * 5_000
    assert listed(b'{"records":[1,' + deep + b",2]}", "records") == [b"1", deep, b"2"]


def test_base64_is_decoded_or_refused() -> None:
    assert decoded(base64.b64encode(b"abc").decode()) == b"abc"
    with pytest.raises(Unreadable, match="base64"):
        decoded("not base64!")


def test_gzip_is_unpacked_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unpacked(b"plain") == b"plain"
    assert unpacked(gzip.compress(b"abc")) == b"abc"
    with pytest.raises(Unreadable, match="cut off"):
        unpacked(gzip.compress(b"abc" * 100)[:-12])
    with pytest.raises(Unreadable, match="damaged"):
        unpacked(b"\x1f\x8bxxxxxxxxxxxxxx")
    monkeypatch.setattr(envelopes, "MAX_UNPACKED", 1000)
    with pytest.raises(Unreadable, match="more than"):
        unpacked(gzip.compress(b"0" * 100_000))


def test_objects_one_after_the_other_are_parted() -> None:
    assert chained(b'{"a":"}{"}') == [b'{"a":"}{"}']
    assert chained(b'{"a":1}{"b":2}\n {"c":"\xc3\xa9"}') == [b'{"a":1}', b'{"b":2}', b'{"c":"\xc3\xa9"}']
    assert chained(b'{"a":1}{"b":') == [b'{"a":1}', b'{"b":']


@FEW
@given(st.binary())
def test_any_bytes_can_be_parted(raw: bytes) -> None:
    assert b"".join(b"".join(chained(raw)).split()) == b"".join(raw.split())
