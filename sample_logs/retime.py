"""Stretch a short recording of audit records or Docker events over a day.

A recording of some twenty minutes becomes a day of twenty-four hours when every time in it is moved by one
clock, so that the order of the records stays as it was. A window says which part of the recording becomes
which part of the day,

    2026-11-20T10:03:00Z..2026-11-20T10:03:40Z=2026-11-20T02:10:00Z..2026-11-20T02:22:00Z*0.3

and what lies between two windows is stretched evenly; records before the first and after the last are left
out. Windows are for what should keep a human pace, such as a session at a terminal. Ordinary records would
stand too close there: *0.3 keeps three tenths of the requests, drawn by auditID, and all lines that match
--keep. A Docker event is never left out.

Moved are all RFC 3339 times within a day of the recording, wherever they stand in a line (creationTimestamp,
managedFields, leases, annotations), and Docker's time and timeNano. Others stay, such as the end of a
certificate and what a cron job's jobs have in their names. What happened before the recording is moved at the
pace of its first part.

    python sample_logs/retime.py audit.log --window ... --keep 198.51.100.7 | gzip -9n > day.jsonl.gz
"""

import argparse
import re
import sys
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

SECOND = 1_000_000_000  # all times are whole nanoseconds: a float would lose some of Docker's
DAY = 86_400 * SECOND

RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|\+00:00)")
DOCKER = re.compile(r'"time":(\d{10}),"timeNano":(\d{19})')
AUDIT_ID = re.compile(r'"auditID":"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the recording, and the part of the day that it becomes; in nanoseconds."""

    start: int
    end: int
    day_start: int
    day_end: int
    share: float = 1.0  # of the requests, those that --keep does not name


def parse_time(text: str) -> int:
    whole, fraction, _ = RFC3339.fullmatch(text).groups("")  # type: ignore[union-attr]
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return seconds * SECOND + int(fraction.ljust(9, "0"))


def format_time(nanoseconds: int, digits: int, zone: str = "Z") -> str:
    seconds, rest = divmod(nanoseconds, SECOND)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    fraction = f".{rest:09}"[: digits + 1] if digits else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{zone}"


def parse_window(text: str) -> Window:
    spans, _, share = text.partition("*")
    start, end, day_start, day_end = map(parse_time, re.split(r"\.\.|=", spans))
    if start >= end or day_start >= day_end:
        raise ValueError(f"'{text}' ends before it starts")
    return Window(start, end, day_start, day_end, float(share or 1))


def fill(windows: Iterable[Window]) -> list[Window]:
    """The windows in order, with those added that lie between them."""
    ordered = sorted(windows, key=lambda window: window.start)
    parts = ordered[:1]
    for before, after in pairwise(ordered):
        if before.end < after.start:
            parts.append(Window(before.end, after.start, before.day_end, after.day_start))
        parts.append(after)
    return parts


def part_at(parts: Sequence[Window], time: int) -> Window:
    """The part that holds this time; the first or the last for what lies outside."""
    return parts[max(0, bisect_right(parts, time, key=lambda part: part.start) - 1)]


def clock(parts: Sequence[Window]) -> Callable[[int], int]:
    first, last = parts[0].start - DAY, parts[-1].end + DAY

    def move(time: int) -> int:
        if not first <= time <= last:
            return time
        part = part_at(parts, time)
        if time > part.end:  # a deadline beyond the end, at its real distance
            return part.day_end + time - part.end
        return part.day_start + (time - part.start) * (part.day_end - part.day_start) // (
            part.end - part.start
        )

    return move


def move_line(line: str, move: Callable[[int], int]) -> str:
    def rfc3339(match: re.Match[str]) -> str:
        return format_time(move(parse_time(match[0])), len(match[2] or ""), match[3])

    def docker(match: re.Match[str]) -> str:
        time = move(int(match[2]))
        return f'"time":{time // SECOND},"timeNano":{time}'

    return DOCKER.sub(docker, RFC3339.sub(rfc3339, line))


def record_time(line: str) -> int:
    if stage := re.search(r'"stageTimestamp":"([^"]+)"', line):
        return parse_time(stage[1])
    if docker := DOCKER.search(line):
        return int(docker[2])
    raise ValueError(f"neither an audit record nor a Docker event: {line[:80]}")


def draw(line: str) -> float:
    audit_id = AUDIT_ID.search(line)
    return zlib.crc32(audit_id[1].encode()) / 2**32 if audit_id else 0.0


def retime(lines: Iterable[str], windows: Iterable[Window], keep: re.Pattern[str] | None) -> Iterator[str]:
    """The lines at their times of the day."""
    parts = fill(windows)
    move = clock(parts)
    for line in lines:
        time = record_time(line)
        inside = parts[0].start <= time <= parts[-1].end
        if inside and (draw(line) < part_at(parts, time).share or (keep and keep.search(line))):
            yield move_line(line, move)


def main() -> None:
    parser = argparse.ArgumentParser(description="Stretch a recording over a day.")
    parser.add_argument("recording", type=argparse.FileType(encoding="utf-8"))
    parser.add_argument("--window", type=parse_window, action="append", required=True, metavar="A..B=A..B")
    parser.add_argument("--keep", type=re.compile, metavar="REGEX", help="never leave out lines that match")
    options = parser.parse_args()
    sys.stdout.writelines(retime(options.recording, options.window, options.keep))


if __name__ == "__main__":
    main()
