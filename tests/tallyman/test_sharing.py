"""What a machine's detectors remember is shared now and then, and what can't be holds nothing up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from event_model.errors import StoreError
from store.snapshots import Snapshot, Snapshots
from tallyman.sharing import SHARE_EVERY, Sharing

PLACE = ("20261123-000", 7)


class Shared:
    """A cluster that refuses what it is told to."""

    def __init__(self) -> None:
        self.saved = list[tuple[str, str, bytes]]()
        self.refuses: Exception | None = None

    def save(self, owner: str, snapshot: Snapshot) -> None:
        if self.refuses:
            raise self.refuses
        self.saved.append((owner, snapshot.detector, snapshot.body))


class World:
    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.snapshots, self.shared, self.time = Snapshots(root), Shared(), 100.0
        memories: Any = self.shared
        self.sharing = Sharing(self.snapshots, memories)
        monkeypatch.setattr("tallyman.sharing.time.monotonic", lambda: self.time)

    def write(self, detector: str, body: bytes) -> None:
        self.snapshots.save(detector, PLACE, self.time, body)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_what_was_written_is_shared_at_once_and_what_comes_later_after_a_while(world: World) -> None:
    world.write("actors", b"one")
    world.sharing.share("host-a")
    world.write("actors", b"two")
    world.write("log_template", b"lines")
    world.sharing.share("host-a")
    assert world.shared.saved == [("host-a", "actors", b"one")]
    world.time += SHARE_EVERY
    world.sharing.share("host-a")
    assert sorted(world.shared.saved[1:]) == [
        ("host-a", "actors", b"two"),
        ("host-a", "log_template", b"lines"),
    ]


def test_the_end_does_not_wait_and_shares_nothing_twice(world: World) -> None:
    world.write("actors", b"one")
    world.sharing.share("host-a")
    world.sharing.share("host-a", now=True)
    world.write("actors", b"two")
    world.sharing.share("host-a", now=True)
    assert [body for _, _, body in world.shared.saved] == [b"one", b"two"]


def test_what_the_cluster_does_not_take_now_is_said_and_tried_again_later(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.write("actors", b"one")
    world.shared.refuses = StoreError("refused (413)")
    world.sharing.share("host-a")
    (said,) = caplog.records
    assert (said.message, said.detector, said.reason) == (  # type: ignore[attr-defined]
        "memory is not shared", "actors", "refused (413)",
    )  # fmt: skip
    world.shared.refuses = None
    world.sharing.share("host-a")
    assert not world.shared.saved
    world.time += SHARE_EVERY
    world.sharing.share("host-a")
    assert [body for _, _, body in world.shared.saved] == [b"one"]


def test_what_can_never_be_shared_is_said_once_until_it_is_written_anew(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.write("actors", b"one")
    world.shared.refuses = ValueError("too large")
    for _ in range(3):
        world.sharing.share("host-a", now=True)
    assert len(caplog.records) == 1
    world.write("actors", b"two")
    world.sharing.share("host-a", now=True)
    assert len(caplog.records) == 2


def test_a_damaged_memory_stays_here_and_the_others_are_shared(world: World) -> None:
    world.write("actors", b"one")
    world.write("log_template", b"lines")
    path = world.snapshots.path("actors")
    path.write_bytes(path.read_bytes()[:-1])
    world.sharing.share("host-a")
    assert [detector for _, detector, _ in world.shared.saved] == ["log_template"]
