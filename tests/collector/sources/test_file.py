"""Files are read as they grow, by the source itself with its thread, its watches and its restarts."""

from __future__ import annotations

import gzip
import logging
import os
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers.api import BaseObserver

from collector import following, tailing, waking
from collector.sources import SOURCES
from collector.sources.file import Source
from event_model.errors import ConfigError
from tests.collector.sources.reading import DEADLINE, Reader, wait_for


def line(number: int, tag: str = "F", text: str = "of this log") -> bytes:
    return b"2026-01-01T00:00:00.%09dZ stdout %s line %d %s" % (number, tag.encode(), number, text.encode())


def lines(*numbers: int) -> list[bytes]:
    return [line(number) for number in numbers]


def append(path: Path, *numbers: int) -> None:
    with path.open("ab") as file:
        file.write(b"".join(line(number) + b"\n" for number in numbers))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def start(log: Path) -> Iterator[Callable[..., Reader]]:
    """Starts a reader of `log`, or of other paths; all are closed at the end."""
    readers: list[Reader] = []

    def begin(
        paths: list[Any] | None = None, positions: dict[str, Any] | None = None, **options: Any
    ) -> Reader:
        options.setdefault("format", "cri_log")
        source = Source([str(path) for path in paths or [log]], **options)
        readers.append(Reader(source, positions))
        return readers[-1]

    yield begin
    for reader in readers:
        reader.close()


def test_a_file_is_read_and_then_what_is_appended(log: Path, start: Callable[..., Reader]) -> None:
    append(log, 1, 2)
    reader = start(cluster="prod", name="pods")
    assert reader.wait_for_lines(2) == lines(1, 2)
    append(log, 3)
    assert reader.wait_for_lines(3) == lines(1, 2, 3)
    origin = reader.batches[0].origin
    assert (origin.source, origin.format, origin.path, origin.cluster) == (
        "pods",
        "cri_log",
        str(log),
        "prod",
    )
    assert [record.offset for batch in reader.batches for record in batch.records] == [0, 59, 118]


def test_a_file_may_come_later_and_its_folder_too(tmp_path: Path, start: Callable[..., Reader]) -> None:
    reader = start([tmp_path / "new" / "*.log"], poll=0.05)
    folder = tmp_path / "new"
    folder.mkdir()
    append(folder / "a.log", 1)
    assert reader.wait_for_lines(1) == lines(1)


def test_an_append_wakes_the_reader_long_before_it_polls(log: Path, start: Callable[..., Reader]) -> None:
    append(log, 1)
    reader = start(poll=10 * DEADLINE)
    reader.wait_for_lines(1)
    append(log, 2)
    reader.wait_for_lines(2)
    log.rename(f"{log}.1")
    append(log, 3)
    assert reader.wait_for_lines(3) == lines(1, 2, 3)


