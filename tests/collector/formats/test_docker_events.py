"""What an event of a Docker engine becomes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.commands import command
from collector.formats.docker_events import Docker, Format
from event_model.errors import Unreadable
from event_model.event import Event, Origin, Record
from event_model.fields import document

ID = "f10c8aee8be48d31" * 4
ORIGIN = Origin("docker", "docker_events", "events.jsonl", "edge-1")
FORMAT = Format()


def event(
    action: str = "start",
    kind: str = "container",
    identifier: str = ID,
    scope: str = "local",
    **attributes: str,
) -> Event:
    named = {"image": "nginx:1.27", "name": "web"} if kind == "container" else {}
    return normalize({
        "Type": kind, "Action": action, "Actor": {"ID": identifier, "Attributes": {**named, **attributes}},
        "scope": scope, "time": 1795459396, "timeNano": 1795459396367756781,
    })  # fmt: skip


def normalize(record: Any) -> Event:
    return FORMAT.normalize(Record(json.dumps(record).encode()), ORIGIN)


def test_a_container_event_in_ecs() -> None:
    made = event("die", exitCode="137", **{"com.example.team": "shop"})
    assert made.timestamp == "2026-11-23T18:43:16.367756781Z"
    assert (made.dataset, made.module, made.provider, made.cluster) == (
        "docker.events",
        "docker",
        "dockerd",
        "edge-1",
    )
    assert (made.action, made.category, made.type, made.outcome) == ("die", ("process",), ("end",), "failure")
    assert (made.container_id, made.container_name, made.images, made.exit_code) == (
        ID,
        "web",
        ("nginx:1.27",),
        137,
    )
    assert (made.resource_type, made.resource_name, made.resource_id) == ("container", "web", ID)
    assert made.container_labels == {"com.example.team": "shop"}
    assert made.orchestrator is None and made.user_name is None
    assert isinstance(made.native, Docker)
    assert document(made)["docker"]["event"]["Actor"]["Attributes"]["exitCode"] == "137"


def test_an_end_with_code_0_is_a_success() -> None:
    assert event("die", exitCode="0").outcome == "success"


def test_an_exec_tells_its_command() -> None:
    made = event("exec_create: sh -c id")
    assert (made.action, made.command_line, made.category, made.type) == (
        "exec_create",
        "sh -c id",
        ("process",),
        ("start",),
    )
    assert made.message == "someone ran a shell in container web (nginx:1.27): sh -c id"
    assert command(made) == "docker exec web sh -c id"


def test_health_is_a_reason() -> None:
    sick = event("health_status: unhealthy")
    assert (sick.action, sick.reason, sick.outcome, sick.command_line) == (
        "health_status",
        "unhealthy",
        "failure",
        None,
    )
    assert sick.message == "container web (nginx:1.27) is unhealthy"


def test_swarm_is_an_orchestrator() -> None:
    made = event(
        "update", "node", "tfr7e", "swarm", name="edge-2", **{"role.old": "worker", "role.new": "manager"}
    )
    assert (made.orchestrator, made.category, made.type) == ("docker-swarm", ("configuration",), ("change",))
    assert made.message == "swarm node edge-2 was changed: role worker to manager"
    assert command(made) == "docker node update --role manager edge-2"


@pytest.mark.parametrize(
    ("made", "message", "said"),
    [
        (event("attach"), "someone attached to container web (nginx:1.27)", "docker attach web"),
        (event("archive-path"), "someone copied files out of container web (nginx:1.27)", "docker cp web:PATH ."),
        (event("exec_create: /bin/sh "), "someone ran a shell in container web (nginx:1.27): /bin/sh", "docker exec -it web /bin/sh"),
        (event("exec_start: cat /etc/shadow"), "someone started a command in container web (nginx:1.27): cat /etc/shadow", "docker exec web cat /etc/shadow"),
        (event("exec_create: sh -c wget x; sh y"), "someone ran a shell in container web (nginx:1.27): sh -c wget x; sh y", "docker exec web sh -c 'wget x; sh y'"),
        (event("commit", imageRef="site:31"), "someone made image site:31 of container web (nginx:1.27)", "docker commit web site:31"),
        (event("rename", oldName="/old"), "container web (nginx:1.27) was renamed from old", "docker rename old web"),
        (event("kill", signal="9"), "container web (nginx:1.27) was sent signal 9", "docker kill --signal 9 web"),
        (event("die"), "container web (nginx:1.27) ended", ""),
        (event("pull", "image", "r.example.com/x:2", name="r.example.com/x"), "image r.example.com/x:2 was pulled", "docker pull r.example.com/x:2"),
        (event("delete", "image", "sha256:" + ID, name="sha256:" + ID), "image sha256:f10c8aee8be4 was deleted", f"docker rmi sha256:{ID}"),
        (event("connect", "network", ID, name="shop", container=ID), "container f10c8aee8be4 was connected to network shop", f"docker network connect shop {ID}"),
        (event("mount", "volume", "data", container=ID, destination="/d", **{"read/write": "false"}), "volume data was mounted in container f10c8aee8be4 at /d (read only)", ""),
        (event("enable", "plugin", "p1", name="authz"), "plugin authz was enabled", "docker plugin enable authz"),
        (event("reload", "daemon", "672E", name="edge-1"), "the configuration of Docker daemon edge-1 was reloaded", ""),
        (event("create", "secret", "s1", "swarm", name="key"), "swarm secret key was created", "docker secret create key FILE"),
        (event("update", "service", "s1", "swarm", name="web", **{"replicas.old": "2", "replicas.new": "0"}), "swarm service web was changed: replicas 2 to 0", "docker service update --replicas 0 web"),
        (event("prune", "volume", "", reclaimed="5"), "unused volumes were removed: 5 bytes", "docker volume prune"),
        (event("brand new", "thing", "x"), "thing x: brand new", ""),
    ],
)  # fmt: skip
def test_the_sentence_and_the_command(made: Event, message: str, said: str) -> None:
    assert (made.message, command(made)) == (message, said)


def test_a_name_cannot_break_out_of_sentence_or_command() -> None:
    made = event("attach", name="a; rm -rf /\n\x1b[31m{it}")
    assert made.message == "someone attached to container a; rm -rf /\\n\\x1b[31m{it} (nginx:1.27)"
    assert command(made).startswith("docker attach $'")


def test_credentials_are_replaced_and_the_hash_stays() -> None:
    made = event("exec_create: mysql -u root -phunter2", **{"DB_PASSWORD": "letmein", "org.title": "web"})
    kept = FORMAT.redact(made.record, made)
    assert b"hunter2" not in kept.raw and b"letmein" not in kept.raw and b'"org.title":"web"' in kept.raw
    assert kept.hash() == hashlib.sha256(made.record.raw).hexdigest()
    again = FORMAT.normalize(kept, ORIGIN)
    assert again.command_line == "mysql -u root -p[redacted]"
    assert FORMAT.redact(kept, again) is kept


def test_an_ordinary_record_is_kept_as_it_is() -> None:
    made = event()
    assert FORMAT.redact(made.record, made) is made.record


@pytest.mark.parametrize(
    "raw", [b"", b"nonsense", b"[1]", b"{}", b'{"Type":"container"}', b'{"Type":"x","Action":']
)
def test_what_is_no_event_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        FORMAT.normalize(Record(raw), ORIGIN)


def test_ill_typed_parts_leave_the_rest() -> None:
    made = normalize(
        {
            "Type": "container",
            "Action": "start",
            "Actor": {"ID": 5, "Attributes": {"name": ["x"], "image": "nginx"}},
            "timeNano": "soon",
            "time": 1,
        }
    )
    assert (made.timestamp, made.images) == ("1970-01-01T00:00:01Z", ("nginx",))
    assert made.labels == {"malformed": "Actor.ID, Actor.Attributes, timeNano"}


def test_numbers_and_nesting_beyond_all_bounds_leave_the_rest() -> None:
    raw = (
        b'{"Type":"container","Action":"start","Actor":'
        + b"[" * 50_000
        + b"]" * 50_000
        + b',"time":1,"timeNano":1'
        + b"0" * 60
        + b"}"
    )
    made = FORMAT.normalize(Record(raw), ORIGIN)
    assert (made.action, made.timestamp) == ("start", "1970-01-01T00:00:01Z")


def test_an_old_engine_says_status_id_and_from() -> None:
    made = normalize({"status": "start", "id": ID, "from": "nginx", "time": 1})
    assert (made.resource_type, made.action, made.container_id, made.images) == (
        "container",
        "start",
        ID,
        ("nginx",),
    )


def test_lists_and_objects_in_a_row_are_opened() -> None:
    assert list(FORMAT.split(b'[{"a":1},{"b":2}]')) == [b'{"a":1}', b'{"b":2}']
    assert list(FORMAT.split(b'[\n  {"a":1}\n]')) == [b'{"a":1}']
    assert list(FORMAT.split(b'{"a":1}{"b":2}')) == [b'{"a":1}', b'{"b":2}']
    assert list(FORMAT.split(b'{"a":1}')) == [b'{"a":1}']


def test_the_events_of_the_docker_client_are_read(shared_data: Callable[[str], Path]) -> None:
    lines = shared_data("docker").joinpath("docker-events-json.golden").read_bytes().splitlines()
    assert [FORMAT.normalize(Record(line), ORIGIN).action for line in lines] == [
        "create",
        "start",
        "attach",
        "die",
    ]
    assert FORMAT.recognise(b"\n".join(lines)) == 1.0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
members = st.sampled_from(
    ["Type", "Action", "Actor", "scope", "time", "timeNano", "status", "id", "from", "x"]
)


@settings(max_examples=50)
@given(st.dictionaries(members, json_values), json_values)
def test_any_json_gives_an_event_or_is_unreadable(record: dict[str, Any], attributes: Any) -> None:
    for each in (
        record,
        {
            **record,
            "Type": "container",
            "Action": "exec_create: x",
            "Actor": {"ID": "i", "Attributes": attributes},
        },
    ):
        try:
            made = normalize(each)
        except Unreadable:
            continue
        assert made.message and made.message.isprintable()
        assert command(made).isprintable()
        assert document(made)
        FORMAT.redact(made.record, made)


@given(st.binary(max_size=300))
def test_any_bytes_give_an_event_or_are_unreadable(raw: bytes) -> None:
    try:
        FORMAT.normalize(Record(raw), ORIGIN)
    except Unreadable as error:
        assert str(error)
