"""A cluster with TLS and security: whom we trust, who we are, and that each role may do its part and no more."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from event_model.errors import StoreError
from store.elastic import check, readiness, roles, setup
from store.elastic.bulk import Bulk
from store.elastic.client import Connection, connect, telling
from store.elastic.document import Document
from store.elastic.names import Names
from store.elastic.rollovers import Rollovers
from store.elastic.searcher import Searcher
from store.elastic.server import ask
from store.elastic.state import ClusterState
from store.elasticsearch import Elasticsearch
from store.journal import Entry, Journal
from store.query import parse
from store.triage import Unknown
from tallyman.config import Config
from tallyman.copying import to_cluster
from tallyman.states import open_state
from tallyman.stores import make_store
from tallyman.wiring import make_normalizer
from tests.end_to_end.living import configured, living, record
from tests.end_to_end.waiting import until
from tests.services import elasticsearch as service
from tests.services.cluster import RETENTION, clean, fresh_names
from tests.services.elasticsearch import Server

ROLES = Path(__file__).resolve().parents[3] / "deploy" / "elasticsearch" / "roles"
EVENT = {"@timestamp": "2026-01-01T00:00:00Z"}
Client = Any


@pytest.fixture(scope="module")
def way(secure_elasticsearch: Server) -> Connection:
    """As one who may do everything, trusting the test authority."""
    server = secure_elasticsearch
    return Connection(
        hosts=(server.url,),
        ca_file=server.ca_file,
        username=service.USER,
        password=SecretStr(server.password),
    )


@pytest.fixture(scope="module")
def world(way: Connection) -> Iterator[tuple[Client, Names]]:
    """A client that may do everything, and a namespace that is set up."""
    client, ours = connect(way), fresh_names("sec")
    setup.setup(client, way, ours, RETENTION)
    yield client, ours
    clean(client, ours)
    client.close()


def answers(connection: Connection) -> str:
    with telling(connection, "asking"):
        client = connect(connection, retries=0)
        try:
            return str(client.info()["tagline"])
        finally:
            client.close()


def test_a_server_is_trusted_by_its_authority(way: Connection) -> None:
    assert answers(way)


def test_a_server_of_an_unknown_authority_is_refused(way: Connection) -> None:
    with pytest.raises(StoreError, match=r"certificate is not trusted.*ca_file"):
        answers(replace(way, ca_file=None))


def test_a_server_of_another_authority_is_refused(way: Connection, tmp_path: Path) -> None:
    service.certify(tmp_path / "certs")
    with pytest.raises(StoreError, match="certificate is not trusted"):
        answers(replace(way, ca_file=tmp_path / "certs" / "ca.crt"))


def test_a_fingerprint_is_trust_in_one_certificate(way: Connection, secure_elasticsearch: Server) -> None:
    pem = (secure_elasticsearch.config / "certs" / "server.crt").read_text()
    mark = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    colons = ":".join(mark[at : at + 2] for at in range(0, 64, 2)).upper()
    assert answers(replace(way, ca_file=None, fingerprint=colons))
    with pytest.raises(StoreError, match="certificate is not trusted"):
        answers(replace(way, ca_file=None, fingerprint="00" + mark[2:]))


def test_a_wrong_password_is_told_and_not_shown(way: Connection) -> None:
    with pytest.raises(StoreError, match="refused who we are") as told:
        answers(replace(way, password=SecretStr("not-the-password")))
    assert "not-the-password" not in repr(told.value)


def api_key(client: Client, *named: str) -> str:
    """An API key with the privileges of these shipped roles."""
    descriptors = {name: json.loads((ROLES / f"{name}.json").read_text()) for name in named}
    return str(client.security.create_api_key(name="-".join(named), role_descriptors=descriptors)["encoded"])


@pytest.fixture
def acting(way: Connection, world: tuple[Client, Names], tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """`acting("writer")` is a client that has just this role."""
    made = []

    def act(*named: str) -> Client:
        (tmp_path / "key").write_text(api_key(world[0], *named))
        made.append(connect(replace(way, username=None, password=None, api_key_file=tmp_path / "key")))
        return made[-1]

    yield act
    for client in made:
        client.close()


def refused(act: Callable[[], Any]) -> None:
    import elasticsearch

    with pytest.raises(elasticsearch.AuthorizationException):
        act()


def test_the_shipped_roles_are_those_of_the_program() -> None:
    assert {path.stem: path.read_text() for path in ROLES.glob("*.json")} == {
        name: roles.text(name) for name in roles.ROLES
    }


def test_a_writer_may_ask_for_the_rollovers_of_its_streams(
    way: Connection, world: tuple[Client, Names], acting: Callable[..., Client]
) -> None:
    admin, ours = world
    stream, rollovers = ours.stream("docker.events"), Rollovers(acting("writer"), way)
    assert rollovers.began([stream]) == {}
    admin.create(index=stream, id="before", document=EVENT)
    assert rollovers.began([stream]) == {}, "what began only once has no index before"
    admin.indices.rollover(alias=stream)
    assert rollovers.began([stream])[stream] > 1e6 * time.time()


def test_a_writer_may_ask_which_cluster_it_is(
    way: Connection, world: tuple[Client, Names], acting: Callable[..., Client]
) -> None:
    uuid = world[0].cluster.state(metric="version")["cluster_uuid"]
    assert Bulk(acting("writer"), way).cluster() == uuid


def test_a_copy_that_may_not_write_says_so_at_once(
    way: Connection, world: tuple[Client, Names], tmp_path: Path
) -> None:
    config = configuration(way, world[1], tmp_path / "run", api_key(world[0], "reader"))
    Journal(config.store.path, writable=True).close()
    with pytest.raises(StoreError, match=r"not permitted: writer: .* lacks .*roles/writer\.json"):
        to_cluster(config, lambda number: None)


def test_a_role_can_be_stored_as_it_is_shipped(world: tuple[Client, Names]) -> None:
    for name in roles.ROLES:
        ask(
            world[0],
            "PUT",
            f"/_security/role/tallyman_{name}",
            json.loads((ROLES / f"{name}.json").read_text()),
        )


def test_setting_up_needs_the_setup_role_and_nothing_of_the_others(
    way: Connection, world: tuple[Client, Names], acting: Callable[..., Client]
) -> None:
    client, ours = acting("setup"), fresh_names("sec")
    try:
        assert setup.setup(client, way, ours, RETENTION)
        assert setup.setup(client, way, ours, RETENTION) == []
        refused(lambda: client.search(index=world[1].stream("docker.events")))
        refused(lambda: client.index(index=world[1].alerts, document=EVENT))
        refused(lambda: client.security.get_user())
        refused(lambda: ask(client, "PUT", "/somebody-elses"))
    finally:
        clean(world[0], ours)


def test_a_writer_adds_events_and_keeps_alerts_and_changes_no_event(
    world: tuple[Client, Names], acting: Callable[..., Client]
) -> None:
    client, (_, ours) = acting("writer"), world
    stream = ours.stream("docker.events")
    client.create(index=stream, id="a", document=EVENT, refresh="wait_for")
    found = client.search(index=stream, query={"ids": {"values": ["a"]}})["hits"]["hits"]
    client.index(index=ours.alerts, id="a", document=EVENT, require_alias=True)
    assert client.indices.rollover(alias=ours.alerts)["rolled_over"]
    refused(lambda: client.delete(index=found[0]["_index"], id="a"))
    refused(
        lambda: client.index(index=found[0]["_index"], id="a", document=EVENT, if_seq_no=0, if_primary_term=1)
    )
    refused(lambda: client.indices.rollover(alias=stream))
    refused(lambda: client.indices.put_index_template(name="mine", index_patterns=["logs-mine-*"]))
    refused(lambda: client.create(index="logs-somebody.elses-default", id="a", document=EVENT))
    refused(lambda: client.search(index=ours.state))


def test_a_reader_reads_events_and_alerts_and_writes_nothing(
    world: tuple[Client, Names], acting: Callable[..., Client]
) -> None:
    admin, ours = world
    admin.create(index=ours.stream("falco.alerts"), id="a", document=EVENT, refresh="wait_for")
    client = acting("reader")
    assert client.search(index=ours.stream("falco.alerts"))["hits"]["total"]["value"] == 1
    point = client.open_point_in_time(index=ours.stream("falco.alerts"), keep_alive="1m")
    client.close_point_in_time(id=point["id"])
    client.search(index=ours.alerts)
    refused(lambda: client.create(index=ours.stream("docker.events"), id="b", document=EVENT))
    refused(lambda: client.index(index=ours.alerts, document=EVENT))
    refused(lambda: client.search(index=ours.state))


def test_the_state_role_decides_and_never_rewrites_the_audit_log(
    world: tuple[Client, Names], acting: Callable[..., Client]
) -> None:
    admin, ours = world
    made = admin.index(index=ours.alerts, id="b", document=EVENT)
    client = acting("state")
    client.update(index=made["_index"], id="b", doc={"kibana": {"alert": {"workflow_status": "closed"}}},
                  if_seq_no=made["_seq_no"], if_primary_term=made["_primary_term"])  # fmt: skip
    client.index(index=ours.state, id="token", document={"kind": "token"})
    client.delete(index=ours.state, id="token")
    act = {**EVENT, "number": 1, "actor": "alice", "action": "alert.close", "details": {}}
    client.create(index=ours.audit, id="1", document=act, refresh="wait_for")
    assert client.search(index=ours.audit)["hits"]["total"]["value"] >= 1
    refused(lambda: client.index(index=ours.audit, id="1", document=act))
    refused(lambda: client.delete(index=ours.audit, id="1"))
    refused(lambda: client.indices.delete(index=ours.audit))
    refused(lambda: client.search(index=ours.stream("docker.events")))


def test_reading_and_deciding_works_with_what_the_roles_for_serving_allow(
    way: Connection, world: tuple[Client, Names], acting: Callable[..., Client]
) -> None:
    admin, ours = world
    admin.create(index=ours.stream("kafka.log"), id="a", document=EVENT, refresh="wait_for")
    client, now = acting("reader", "state"), datetime.now(UTC)
    store = Elasticsearch(way, ours, make_normalizer(Config()))
    store.client, store.searcher = client, Searcher(client, way, ",".join(ours.streams))
    assert store.count(parse("")) >= 1
    assert store.top(parse(""), "event.action") == []
    assert store.search(parse(""), since="2026-11-02T00:00:00Z").events == []
    state = ClusterState(client, way, ours)
    text = state.tokens.create("laptop", "analyst", None, now)
    assert (token := state.tokens.check(text, now)) and token.name == "laptop"
    state.audit.log("alice", "alert.close", {}, now)
    assert state.audit.listed()[0]["actor"] == "alice"
    assert state.tokens.revoke("laptop") == 1
    with pytest.raises(Unknown):  # it may look for one
        state.alerts.decide(["none"], "acknowledge", user="carol", now=now)


def narrow(client: Client, privileges: dict[str, list[str]]) -> SecretStr:
    """An API key with privileges on these names alone."""
    descriptor = {
        "cluster": ["monitor"],
        "indices": [{"names": [name], "privileges": given} for name, given in privileges.items()],
    }
    made = client.security.create_api_key(name="narrow", role_descriptors={"narrow": descriptor})
    return SecretStr(made["encoded"])


def test_who_may_read_only_some_streams_is_told_which_are_missing_and_gets_no_part_of_an_answer(
    way: Connection, world: tuple[Client, Names]
) -> None:
    admin, ours = world
    for dataset in ("docker.events", "tetragon.events"):
        admin.create(index=ours.stream(dataset), id=f"{time.time()}", document=EVENT, refresh="wait_for")
    key = narrow(admin, {"logs-docker.events-*": ["read", "view_index_metadata"]})
    partly = replace(way, username=None, password=None, api_key=key)
    asked: list[Callable[[Elasticsearch], object]] = [
        lambda store: store.count(parse("")),
        lambda store: store.search(parse("")),
        lambda store: store.search(parse(""), limit=5000),  # at a point in time
        lambda store: store.top(parse(""), "user.name"),
        lambda store: store.histogram(parse("")),
        lambda store: store.get("ab"),
        lambda store: list(store.every()),
        lambda store: store.follow(),
        lambda store: store.held(),
    ]
    for ask_for in asked:
        with (
            closing(Elasticsearch(partly, ours, make_normalizer(Config()))) as store,
            pytest.raises(StoreError, match=r"lacks read on logs-aws.*and 13 more.*roles/reader.json has it"),
        ):
            ask_for(store)


def test_who_may_not_read_the_state_is_refused_and_not_told_that_it_is_empty(
    way: Connection, world: tuple[Client, Names], acting: Callable[..., Client]
) -> None:
    state = ClusterState(acting("reader"), way, world[1])
    said = r"not permitted: .*search.*tallyman-state-.*which role has them"
    for read in (state.counters.load, state.sinks, state.memories.kept, state.check):
        with pytest.raises(StoreError, match=said):
            read()
    with pytest.raises(StoreError, match="not permitted"):
        state.replayed()
    with pytest.raises(StoreError, match="unauthorized"):
        state.alerts.index.get_all([(world[1].state, "a")])


@pytest.mark.parametrize("lacking", ["read", "maintenance", "view_index_metadata"])
def test_a_writer_that_could_not_find_what_was_written_before_writes_nothing_twice_and_says_why(
    way: Connection, world: tuple[Client, Names], lacking: str
) -> None:
    (admin, ours), no_entry = world, cast(Entry, None)
    (given,) = (each for each in roles.ROLES["writer"]["indices"] if "create_doc" in each["privileges"])
    fewer = [each for each in given["privileges"] if each != lacking]
    # who may read something else is not refused: what was searched is left out
    key = narrow(admin, {"logs-*": fewer, "tallyman-alerts-*": ["read", "manage"]})
    with closing(connect(replace(way, username=None, password=None, api_key=key))) as client:
        bulk, document = Bulk(client, way), Document("a", ours.stream("docker.events"), b"{}", no_entry)
        for look in (bulk.known, bulk.older):
            with pytest.raises(StoreError, match=f"lacks {lacking} on logs-docker.*roles/writer.json has it"):
                look([document])


def test_collecting_works_with_what_the_roles_for_a_run_allow(
    way: Connection, world: tuple[Client, Names], acting: Callable[..., Client]
) -> None:
    client = acting("writer", "state")
    state = ClusterState(client, way, world[1])
    state.counters.save("here", {"events": 3.0}, {}, 7.0)
    state.audit.log("alice", "run", {}, datetime.fromtimestamp(5, UTC))
    state.save_mark("here", state.mark("here"), 7.0)
    state.roll()
    client.indices.refresh(index=[world[1].state, world[1].audit])
    state.prune(10.0)
    client.indices.refresh(index=world[1].state)
    assert state.counters.load() == {}
    assert all(act["time"] > "1970-01-02" for act in state.audit.listed())


def configuration(way: Connection, ours: Names, folder: Path, key: str) -> Config:
    """Of a machine that has just this API key."""
    folder.mkdir()
    (folder / "key").write_text(key)
    cluster = {
        "hosts": list(way.hosts), "ca_file": str(way.ca_file), "api_key_file": str(folder / "key"),
        "namespace": ours.namespace,
    }  # fmt: skip
    return configured(
        folder, store={"type": "elasticsearch", "path": str(folder / "store"), "elasticsearch": cluster}
    )


def test_a_run_and_those_who_read_and_decide_need_no_more_than_their_roles(
    way: Connection, tmp_path: Path
) -> None:
    admin, ours = connect(way), fresh_names("sec")
    setup.setup(admin, way, ours, RETENTION)
    try:
        collecting = configuration(way, ours, tmp_path / "run", api_key(admin, "writer", "state"))
        reading = configuration(way, ours, tmp_path / "serve", api_key(admin, "reader", "state"))
        lines = [record(1), record(2, verb="delete"), b"no record"]
        (tmp_path / "run" / "audit.log").write_bytes(b"".join(line + b"\n" for line in lines))
        with (
            living(tmp_path / "run", collecting) as run,
            closing(open_state(reading)) as state,
            closing(make_store(reading, make_normalizer(reading))) as store,
        ):
            until(lambda: store.count(parse("")) == len(lines), 60, run.thread.is_alive)
            until(lambda: sum(state.alerts.open_by_severity().values()) == 1, 60, run.thread.is_alive)
            (alert,) = state.alerts.listed(limit=9).alerts
            assert state.alerts.decide(
                [alert["id"]], "close", user="carol", reason="false_positive", now=datetime.now(UTC)
            )
            until(lambda: run.told() == ["user-2"], 60, run.thread.is_alive)  # a thread of its own tells it
    finally:
        clean(admin, ours)
        admin.close()


def test_who_may_not_set_up_goes_on_where_someone_else_did_and_is_told_the_command_where_not(
    way: Connection, world: tuple[Client, Names], acting: Callable[..., Client]
) -> None:
    client = acting("writer", "state")
    readiness.ensure(client, way, world[1], RETENTION)
    with pytest.raises(StoreError, match=r"roles/setup.json runs: tallyman store setup"):
        readiness.ensure(client, way, fresh_names("sec"), RETENTION)


@pytest.mark.parametrize(
    ("named", "purpose", "lacking"),
    [
        (("writer", "state"), "run", ""),
        (("reader", "state"), "serve", ""),
        (("setup",), "setup", ""),
        (("reader",), "run", "lacks .*create_doc on logs-.*roles/writer.json"),
        (("writer",), "setup", "lacks manage_index_templates"),
    ],
)
def test_a_check_says_which_privileges_are_missing(
    way: Connection, world: tuple[Client, Names], acting: Callable[..., Client],
    named: tuple[str, ...], purpose: str, lacking: str,
) -> None:  # fmt: skip
    import re

    found = [
        each
        for each in check.check(acting(*named), way, world[1], RETENTION, purpose)
        if each.level == "fail"
    ]
    if lacking:
        assert any(re.search(lacking, each.text) for each in found), found
    else:
        assert found == []


@pytest.mark.parametrize(
    ("changed", "exit_code"),
    [
        ({}, 0),
        ({"PASSWORD": "quite-another-one"}, 1),
        ({"HOSTS": "https://127.0.0.1:9"}, 1),
        ({"CA_FILE": "/nowhere/ca.crt"}, 3),
        ({"FINGERPRINT": "ab" * 32, "CA_FILE": None}, 1),
        ({"HOSTS": "https://me:only-of-these-tests@127.0.0.1:9"}, 3),
    ],
)
def test_nothing_that_is_printed_or_logged_holds_a_secret(
    way: Connection,
    world: tuple[Client, Names],
    tmp_path: Path,
    changed: dict[str, str | None],
    exit_code: int,
) -> None:
    given: dict[str, str | None] = {
        "HOSTS": way.hosts[0], "USERNAME": way.username, "CA_FILE": str(way.ca_file),
        "PASSWORD": way.password and way.password.get_secret_value(), "NAMESPACE": world[1].namespace, **changed,
    }  # fmt: skip
    environment = {
        **os.environ, "TALLYMAN_STORE__TYPE": "elasticsearch", "TALLYMAN_STORE__PATH": str(tmp_path),
        **{f"TALLYMAN_STORE__ELASTICSEARCH__{name}": value for name, value in given.items() if value is not None},
    }  # fmt: skip
    secret = str(given["PASSWORD"])
    hidden = [secret, base64.b64encode(f"{given['USERNAME']}:{secret}".encode()).decode()]
    for words in (["store", "check"], ["store", "setup", "--dry-run"], ["config", "show"]):
        done = subprocess.run(
            [sys.executable, "-m", "tallyman", "-vv", *words], env=environment, capture_output=True, text=True
        )
        assert not any(each in done.stdout + done.stderr for each in hidden), words
        if words == ["store", "check"]:
            assert done.returncode == exit_code, done.stdout + done.stderr
