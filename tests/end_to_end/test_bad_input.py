"""Whatever is read, configured or broken: a clear error or a dead letter with its reason; nothing is lost, nothing else stops."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest

from event_model.fields import document
from tests.end_to_end.living import configured, living, record

BEFORE, AFTER = record(1, verb="delete"), record(2, verb="delete")
ABSENT = record(7, requestObject="HERE")


def body(text: bytes) -> bytes:
    """A record whose request has this body."""
    return ABSENT.replace(b'"HERE"', text)


# each with the reason of its dead letter
UNREADABLE = {
    "a truncated line": (record(7)[:200], "cut off: the JSON ends in the middle"),
    "a line of 20 MB": (body(b'"' + b"x" * 20_000_000 + b'"'), "a line of 20,000,"),
    "text": (b'"hello"', "no JSON object"),
    "a number": (b"12", "no JSON object"),
    "null": (b"null", "no JSON object"),
    "an object of another kind": (b'{"hello": "world"}', "no audit event"),
    "an object within 100,000 others": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "no audit event"),
    "100,000 brackets that stay open": (b"[" * 100_000, ""),
    "binary": (bytes(range(1, 10)) + b"\xff\xfe\x00" * 50, "no JSON"),
    "zeros, as a crash leaves them": (b"\0" * 4096, ""),
}
# each with what its document must hold
READABLE: dict[str, tuple[bytes, dict[str, Any]]] = {
    "invalid UTF-8": (record(7).replace(b"user-7", b"user-7\xff\xfe"), {"labels.malformed": "encoding"}),
    "half a surrogate pair": (record(7).replace(b"user-7", rb"user-7\ud800"), {"labels.malformed": "encoding"}),
    "parts of a wrong type": (
        record(7, objectRef=[1], sourceIPs="1.2.3.4", responseStatus="x", annotations=[1]),
        {"labels.malformed": "sourceIPs, objectRef, responseStatus, annotations", "user.name": "user-7"},
    ),
    "200-fold nesting": (body(b'{"a":' * 200 + b"1" + b"}" * 200), {"user.name": "user-7"}),
    "300-fold nesting": (body(b'{"a":' * 300 + b"1" + b"}" * 300), {"user.name": "user-7"}),
    "100,000-fold nesting": (body(b"[" * 100_000 + b"]" * 100_000), {"labels.malformed": "requestObject"}),
    "100,000-fold nesting of a field": (
        record(7).replace(b'"verb": "get"', b'"verb": ' + b"[" * 100_000 + b"]" * 100_000),
        {"labels.malformed": "verb"},
    ),
    "a number beyond 64 bits": (record(7, responseStatus={"code": 1 << 70}), {"labels.malformed": "responseStatus.code"}),
    "a number beyond 64 bits in a body": (body(b'{"replicas": 123456789012345678901234567890}'), {"user.name": "user-7"}),
    "a number of 5,000 digits": (body(b"9" * 5000), {"user.name": "user-7"}),
    "a number that no machine holds": (body(b"1e999"), {"user.name": "user-7"}),
    "duplicate keys": (record(7).replace(b'"verb": "get"', b'"verb": "get", "verb": "list"'), {"event.action": "list"}),
    "the first moment there is": (record(7, stageTimestamp="0001-01-01T00:00:00Z"), {"@timestamp": "0001-01-01T00:00:00Z"}),
    "the last moment there is": (
        record(7, stageTimestamp="9999-12-31T23:59:59.999999Z"),
        {"@timestamp": "9999-12-31T23:59:59.999999Z"},
    ),
    "a time beyond the last": (record(7, stageTimestamp="99999-12-31T00:00:00Z"), {"labels.malformed": "stageTimestamp"}),
    "a time that leaves the calendar": (
        record(7, stageTimestamp="0001-01-01T00:00:00+14:00"),
        {"labels.malformed": "stageTimestamp"},
    ),
    "no time": (record(7, stageTimestamp="now", requestReceivedTimestamp=None), {"user.name": "user-7"}),
}


def at(made: dict[str, Any], name: str) -> Any:
    for part in name.split("."):
        made = made[part]
    return made


def write(path: Path, *lines: bytes) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in lines))


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_a_dead_letter_with_its_reason_between_its_neighbours(tmp_path: Path, what: str) -> None:
    line, reason = UNREADABLE[what]
    write(tmp_path / "audit.log", BEFORE, line, AFTER)
    with living(tmp_path) as run:
        run.until_count(3)
        assert run.users() == run.told() == ["user-1", "user-2"]
        assert [each for each in run.reasons() if reason in each and each]
        letter = run.events("event.kind:pipeline_error")[0]
        assert letter.record.offset == len(BEFORE) + 1
        assert letter.record.raw[:100] == line[:100]


@pytest.mark.parametrize("what", READABLE)
def test_of_a_record_with_odd_parts_what_can_be_known_is_known(tmp_path: Path, what: str) -> None:
    line, expected = READABLE[what]
    write(tmp_path / "audit.log", BEFORE, line, AFTER)
    with living(tmp_path) as run:
        run.until_count(3)
        assert run.reasons() == []
        (odd,) = run.events("not user:user-1 and not user:user-2")
        assert odd.record.raw == line
        made = document(odd, raw=True)
        assert orjson.dumps(made)
        assert {name: at(made, name) for name in expected} == expected


def test_odd_records_that_a_rule_matches_are_told_to_a_sink(tmp_path: Path) -> None:
    """A number that a sink could not write, or nesting, must not hold up the alerts behind it."""
    odd = [READABLE[name][0] for name in ("a number beyond 64 bits in a body", "300-fold nesting", "invalid UTF-8")]
    write(tmp_path / "audit.log", *(line.replace(b'"verb": "get"', b'"verb": "delete"') for line in odd), AFTER)
    with living(tmp_path) as run:
        run.until_count(4)
    assert run.told()[-1] == "user-2"
    assert len(run.told()) == 3  # two of them are of user-7: one group


# files


def test_files_that_cannot_be_read_do_not_stop_the_others(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    write(logs / "a.log", record(1))
    (logs / "empty.log").touch()
    (logs / "folder.log").mkdir()
    (logs / "dangling.log").symlink_to(logs / "nothing")
    (logs / "binary.log").write_bytes(bytes(range(256)) * 400)
    packed = gzip.compress(b"".join(record(number) + b"\n" for number in range(10, 400)), mtime=0)
    (logs / "cut.log.gz").write_bytes(packed[: len(packed) // 2])
    (logs / "damaged.log.gz").write_bytes(packed[:300] + b"?" * 40 + packed[340:])
    write(logs / "z.log", record(2))
    sources = {"audit": {"type": "file", "paths": [f"{logs}/*"], "format": "kubernetes_audit", "poll": 0.1}}
    with living(tmp_path, configured(tmp_path, sources=sources)) as run:
        run.until_count(2, "user:user-1 or user:user-2")
        run.until_count(1, "user:user-10")  # what could be unpacked before the cut
        write(logs / "later.log", record(3))
        run.until_count(1, "user:user-3")
