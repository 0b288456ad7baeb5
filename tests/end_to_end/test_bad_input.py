"""Whatever is read, configured or broken: a clear error or a dead letter with its reason; nothing is lost, nothing else stops."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

import store.outbox
from event_model.errors import StoreError
from event_model.event import Event
from event_model.fields import document
from tallyman.__main__ import run
from tallyman.running import running
from tests.end_to_end.living import RULE, configured, living, record
from tests.end_to_end.waiting import until

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
    "half a surrogate pair": (
        record(7).replace(b"user-7", rb"user-7\ud800"),
        {"labels.malformed": "encoding"},
    ),
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
    "a number beyond 64 bits": (
        record(7, responseStatus={"code": 1 << 70}),
        {"labels.malformed": "responseStatus.code"},
    ),
    "a number beyond 64 bits in a body": (
        body(b'{"replicas": 123456789012345678901234567890}'),
        {"user.name": "user-7"},
    ),
    "a number of 5,000 digits": (body(b"9" * 5000), {"user.name": "user-7"}),
    "a number that no machine holds": (body(b"1e999"), {"user.name": "user-7"}),
    "duplicate keys": (
        record(7).replace(b'"verb": "get"', b'"verb": "get", "verb": "list"'),
        {"event.action": "list"},
    ),
    "the first moment there is": (
        record(7, stageTimestamp="0001-01-01T00:00:00Z"),
        {"@timestamp": "0001-01-01T00:00:00Z"},
    ),
    "the last moment there is": (
        record(7, stageTimestamp="9999-12-31T23:59:59.999999Z"),
        {"@timestamp": "9999-12-31T23:59:59.999999Z"},
    ),
    "a time beyond the last": (
        record(7, stageTimestamp="99999-12-31T00:00:00Z"),
        {"labels.malformed": "stageTimestamp"},
    ),
    "a time that leaves the calendar": (
        record(7, stageTimestamp="0001-01-01T00:00:00+14:00"),
        {"labels.malformed": "stageTimestamp"},
    ),
    "no time": (record(7, stageTimestamp="now", requestReceivedTimestamp=None), {"user.name": "user-7"}),
}

ODD = [*(line for line, _ in UNREADABLE.values()), *(line for line, _ in READABLE.values())]


def at(made: dict[str, Any], name: str) -> Any:
    for part in name.split("."):
        made = made[part]
    return made


def write(path: Path, *lines: bytes) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in lines))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Event]:
    """What came of a log in which each of these lines stands between two good ones, by offset."""
    root = tmp_path_factory.mktemp("mixed")
    write(root / "audit.log", *(line for odd in ODD for line in (BEFORE, odd, AFTER)))
    with living(root) as run:
        run.until_count(3 * len(ODD))
        assert run.count() == 3 * len(ODD)
        until(lambda: run.told()[:2] == ["user-1", "user-2"], 60)  # a thread of its own tells them
        return {event.record.offset: event for event in run.events()}


def found(mixed: dict[int, Event], line: bytes) -> Event:
    """What came of the line; its neighbours are what they are."""
    before = [*ODD[: ODD.index(line)]]
    offset = (
        sum(map(len, before)) + (len(BEFORE) + len(AFTER)) * len(before) + 3 * len(before) + len(BEFORE) + 1
    )
    assert mixed[offset - len(BEFORE) - 1].user_name == "user-1"
    assert mixed[offset + len(line) + 1].user_name == "user-2"
    return mixed[offset]


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_a_dead_letter_with_its_reason(mixed: dict[int, Event], what: str) -> None:
    line, reason = UNREADABLE[what]
    letter = found(mixed, line)
    assert letter.kind == "pipeline_error"
    assert letter.reason and reason in letter.reason
    assert letter.record.raw == line[: len(letter.record.raw)]
    assert len(letter.record.raw) == len(line) or len(line) > 16 << 20
    assert letter.record.hash() == hashlib.sha256(line).hexdigest()


@pytest.mark.parametrize("what", READABLE)
def test_of_a_record_with_odd_parts_what_can_be_known_is_known(mixed: dict[int, Event], what: str) -> None:
    line, expected = READABLE[what]
    odd = found(mixed, line)
    assert (odd.kind, odd.record.raw) == ("event", line)
    made = document(odd, raw=True)
    assert orjson.dumps(made)
    assert {name: at(made, name) for name in expected} == expected


def test_odd_records_that_a_rule_matches_are_told_to_a_sink(tmp_path: Path) -> None:
    """A number that a sink could not write, or nesting, must not hold up the alerts behind it."""
    odd = [
        READABLE[name][0]
        for name in ("a number beyond 64 bits in a body", "300-fold nesting", "invalid UTF-8")
    ]
    write(
        tmp_path / "audit.log", *(line.replace(b'"verb": "get"', b'"verb": "delete"') for line in odd), AFTER
    )
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


def test_a_line_that_is_still_being_written_waits_for_its_end(tmp_path: Path) -> None:
    write(tmp_path / "audit.log", BEFORE)
    with living(tmp_path) as run:
        run.until_count(1)
        with open(tmp_path / "audit.log", "ab") as file:
            file.write(AFTER[:100])
            file.flush()
            assert not run.stop.wait(0.5)  # time in which it might be taken for a line
            assert run.count() == 1
            file.write(AFTER[100:] + b"\n")
        run.until_count(2)
        assert (run.users(), run.reasons()) == (["user-1", "user-2"], [])


def test_a_file_that_this_user_may_not_read_is_named_in_the_log_and_read_once_it_may_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "audit.log", BEFORE)
    write(tmp_path / "secret.log", AFTER)
    really, closed = os.open, [str(tmp_path / "secret.log")]

    def opening(path: Any, *arguments: Any, **named: Any) -> int:
        if path in closed:  # whoever runs the tests: root may read everything
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return really(path, *arguments, **named)

    monkeypatch.setattr(os, "open", opening)
    logs = {"type": "file", "paths": [f"{tmp_path}/*.log"], "format": "kubernetes_audit", "poll": 0.1}
    with living(tmp_path, configured(tmp_path, sources={"audit": logs})) as run:
        run.until_count(1)
        until(lambda: "Permission denied" in reasons(caplog), 60)
        closed.clear()
        run.until_count(2)
        assert sorted(run.users()) == ["user-1", "user-2"]


# rules


def rule(name: str, detection: str, number: int) -> str:
    head = f"title: {name}\nid: 0a4d4a52-8c2e-4f0e-9d1d-6f6f3d8f00{number:02}\nlogsource: {{product: kubernetes, service: audit}}\n"
    return f"{head}detection:\n  selection:\n    {detection}\n  condition: selection\nlevel: high\n"


def test_a_yaml_bomb_among_the_rules_is_left_out_and_the_others_work(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = configured(tmp_path)
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))
    bomb = f"title: Bomb\na0: &a0 [x, x]\n{levels}\ndetection: {{selection: {{verb: *a11}}, condition: selection}}\n"
    (tmp_path / "rules" / "a_yaml_bomb.yml").write_text(bomb)
    write(tmp_path / "audit.log", BEFORE, AFTER)
    started = time.monotonic()
    with living(tmp_path, config) as run:
        assert "a_yaml_bomb.yml" in reasons(caplog)
        until(lambda: len(run.told()) == 2, 60)
    assert time.monotonic() - started < 60


def test_a_pattern_that_would_backtrack_for_ever_takes_no_time(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (tmp_path / "rules" / "backtracking.yml").write_text(rule("Backtracking", "userAgent|re: '^(a+)+$'", 1))
    write(
        tmp_path / "audit.log",
        record(3, userAgent="a" * 50_000 + "!"),
        record(4, userAgent="a" * 50_000),
        AFTER,
    )
    started = time.monotonic()
    with living(tmp_path, config) as run:
        run.until_count(3)
        until(lambda: run.told() == ["user-4", "user-2"], 60)
    assert time.monotonic() - started < 60


def test_a_pattern_that_cannot_be_bounded_is_refused_and_the_others_work(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = configured(tmp_path)
    (tmp_path / "rules" / "looks_back_here.yml").write_text(rule("Looks back", r"userAgent|re: '(a+)\1'", 2))
    write(tmp_path / "audit.log", AFTER)
    with living(tmp_path, config) as run:
        assert "looks_back_here.yml:" in reasons(caplog)
        until(lambda: run.told() == ["user-2"], 60)


def test_a_rule_that_is_broken_by_an_edit_keeps_its_last_good_version_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with living(tmp_path) as run:
        path = tmp_path / "rules" / "something_deleted.yml"
        path.write_text(RULE.replace("verb:", "vreb:"))
        until(lambda: "kept the last good version" in reasons(caplog), 60)
        assert "something_deleted.yml:5: " in reasons(caplog) and "'verb'" in reasons(caplog)
        write(tmp_path / "audit.log", BEFORE)
        until(lambda: run.told() == ["user-1"], 60)
        path.write_text(RULE.replace("verb: delete", "verb: patch"))
        until(lambda: not run.whole.pack.errors, 60)
        with open(tmp_path / "audit.log", "ab") as file:
            file.write(AFTER + b"\n" + record(3, verb="patch") + b"\n")
        until(lambda: run.told() == ["user-1", "user-3"], 60)


def reasons(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(str(getattr(each, "reason", "")) for each in caplog.records)


# sinks


class Hook(BaseHTTPRequestHandler):
    """Answers as its server is told to, and remembers the alerts of what it accepted."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server: Any = self.server
        if server.answer == 200:
            server.told += [alert["user"]["name"] for alert in orjson.loads(body)["alerts"]]
        self.send_response(server.answer)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: stderr is the tests'."""


