"""Whatever rotation and crashes do, and in whatever order: every line is read, and none twice.

Time and turns are driven by hand here, so that each moment in which a rotation can be seen half done comes up.
"""

from __future__ import annotations

import gzip
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector import tailing
from collector.following import Follower
from collector.tailing import Reading
from event_model.parts import Batch

OPERATIONS = {
    "append": 10, "append_partly": 3, "finish_line": 3, "append_pieces": 2, "drive": 10,
    "crash": 1, "rename": 1, "copy_and_truncate": 1, "pack": 1,
}  # fmt: skip


class World:
    """A log with its writer and its rotation, and a reader that may die at any batch."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.folder, self.log = folder, folder / "app.log"
        self.now = 0.0
        self.written: list[bytes] = []
        self.read: list[bytes] = []
        self.positions: dict[str, Any] = {}
        self._rest_of_line = b""
        self._number = 0
        self._file = self.log.open("ab", buffering=0)
        self._follower: Follower | None = None

    def run(self, steps: int) -> None:
        for name in self.chance.choices(list(OPERATIONS), list(OPERATIONS.values()), k=steps):
            getattr(self, name)()
        self.finish_line()
        for _ in range(20):
            self._read_all()
            self.now += 1
        self.crash()
        self._file.close()

    # the writer

    def append(self) -> None:
        for _ in range(self.chance.choice([1, 1, 2, 5, 50])):
            line = self._line()
            self._file.write(self._rest_of_line + line + b"\n")
            self._rest_of_line = b""
            self.written.append(line)

    def append_partly(self) -> None:
        if not self._rest_of_line:
            line = self._line()
            cut = self.chance.randrange(1, len(line))
            self._file.write(line[:cut])
            self._rest_of_line = line[cut:] + b"\n"
            self.written.append(line)

    def finish_line(self) -> None:
        self._file.write(self._rest_of_line)
        self._rest_of_line = b""

    def append_pieces(self) -> None:
        """A line that the runtime cut into three, with a line of the other stream between."""
        self.finish_line()
        lines = [
            self._line(b"stdout", b"P"),
            self._line(b"stderr", b"F"),
            self._line(b"stdout", b"P"),
            self._line(),
        ]
        for line in lines:
            self._file.write(line + b"\n")
            self.drive(still=True)
        self.written += [lines[1], b"\n".join((lines[0], lines[2], lines[3]))]

    def _line(self, stream: bytes = b"stdout", tag: bytes = b"F") -> bytes:
        self._number += 1
        filler = b"x" * self.chance.choice([0, 1, 10, 100, 300, 1000])
        return b"2026-01-01T00:00:00.%09dZ %s %s line %d %s" % (
            self._number,
            stream,
            tag,
            self._number,
            filler,
        )

    # the rotation

    def rename(self) -> None:
        self._shift()
        os.rename(self.log, f"{self.log}.1")
        if self.chance.random() < 0.5:
            self.append()  # the writer has not noticed yet
        self.finish_line()
        if self.chance.random() < 0.3:
            self.drive()
        self._file.close()
        self._file = self.log.open("ab", buffering=0)

    def copy_and_truncate(self) -> None:
        self.finish_line()
        if self.chance.random() < 0.5:
            self.drive()
        self._shift()
        self._write_slowly(f"{self.log}.1", self.log.read_bytes())
        os.truncate(self.log, 0)

    def pack(self) -> None:
        """Pack one of the rotated files, as gzip does: write the packed one, then remove the other."""
        plain = [path for path in self.folder.glob("app.log.*") if path.suffix != ".gz"]
        if plain:
            path = self.chance.choice(sorted(plain))
            self.finish_line()
            status = path.stat()
            self._write_slowly(f"{path}.gz", gzip.compress(path.read_bytes()))
            os.utime(f"{path}.gz", ns=(status.st_atime_ns, status.st_mtime_ns))
            path.unlink()

    def _shift(self) -> None:
        rotated = sorted(self.folder.glob("app.log.*"), key=lambda path: -int(path.name.split(".")[2]))
        for path in rotated:
            number = int(path.name.split(".")[2]) + 1
            path.rename(self.folder / f"app.log.{number}{path.suffix if path.suffix == '.gz' else ''}")

    def _write_slowly(self, path: str, data: bytes) -> None:
        cut = self.chance.randrange(len(data) + 1) if self.chance.random() < 0.4 else len(data)
        with open(path, "wb", buffering=0) as file:
            file.write(data[:cut])
            if cut < len(data):
                self.drive(still=True)
                file.write(data[cut:])
        if self.chance.random() < 0.5:
            self.drive(still=True)

    # the reader

    def drive(self, still: bool = False) -> None:
        """Let it look and read a bit, perhaps die on the way; unless `still`, time may pass."""
        if self._follower is None and self.chance.random() < 0.5:
            return
        if not still and self.chance.random() < 0.3:
            self.now += self.chance.choice([0.1, 1, 6])
        for _ in range(self.chance.choice([1, 2, 5])):
            follower = self._reader()
            step = follower.look() if self.chance.random() < 0.3 else follower.turn()
            if not self._take(step, self.chance.choice([1, 2, 3]) if self.chance.random() < 0.15 else 1000):
                self.crash()
                return

    def crash(self) -> None:
        if self._follower is not None:
            self._follower.close()
        self._follower = None

    def _reader(self) -> Follower:
        if self._follower is None:
            reading = Reading("app", "cri_log", max_line=5000, clock=lambda: self.now)
            self._follower = Follower([str(self.log)], reading, self.positions, rotated=True, from_start=True)
        return self._follower

    def _read_all(self) -> None:
        follower = self._reader()
        self._take(follower.look())
        self._take(follower.turn())
        while follower.busy:
            self._take(follower.turn())

    def _take(self, batches: Iterator[Batch], most: int = 1000) -> bool:
        for batch in batches:
            assert not batch.dead
            self.read += [record.raw for record in batch.records]
            self.positions[batch.key] = batch.position
            most -= 1
            if not most:
                return False
        return True


@pytest.mark.parametrize("step", [300, 4000, 1 << 18])
@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_lost_or_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, seed: int
) -> None:
    monkeypatch.setattr(tailing, "STEP", step)
    monkeypatch.setattr(tailing, "SHORTEST_STEP", min(step, tailing.SHORTEST_STEP))
    world = World(tmp_path, seed * 1000 + step % 997)
    world.run(80)
    read, written = Counter(world.read), Counter(world.written)
    assert (list(written - read), list(read - written)) == ([], [])
