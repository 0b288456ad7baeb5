"""A process that appends is killed at any moment: what it had synced is there, whole, once."""

import subprocess
import sys
from pathlib import Path
from random import Random
from threading import Thread
from time import monotonic

import msgspec

from store.journal import Journal
from tests.store.batches import everything

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import sys
from pathlib import Path
from random import Random
from threading import Thread
from store.journal import Journal
from tests.store.batches import batch

journal = Journal(Path(sys.argv[1]), writable=True, roll_bytes=200_000)
random, appended = Random(int(sys.argv[2])), {name: journal.positions.get(name, 0) for name in "ab"}

def acknowledge():
    while True:
        kept = dict(appended)
        journal.sync()
        print(kept["a"], kept["b"], flush=True)

Thread(target=acknowledge, daemon=True).start()
while True:
    name = random.choice("ab")
    begin, end = appended[name], appended[name] + random.choice([0, 1, 7, 300, 1000])
    texts = [b"%s %d " % (name.encode(), number) + b"x" * (number % 90) for number in range(begin, end)]
    journal.append(batch(texts, end, key=name), {})
    appended[name] = end
"""


def run_and_kill(root: Path, seed: int) -> tuple[int, int]:
    """Let a child append for a while, kill it, and give back what it last called durable."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(root), str(seed)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    said: list[str] = []
    enough = Random(seed).randint(1, 40)
    deadline = monotonic() + 20
    for line in child.stdout:
        said.append(line)
        if len(said) >= enough or monotonic() > deadline:
            break
    child.kill()
    rest = Thread(target=lambda: said.extend(child.stdout or ()))
    rest.start()
    rest.join()
    child.stdout.close()
    child.wait()
    whole = [line.split() for line in said if line.endswith("\n")]
    return int(whole[-1][0]), int(whole[-1][1])


def check(root: Path, acknowledged: tuple[int, int]) -> None:
    with Journal(root, writable=True) as journal:
        held: dict[str, list[int]] = {"a": [], "b": []}
        for entry in everything(journal):
            name, number, rest = entry.record.raw.split(b" ")
            assert len(rest) == int(number) % 90
            held[name.decode()].append(int(number))
        assert journal.damaged == 0
        positions = journal.positions
    for name, least in zip("ab", acknowledged, strict=True):
        assert held[name] == list(range(positions.get(name, 0)))
        assert positions.get(name, 0) >= least


def test_killed_at_any_moment_the_journal_holds_what_was_synced_once(tmp_path: Path) -> None:
    for seed in range(80):
        check(tmp_path, run_and_kill(tmp_path, seed))
        if seed >= 7 and len(Journal(tmp_path).partitions()) > 1:  # sooner or later, as fast as the disk is
            break
    assert len(Journal(tmp_path).partitions()) > 1
    assert msgspec.json.encode(Journal(tmp_path).positions)


def test_a_reader_beside_a_process_that_appends_sees_every_record_once(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), "1"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    reader, seen = Journal(tmp_path), {"a": 0, "b": 0}
    place, pointer, deadline = "", 0, monotonic() + 120
    try:
        while sum(seen.values()) < 40_000 and monotonic() < deadline:
            for partition in [name for name in reader.partitions() if name >= place]:
                pointer = pointer if partition == place else 0
                place = partition
                for entries in reader.entries(partition, pointer):
                    for entry in entries:
                        name, number, _ = entry.record.raw.decode().split(" ")
                        assert int(number) == seen[name]
                        seen[name] += 1
                    pointer = entries[-1].pointer
    finally:
        child.kill()
        child.communicate()
    assert sum(seen.values()) >= 40_000 and reader.damaged == 0
