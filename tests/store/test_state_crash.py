"""A process that records alerts is killed at any moment: alerts, outbox and pointer agree."""

import subprocess
import sys
from pathlib import Path
from random import Random
from time import monotonic

from event_model.alert import alert_id
from store.database import Database
from tests.store.matches import NOW, match

ROOT = Path(__file__).resolve().parents[2]
BATCH = 7
CHILD = """
import sys
from pathlib import Path
from store.database import Database
from tests.store.test_state_crash import batch

database = Database(Path(sys.argv[1]))
book = database.book(sinks={"page": "low"})
while True:
    number = book.inspected()[1] + 1
    book.record(batch(number), 1_800_000_000.0, ("20261123-000", number))
    print(number, flush=True)
"""


def batch(number: int) -> list:
    """Matches of ten people, a minute apart, so that most join an alert of an earlier batch."""
    return [match(number * BATCH + place, user=f"user{(number + place) % 10}") for place in range(BATCH)]


def run_and_kill(root: Path, seed: int) -> int:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(root)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    said, enough, deadline = [], Random(seed).randint(1, 60), monotonic() + 20
    for line in child.stdout:
        said.append(line)
        if len(said) >= enough or monotonic() > deadline:
            break
    child.kill()
    said += child.communicate()[0].splitlines(keepends=True)
    return int([line for line in said if line.endswith("\n")][-1])


def test_killed_at_any_moment_alerts_and_pointer_agree(tmp_path: Path) -> None:
    for seed in range(5):
        said = run_and_kill(tmp_path, seed)
        database = Database(tmp_path)
        come = database.alerts.inspected()[1]
        assert come >= said
        held = database.alerts.listed(limit=100_000).alerts
        assert sum(alert["count"] for alert in held) == (come + 1) * BATCH
        assert {row.alert for row in database.outbox.due("page", 1e12, 100_000)} == {
            alert["id"] for alert in held
        }
        replayed = [match for number in range(come + 1) for match in batch(number)]
        assert database.alerts.record(replayed, NOW, ("20261123-000", come)) == []
        assert sum(alert["count"] for alert in database.alerts.listed(limit=100_000).alerts) == len(replayed)
        assert alert_id(replayed[0]) in {alert["id"] for alert in held}
        database.close()
