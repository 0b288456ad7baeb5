"""Dead letters: listed, shown, and tried again when a format is mended or named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.end_to_end.living import configured, living, record
from tests.tallyman.world import Ran, objects

DOCKER = (
    b'{"Type":"container","Action":"start","scope":"local","time":1793620800,"timeNano":1793620800000000000,'
    b'"Actor":{"ID":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","Attributes":{"image":"nginx:1.27","name":"web"}}}'
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of two events, two letters that are Docker's, and one that is nobody's."""
    root = tmp_path_factory.mktemp("kept")
    lines = [record(1), DOCKER, b"not json", record(2), DOCKER.replace(b'"start"', b'"die"')]
    (root / "audit.log").write_bytes(b"".join(line + b"\n" for line in lines))
    (root / "rules").mkdir()
    (root / "rules" / "container_started.yml").write_text(
        "title: Container started\nid: 0a4d4a52-8c2e-4f0e-9d1d-6f6f3d8f0b12\nlogsource: {product: docker, service: events}\n"
        "detection:\n  selection: {Action: start}\n  condition: selection\nlevel: low\n"
    )
    with living(root) as run:
        run.until_count(5)
        assert run.count("event.kind:pipeline_error") == 3
    return root


@pytest.fixture
def config(kept: Path, tmp_path: Path) -> str:
    """The configuration of a copy of it."""
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "tallyman.yaml"
    path.write_text(yaml.safe_dump(configured(tmp_path).model_dump(mode="json")))
    return str(path)


def test_dead_letters_are_listed_with_where_they_come_from_and_why(
    tallyman: Ran, config: str, kept: Path
) -> None:
    code, out, _ = tallyman("--config", config, "deadletter", "list", "--json")
    assert code == 0
    rows = sorted(objects(out), key=lambda row: row["offset"])
    first = len(record(1)) + 1
    assert [row["offset"] for row in rows] == [
        first,
        first + len(DOCKER) + 1,
        first + len(DOCKER) + 11 + len(record(2)),
    ]
    assert {row["path"] for row in rows} == {str(kept / "audit.log")}
    assert all(
        row["id"] and row["time"] and row["source"] == "audit" and row["bytes"] and row["replayed"] is False
        for row in rows
    )
    assert rows[1]["reason"].startswith("no JSON")
    code, out, err = tallyman("--config", config, "deadletter", "list")
    assert (code, len(out.splitlines())) == (0, 3)
    assert "3 dead letters" in err and "no JSON" in out


def test_one_is_shown_as_it_was_read(tallyman: Ran, config: str) -> None:
    letter = next(
        row
        for row in objects(tallyman("--config", config, "deadletter", "list", "--json")[1])
        if row["bytes"] == 8
    )
    for id in (letter["id"], letter["id"][:8]):
        code, out, err = tallyman("--config", config, "deadletter", "show", id)
        assert (code, out) == (0, "not json\n")
        assert letter["reason"] in err
    code, _, err = tallyman("--config", config, "deadletter", "show", "0" * 40)
    assert code == 2 and "deadletter list" in err


def test_what_a_named_format_understands_becomes_events_and_alerts_once(tallyman: Ran, config: str) -> None:
    code, out, err = tallyman("--config", config, "deadletter", "replay", "--format", "docker_events")
    assert (code, out) == (5, "")
    assert "2 understood now, 1 still not" in err
    assert tallyman("--config", config, "search", "--count", "event.dataset:docker.events")[1] == "2\n"
    alerts = objects(tallyman("--config", config, "alerts", "list", "--json")[1])
    assert [each["kibana"]["alert"]["rule"]["rule_id"] for each in alerts] == ["container_started"]
    rows = objects(tallyman("--config", config, "deadletter", "list", "--json")[1])
    assert sorted(row["replayed"] for row in rows) == [False, True, True]

    code, _, err = tallyman("--config", config, "deadletter", "replay", "--format", "docker_events")
    assert code == 5 and "0 understood now, 1 still not" in err
    assert tallyman("--config", config, "search", "--count", "event.dataset:docker.events")[1] == "2\n"
    assert len(objects(tallyman("--config", config, "alerts", "list", "--json")[1])) == 1


def test_what_is_still_not_understood_stays_a_letter(tallyman: Ran, config: str) -> None:
    code, _, err = tallyman("--config", config, "deadletter", "replay")
    assert code == 5 and "0 understood now, 3 still not" in err
    assert len(objects(tallyman("--config", config, "deadletter", "list", "--json")[1])) == 3


def test_an_unknown_format_is_answered_with_the_nearest(tallyman: Ran, config: str) -> None:
    code, _, err = tallyman("--config", config, "deadletter", "replay", "--format", "docker_event")
    assert code == 2 and "Did you mean 'docker_events'?" in err


def test_replay_says_who_writes_the_store(tallyman: Ran, config: str, tmp_path: Path) -> None:
    with living(tmp_path):
        code, _, err = tallyman("--config", config, "deadletter", "replay")
    assert code == 4 and "process" in err and "Traceback" not in err