@pytest.fixture
def hook() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.answer, server.told = 500, []
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_a_dead_webhook_missed_is_told_once_after_a_restart(
    tmp_path: Path, hook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.outbox, "FIRST_PAUSE", 0.05)
    url = f"http://127.0.0.1:{hook.server_address[1]}/"
    sinks = {
        "hook": {"type": "webhook", "url": url},
        "told": {"type": "file", "path": str(tmp_path / "alerts.ndjson")},
    }
    config = configured(tmp_path, sinks=sinks)
    write(tmp_path / "audit.log", BEFORE, AFTER)
    with living(tmp_path, config) as run:
        until(lambda: len(run.told()) == 2, 60)
        until(lambda: run.whole.database.outbox.waiting() == {"hook": 2}, 60)
    hook.answer = 200
    with living(tmp_path, config) as run:
        until(lambda: not run.whole.database.outbox.waiting(), 60)
        assert sorted(hook.told) == run.told() == ["user-1", "user-2"]


# the store


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    with living(tmp_path) as run:
        with pytest.raises(StoreError, match=f"process {os.getpid()}"), running(configured(tmp_path)):
            pass
        write(tmp_path / "audit.log", BEFORE)
        run.until_count(1)


def test_a_file_in_the_place_of_the_store_is_refused_with_what_to_do(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (tmp_path / "store").write_text("not a store")
    with pytest.raises(StoreError, match=r"store\.path"), running(config):
        pass


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """The configuration file beside a store of one record that can't be written."""
    write(tmp_path / "audit.log", BEFORE)
    with living(tmp_path) as run:
        run.until_count(1)
    config = tmp_path / "tallyman.yaml"
    config.write_text(yaml.safe_dump(configured(tmp_path).model_dump(mode="json")))
    place = tmp_path / "store"
    folders = [place, *(path for path in place.rglob("*") if path.is_dir())] if os.geteuid() else []
    if not os.geteuid() and mount("--bind", "-o", "ro", str(place), str(place)):
        pytest.skip("root may write everything, and may not mount anything here")
    for folder in folders:
        folder.chmod(0o500)
    yield config
    for folder in folders:
        folder.chmod(0o700)
    if not os.geteuid():
        subprocess.run(["umount", place], check=True)


def mount(*arguments: str) -> int:
    return subprocess.run(["mount", *arguments], capture_output=True).returncode


def test_a_store_that_is_read_only_is_not_written_and_says_what_to_do(
    read_only: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["--config", str(read_only), "run"]) == 4
    said = capfd.readouterr().err
    assert "store.path" in said and ("Read-only" in said or "Permission denied" in said)
    assert "Traceback" not in said


def test_a_store_that_is_read_only_can_be_searched(
    read_only: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for command in (
        ["search", "verb:delete"],
        ["who", "pods/p1", "-n", "shop"],
        ["timeline", "user-1", "--around", "2026-11-02T10:00:00Z"],
    ):
        code = run(["--config", str(read_only), *command])
        said = capfd.readouterr()
        assert (code, "Traceback" in said.err) == (0, False), (command, said.err)
        assert "user-1" in said.out


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() or mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)):
        pytest.skip(
            "may not mount a small disk here; tests/tallyman/test_pipeline.py has the same with a disk that is made up"
        )
    yield place
    subprocess.run(["umount", place], check=True)


