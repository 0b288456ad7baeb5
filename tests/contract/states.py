"""Both kinds of state, each seen by two processes, and what fills them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest

from event_model.alert import Match
from store.database import Database
from store.elastic import mapping, templates
from store.elastic.client import Connection, connect
from store.elastic.names import Names
from store.elastic.state import ClusterState
from store.elastic.state.index import Index
from store.state import State
from tallyman.publishing import Publisher
from tests.store.matches import NOW

PLACE = ("20261123-000", 1 << 20)
LATER = datetime.fromtimestamp(NOW + 60, UTC)


class Keeping(Protocol):
    """A state of one kind, as two processes have it open."""

    state: Any
    other: Any

    def record(self, *matches: Match, now: float = NOW) -> list[str]:
        """What a collecting process does with matches; the ids of new alerts. Readers see them when it returns."""
        ...

    def remember(self, detector: str, taken: float, body: bytes) -> None:
        """What a collecting process does with a detector's memory. Readers see it when it returns."""
        ...


class FileKeeping:
    """The state in a file."""

    def __init__(self, root: Path) -> None:
        root.mkdir(exist_ok=True)
        self.state, self.other = Database(root), Database(root)
        self._book = self.state.book(sinks={"page": "low"})

    def record(self, *matches: Match, now: float = NOW) -> list[str]:
        return self._book.record(matches, now, PLACE)

    def remember(self, detector: str, taken: float, body: bytes) -> None:
        self.state.memories.save(detector, PLACE, taken, body)

    def close(self) -> None:
        self.state.close()
        self.other.close()


@dataclass
class Cluster:
    """A namespace of a cluster, made once for many tests: to make the indices takes longer than a test."""

    url: str
    names: Names = field(default_factory=lambda: Names(f"t{uuid4().hex[:12]}"))

    def __post_init__(self) -> None:
        self.connection = Connection((self.url,))
        self.client = connect(self.connection)
        make(self.client, self.names)

    def opened(self) -> ClusterState:
        """As one more process has it."""
        return ClusterState(connect(self.connection), self.connection, self.names)

    def empty(self) -> None:
        """Leave nothing of a test for the next one."""
        for name in (self.names.alerts, self.names.state, self.names.audit):
            index = Index(self.client, self.connection, name)
            index.refresh()
            while found := index.search({"match_all": {}}, source=False):
                index.delete(found, refresh=True)

    def close(self) -> None:
        unmake(self.client, self.names)
        self.client.close()


class ClusterKeeping:
    """The state on a cluster, and the state file of a process that collects."""

    def __init__(self, root: Path, cluster: Cluster) -> None:
        root.mkdir(exist_ok=True)
        self.cluster = cluster
        self.local = Database(root)
        self._book = self.local.book(sinks={"page": "low"})
        self.state, self.other = cluster.opened(), cluster.opened()
        self.publisher = Publisher(self.local, self.state, lambda: None, None)

    def record(self, *matches: Match, now: float = NOW) -> list[str]:
        new = self._book.record(matches, now, PLACE)
        self.publish()
        return new

    def remember(self, detector: str, taken: float, body: bytes) -> None:
        self.local.memories.save(detector, PLACE, taken, body)
        self.publisher.attempt(last=True)
        self.refresh()

    def publish(self) -> None:
        while self.publisher.publish():
            pass
        self.refresh()

    def refresh(self) -> None:
        self.state.alerts.index.refresh()
        self.state.memories.index.refresh()

    def close(self) -> None:
        self.local.close()
        self.state.close()
        self.other.close()
        self.cluster.empty()


def make(client: Any, names: Names) -> None:
    """The indices that state needs, and no more: the tests of `tallyman store setup` have the rest."""
    whole = templates.alerts(
        names
    )  # in itself: component templates are everybody's on a server that is shared
    for left_out in ("composed_of", "ignore_missing_component_templates"):
        whole.pop(left_out, None)
    fields = {"dynamic": False, "date_detection": False, **mapping.properties(mapping.alerts())}
    whole["template"] = {"settings": templates.settings(), "mappings": fields}
    client.indices.put_index_template(name=names.alerts, body=whole)
    client.indices.create(index=names.first_alerts, aliases={names.alerts: {"is_write_index": True}})
    for index, searched in ((names.state, templates.STATE), (names.audit, templates.AUDIT)):
        body = templates.state(index, searched)["template"]
        client.indices.create(index=index, settings=body["settings"], mappings=body["mappings"])


def unmake(client: Any, names: Names) -> None:
    for index in client.indices.get(index=f"tallyman-*-{names.namespace}*", expand_wildcards="all"):
        client.indices.delete(index=index)
    client.options(ignore_status=404).indices.delete_index_template(name=names.alerts)


def decide(state: State, action: str, *ids: str, **named: Any) -> int:
    """Carol's decision, a minute later."""
    return state.alerts.decide(ids, action, **{"user": "carol", "now": LATER, **named})


@pytest.fixture(scope="module")
def cluster(elasticsearch: Any) -> Iterator[Cluster]:
    made = Cluster(elasticsearch.url)
    yield made
    made.close()


@pytest.fixture
def clustered(cluster: Cluster, tmp_path: Path) -> Iterator[ClusterKeeping]:
    made = ClusterKeeping(tmp_path / "state", cluster)
    yield made
    made.close()


@pytest.fixture(params=["embedded", "elasticsearch"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Keeping]:
    made: FileKeeping | ClusterKeeping
    if request.param == "embedded":
        made = FileKeeping(tmp_path / "state")
    else:
        made = ClusterKeeping(tmp_path / "state", request.getfixturevalue("cluster"))
    yield made
    made.close()


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What came of each act, done at one time: its answer or its exception."""
    done: list[Any] = [None] * len(acts)
    barrier = threading.Barrier(len(acts))

    def act(place: int) -> None:
        barrier.wait()
        try:
            done[place] = acts[place]()
        except Exception as error:
            done[place] = error

    threads = [threading.Thread(target=act, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done