def test_without_watches_it_polls(
    log: Path, start: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(BaseObserver, "schedule", refuse)
    append(log, 1)
    reader = start(poll=0.05)
    reader.wait_for_lines(1)
    append(log, 2)
    assert reader.wait_for_lines(2) == lines(1, 2)
    assert "folder not watched" in caplog.text


def test_a_busy_log_is_read_without_watches_until_it_is_quiet(
    log: Path, start: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waking, "BUSY", 0)
    monkeypatch.setattr(waking, "QUIET", 0.3)
    reader, number = start(), 0
    ended = threading.Event()
    paused = threading.Event()
    unschedule, schedule = waking.Waker._unschedule, waking.Waker._schedule

    def pause(waker: waking.Waker) -> None:
        unschedule(waker)
        paused.set()

    def resume(waker: waking.Waker) -> None:
        schedule(waker)
        if paused.is_set():
            ended.set()

    monkeypatch.setattr(waking.Waker, "_unschedule", pause)
    monkeypatch.setattr(waking.Waker, "_schedule", resume)
    while not paused.is_set():
        number += 1
        append(log, number)
        reader.wait_for_lines(number)
    append(log, number + 1)
    reader.wait_for_lines(number + 1)
    wait_for(ended.is_set)
    append(log, number + 2)
    assert reader.wait_for_lines(number + 2) == lines(*range(1, number + 3))


def test_a_line_that_is_not_finished_waits(log: Path, start: Callable[..., Reader]) -> None:
    log.write_bytes(line(1) + b"\n" + line(2)[:20])
    reader = start(poll=0.05)
    reader.wait_for_lines(1)
    with log.open("ab") as file:
        file.write(line(2)[20:30])
        file.flush()
        append(log.with_name("app.log.1"), 0)  # read while the line is still not finished
        reader.wait_for_lines(2)
        file.write(line(2)[30:] + b"\n")
    assert reader.wait_for_lines(3) == lines(1, 0, 2)


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(
    log: Path, start: Callable[..., Reader]
) -> None:
    append(log, 1)
    reader = start()
    reader.wait_for_lines(1)
    old = log.open("ab", buffering=0)
    log.rename(f"{log}.1")
    append(log, 4, 5)
    old.write(line(2) + b"\n" + line(3) + b"\n")
    reader.wait_for_lines(5)
    old.write(line(6) + b"\n")
    old.close()
    assert sorted(reader.wait_for_lines(6)) == lines(1, 2, 3, 4, 5, 6)


def test_a_truncated_file_is_read_from_its_start_and_its_copy_is_not_read_again(
    log: Path, start: Callable[..., Reader]
) -> None:
    append(log, 1, 2)
    reader = start()
    reader.wait_for_lines(2)
    append(log, 3)
    shutil.copy(log, f"{log}.1")
    os.truncate(log, 0)
    append(log, 4)
    reader.wait_for_lines(4)
    append(log, 5)
    assert reader.wait_for_lines(5) == lines(1, 2, 3, 4, 5)


def test_a_truncated_file_that_has_grown_past_its_old_size_is_noticed(
    log: Path, start: Callable[..., Reader]
) -> None:
    append(log, 1)
    reader = start(rotated=False)
    reader.wait_for_lines(1)
    log.write_bytes(b"")
    append(log, *range(11, 20))
    assert reader.wait_for_lines(10) == lines(1, *range(11, 20))


def test_a_file_written_anew_by_an_editor_goes_on_where_it_was(
    log: Path, start: Callable[..., Reader]
) -> None:
    append(log, 1, 2)
    reader = start(poll=0.05)
    reader.wait_for_lines(2)
    other = log.with_name("other")
    other.write_bytes(log.read_bytes())
    append(other, 3)
    other.replace(log)
    assert reader.wait_for_lines(3) == lines(1, 2, 3)


def test_packed_files_that_were_never_read_come_first_and_once(
    log: Path, start: Callable[..., Reader]
) -> None:
    for number, name in enumerate(("app.log.3.gz", "app.log.2.gz"), start=1):
        log.with_name(name).write_bytes(gzip.compress(line(number) + b"\n"))
    append(log.with_name("app.log.1"), 3)
    append(log, 4)
    reader = start()
    assert reader.wait_for_lines(4) == lines(1, 2, 3, 4)
    again = start(positions=reader.positions)
    append(log, 5)
    assert again.wait_for_lines(1) == lines(5)


def test_a_file_that_is_packed_after_it_was_read_is_not_read_again(
    log: Path, start: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "GRACE", 0.1)
    append(log, *range(1, 50))
    reader = start(poll=0.05)
    reader.wait_for_lines(49)
    log.rename(f"{log}.1")
    append(log, 50)
    reader.wait_for_lines(50)
    log.with_name("app.log.1.gz").write_bytes(gzip.compress(log.with_name("app.log.1").read_bytes()))
    log.with_name("app.log.1").unlink()
    append(log, 51)
    reader.wait_for_lines(51)
    reader.close()
    again = start(positions=reader.positions)  # and neither after a restart
    append(log, 52)
    again.wait_for_lines(1)
    assert reader.lines + again.lines == lines(*range(1, 53))


def test_a_file_packed_while_nobody_read_is_read_on_from_where_it_was(
    log: Path, start: Callable[..., Reader]
) -> None:
    append(log, *range(1, 50))
    reader = start()
    reader.wait_for_lines(49)
    reader.close()
    append(log, 50, 51)
    log.with_name("app.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    append(log, 52)
    assert start(positions=reader.positions).wait_for_lines(3) == lines(50, 51, 52)


def test_a_packed_file_that_was_cut_off_is_read_as_far_as_it_goes_and_named(
    log: Path, start: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(following, "GRACE", 0.1)
    data = b"".join(line(number, text=str(random.Random(number).random())) + b"\n" for number in range(3000))
    log.with_name("app.log.1.gz").write_bytes(gzip.compress(data)[:-1000])
    append(log, 1)
    reader = start(poll=0.05)
    wait_for(lambda: "the gzip data end too early" in str([record.__dict__ for record in caplog.records]))
    assert len(reader.lines) > 1000


def test_a_file_whose_packed_data_are_damaged_stops_nothing_else(
    log: Path, start: Callable[..., Reader]
) -> None:
    log.with_name("app.log.1.gz").write_bytes(b"\x1f\x8b\x08\x00" + b"\xff" * 100)
    append(log, 1)
    reader = start(poll=0.05)
    assert reader.wait_for_lines(1) == lines(1)
    wait_for(lambda: "broken gzip" in str(reader.source.follower and reader.source.follower.troubles))


def test_links_to_one_file_are_read_once_and_rotation_behind_them_is_followed(
    tmp_path: Path, start: Callable[..., Reader]
) -> None:
    """The kubelet's layout: containers/x.log -> pods/…/0.log, which it renames and later packs."""
    pod = tmp_path / "pods" / "shop_web-1_0b7c6de0-aa" / "app"
    pod.mkdir(parents=True)
    links = tmp_path / "containers"
    links.mkdir()
    append(pod / "0.log", 1)
    for name in ("a", "b"):
        (links / f"web-{name}_shop_app-{'0' * 64}.log").symlink_to(pod / "0.log")
    reader = start([links / "*.log", tmp_path / "pods" / "*" / "*" / "*.log"])
    reader.wait_for_lines(1)
    append(pod / "0.log", 2)
    (pod / "0.log").rename(pod / "0.log.20261123-180501")
    append(pod / "0.log", 3)
    reader.wait_for_lines(3)
    (pod / "1.log").write_bytes(line(4) + b"\n")
    assert reader.wait_for_lines(4) == lines(1, 2, 3, 4)
    assert {batch.origin.path for batch in reader.batches} == {
        str(links / f"web-a_shop_app-{'0' * 64}.log"),
        str(pod / "1.log"),
    }


def test_a_file_deleted_while_it_is_read_is_read_to_its_end(
    log: Path, start: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, 1)
    reader = start(poll=0.05)
    reader.wait_for_lines(1)
    with log.open("ab", buffering=0) as file:
        log.unlink()
        file.write(line(2) + b"\n" + line(3))
    reader.wait_for_lines(2)
    monkeypatch.setattr(following, "GRACE", 0.2)  # only now: nobody waits longer for a writer than that
    assert reader.wait_for_lines(3) == lines(1, 2, 3)  # the last one has no end, and none will come


def test_a_file_truncated_while_nobody_read_is_read_from_its_start(
    log: Path, start: Callable[..., Reader]
) -> None:
    append(log, 1, 2)
    reader = start()
    reader.wait_for_lines(2)
    reader.close()
    log.write_bytes(b"")  # the same inode, as for a new file that got it again
    append(log, 3, 4, 5)
    assert start(positions=reader.positions).wait_for_lines(3) == lines(3, 4, 5)


def test_pieces_of_a_line_wait_for_each_other_across_a_restart(
    log: Path, start: Callable[..., Reader]
) -> None:
    log.write_bytes(b"\n".join((line(1), line(2, "P"), b"")))
    reader = start()
    reader.wait_for_lines(1)
    with log.open("ab") as file:
        file.write(b"2026-01-01T00:00:00.5Z stderr F other\n")
    reader.wait_for_lines(2)
    reader.close()
    append(log, 3)
    again = start(positions=reader.positions)
    assert again.wait_for_lines(1) == [line(2, "P") + b"\n" + line(3)]
    assert again.batches[0].records[0].offset == len(line(1)) + 1


def test_a_piece_whose_end_never_comes_is_a_record_after_a_while(
    log: Path, start: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailing, "JOINED_AFTER", 0.1)
    log.write_bytes(line(1, "P") + b"\n")
    assert start(poll=0.05).wait_for_lines(1) == [line(1, "P")]


def test_a_line_that_is_too_long_is_a_dead_letter_and_the_file_goes_on(
    log: Path, start: Callable[..., Reader]
) -> None:
    reader = start(max_line=1000)
    append(log, 1)
    with log.open("ab") as file:
        file.write(b"x" * 20_000_000)
        file.flush()
        append(log.with_name("app.log.other"), 9)
        file.write(b"\n")
    append(log, 2)
    assert reader.wait_for_lines(2) == lines(1, 2)
    assert [reason for _, reason in reader.dead] == ["a line of 20,000,000 bytes; max_line is 1,000"]


def test_invalid_utf_8_passes_as_it_is(log: Path, start: Callable[..., Reader]) -> None:
    log.write_bytes(b"\xff\xfe\x00\n" + line(1) + b"\n")
    assert start().wait_for_lines(2) == [b"\xff\xfe\x00", line(1)]


def test_the_format_is_recognised_from_the_first_records(
    tmp_path: Path, start: Callable[..., Reader]
) -> None:
    append(tmp_path / "a.log", 1)
    (tmp_path / "b.log").write_bytes(b'{"Type":"container","Action":"start","Actor":{"ID":"1"},"time":1}\n')
    (tmp_path / "c.log").write_bytes(line(2)[:10])
    reader = start([tmp_path / "*.log"], format=None)
    reader.wait_for_lines(2)
    with (tmp_path / "c.log").open("ab") as file:
        file.write(line(2)[10:] + b"\n")
    reader.wait_for_lines(3)
    assert {Path(batch.origin.path).name: batch.origin.format for batch in reader.batches} == {
        "a.log": "cri_log",
        "b.log": "docker_events",
        "c.log": "cri_log",
    }


def test_a_file_that_nobody_understands_is_named_and_left_for_later(
    log: Path, start: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "GRACE", 0.1)
    log.write_bytes(b"what is this\n" * 3)
    reader = start(format=None, poll=0.05)
    wait_for(
        lambda: "no format recognises" in str(reader.source.follower and reader.source.follower.troubles)
    )
    assert reader.positions == {}
    assert start(format="json").wait_for_lines(3) == [b"what is this"] * 3


def test_what_is_there_at_the_first_start_can_be_skipped(log: Path, start: Callable[..., Reader]) -> None:
    append(log, 1, 2)
    log.with_name("app.log.1.gz").write_bytes(gzip.compress(line(0) + b"\n"))
    with log.open("ab") as file:
        file.write(line(3)[:10])
    reader = start(from_start=False)
    wait_for(lambda: len(reader.positions) == 2)
    with log.open("ab") as file:
        file.write(line(3)[10:] + b"\n")
    reader.wait_for_lines(1)
    reader.close()
    append(log, 4)
    again = start(from_start=False, positions=reader.positions)
    again.wait_for_lines(1)
    assert reader.lines + again.lines == lines(3, 4)


def test_what_replaces_a_skipped_file_is_read(log: Path, start: Callable[..., Reader]) -> None:
    append(log, 1, 2)
    reader = start(from_start=False, poll=0.05)
    wait_for(lambda: reader.positions)
    log.write_bytes(b"")
    append(log, 3)
    assert reader.wait_for_lines(1) == lines(3)


def test_a_folder_in_place_of_a_file_is_named_once_and_stops_nothing_else(
    tmp_path: Path, start: Callable[..., Reader], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.log").mkdir()
    append(tmp_path / "b.log", 1)
    with caplog.at_level(logging.WARNING):
        reader = start([tmp_path / "*.log"], poll=0.02)
        reader.wait_for_lines(1)
        append(tmp_path / "b.log", 2)
        reader.wait_for_lines(2)
    follower = reader.source.follower
    assert follower is not None and follower.counts["unreadable_files"] == 1
    assert [record.message for record in caplog.records] == ["file not read"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_tried_again(log: Path, start: Callable[..., Reader]) -> None:
    append(log, 1)
    log.chmod(0)
    reader = start(poll=0.05)
    wait_for(lambda: str(log) in (reader.source.follower.troubles if reader.source.follower else {}))
    log.chmod(0o600)
    assert reader.wait_for_lines(1) == lines(1)


def test_a_file_that_fails_to_open_is_tried_again(
    log: Path, start: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch
) -> None:

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("collector.following.open_content", refuse)
    append(log, 1)
    reader = start(poll=0.05)
    wait_for(lambda: str(log) in (reader.source.follower.troubles if reader.source.follower else {}))
    monkeypatch.undo()
    assert reader.wait_for_lines(1) == lines(1)


def test_with_many_files_the_idlest_are_closed_and_opened_again(
    tmp_path: Path, start: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_OPEN", 3)
    for number in range(10):
        append(tmp_path / f"{number}.log", number)
    reader = start([tmp_path / "*.log"], poll=0.02)
    reader.wait_for_lines(10)
    follower = reader.source.follower
    wait_for(lambda: follower is not None and len(follower._tails) <= 3)
    for number in range(10):
        append(tmp_path / f"{number}.log", number + 10)
    assert sorted(reader.wait_for_lines(20)) == lines(*range(20))


def test_a_position_that_cannot_be_understood_is_left_aside(
    log: Path, start: Callable[..., Reader], caplog: pytest.LogCaptureFixture
) -> None:
    append(log, 1)
    reader = start(positions={"file:1": {"nonsense": 1}, "file:2": None, "other": 7})
    assert reader.wait_for_lines(1) == lines(1)
    assert "position not understood" in caplog.text


def test_two_sources_do_not_share_positions(log: Path, start: Callable[..., Reader]) -> None:
    append(log, 1)
    first = start(name="one")
    first.wait_for_lines(1)
    assert start(name="two", positions=first.positions).wait_for_lines(1) == lines(1)


def test_old_positions_are_forgotten_and_those_of_present_files_renewed(
    log: Path, start: Callable[..., Reader]
) -> None:
    append(log, 1)
    first = start()
    first.wait_for_lines(1)
    first.close()
    ((key, position),) = first.positions.items()
    old = {**position, "moved": 0.0, "inode": 1}
    gone = {**old, "head": "0" * 24}
    again = start(positions={key: {**old, "inode": position["inode"]}, "file:gone": gone})
    wait_for(lambda: again.positions["file:gone"] is None and again.positions[key]["moved"] > 0)
    assert again.lines == []


def test_the_options_are_checked(log: Path) -> None:
    assert SOURCES.make("file", {"paths": [str(log)], "max_line": 1000}).max_line == 1000
    with pytest.raises(ConfigError, match="has no option 'path'"):
        SOURCES.make("file", {"path": str(log)})
    with pytest.raises(ConfigError):
        SOURCES.make("file", {})


@pytest.mark.parametrize("seed", range(3))
def test_a_reader_that_dies_at_any_batch_loses_and_repeats_nothing(log: Path, seed: int) -> None:
    """A real writer appends and rotates while readers, each dying after some batches, take turns."""
    chance, total = random.Random(seed), 3000
    written = threading.Event()

    def write() -> None:
        file, number, generation = log.open("ab", buffering=0), 0, 0
        while number < total:
            step = chance.choice([1, 3, 40])
            data = b"".join(line(each) + b"\n" for each in range(number, min(number + step, total)))
            cut = chance.randrange(len(data))
            file.write(data[:cut])
            file.write(data[cut:])
            number += step
            if chance.random() < 0.03:
                generation += 1
                log.rename(f"{log}.{9999 - generation}")
                file.close()
                file = log.open("ab", buffering=0)
        file.close()
        written.set()

    writer = threading.Thread(target=write)
    writer.start()
    positions: dict[str, Any] = {}
    found: list[bytes] = []
    deaths = random.Random(seed + 100)
    while len(found) < total:
        take = deaths.choice([1, 2, 5, 20]) if not written.is_set() or deaths.random() < 0.7 else None
        reader = Reader(Source([str(log)], format="cri_log", poll=0.02), positions, take)
        missing = total - len(found)
        reader.wait_for_lines(missing)
        reader.close()
        positions = reader.positions
        found += reader.lines
    writer.join()
    assert sorted(found) == lines(*range(total))