def test_on_a_full_disk_nothing_is_lost_and_all_goes_on_when_there_is_room(
    tmp_path: Path, small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = configured(tmp_path, store={"path": str(small_disk / "store")})
    filler, log, written = small_disk / "filler", tmp_path / "audit.log", 0

    def more(file: Any, number: int) -> None:
        nonlocal written
        for _ in range(number):
            verb = "list" if written % 50 else "delete"
            file.write(record(written, verb=verb, userAgent=os.urandom(100).hex()) + b"\n")
            written += 1

    with living(tmp_path, config) as run, open(log, "ab", buffering=0) as file:
        more(file, 20)
        run.until_count(20)
        with open(filler, "wb", buffering=0) as other, contextlib.suppress(OSError):
            while True:
                other.write(b"x" * 4096)
        more(file, 2000)
        until(lambda: "disk full" in caplog.text, 60, run.thread.is_alive)
        assert "Make room" in reasons(caplog)
        assert run.count() >= 20  # it can be searched meanwhile
        filler.unlink()
        run.until_count(written)
        until(lambda: len(run.told()) == len(range(0, written, 50)), 60, run.thread.is_alive)
        assert [event.user_name for event in run.events(limit=5000)] == [
            f"user-{number}" for number in range(written)
        ]
        assert run.told() == [f"user-{number}" for number in range(0, written, 50)]


# the command line


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sources: [", "not YAML"),
        ("just words", "must hold keys"),
        ("souces: {}", "Did you mean 'sources'?"),
        ("sources: {a: {type: flie}}", "Did you mean 'file'?"),
        ("sources: {a: {type: file, path: [x]}}", "Did you mean 'paths'?"),
        (
            "sources: {a: {type: file, paths: [x], format: kubernetes_adit}}",
            "Did you mean 'kubernetes_audit'?",
        ),
        ("sinks: {a: {type: webhook}}", "url"),
        ("sinks: {a: {type: webhook, url: 'ftp://x'}}", "http://"),
        ("store: {retention: a while}", "store.retention"),
        ("store: {max_size: big}", "store.max_size"),
        ("rules: {packs: [/no/such/folder]}", "/no/such/folder"),
        ("rules: {group_window: soon}", "rules.group_window"),
        ("api: {port: 99999}", "api.port"),
    ],
)
@pytest.mark.parametrize("command", ["check", "run"])
def test_a_broken_configuration_is_refused_before_anything_starts(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    why: str,
    command: str,
) -> None:
    monkeypatch.setenv("TALLYMAN_STORE__PATH", str(tmp_path / "store"))
    path = tmp_path / "tallyman.yaml"
    path.write_text(
        text
        if "sources" in text or ": " not in text or command == "check"
        else f"{text}\nsources: {{a: {{type: file, paths: [x]}}}}"
    )
    code = run(
        ["--config", str(path), "config", "check"] if command == "check" else ["--config", str(path), "run"]
    )
    said = capfd.readouterr()
    assert (code, said.out) == (3, "")
    assert why in said.err and "Traceback" not in said.err
    assert not (tmp_path / "store").exists()


def test_scan_names_what_it_cannot_read_and_reads_the_rest(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good, packed = tmp_path / "good.log", tmp_path / "cut.log.gz"
    write(good, BEFORE)
    whole = gzip.compress(b"".join(record(number, verb="delete") + b"\n" for number in range(400)), mtime=0)
    packed.write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.log").touch()
    (tmp_path / "binary.log").write_bytes(bytes(range(256)) * 400)
    (tmp_path / "prose.log").write_text("It was a dark and stormy night.\n" * 20)
    configured(tmp_path)
    names = [str(path) for path in sorted(tmp_path.glob("*.log*"))]
    code = run(
        [
            "scan",
            *names,
            str(tmp_path),
            "--rules",
            str(tmp_path / "rules"),
            "--json",
            "--no-group",
            "--jobs",
            "1",
        ]
    )
    said = capfd.readouterr()
    users = [orjson.loads(line)["user"]["name"] for line in said.out.splitlines()]
    assert code == 5
    assert (
        users[-1] == "user-1"
        and users[:-1] == [f"user-{number}" for number in range(len(users) - 1)]
        and len(users) > 50
    )
    for name in (
        "cut.log.gz: the gzip data end too early",
        "binary.log: ",
        "prose.log: ",
        f"{tmp_path}: is a folder",
    ):
        assert sum(name in line for line in said.err.splitlines()) == 1, said.err
    assert "empty.log" not in said.err
    assert "Traceback" not in said.err
