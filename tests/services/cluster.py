"""A namespace of its own in a running cluster, set up as the store needs it, and deleted in the end."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from store.elastic import setup, templates
from store.elastic.client import Connection, connect
from store.elastic.names import Names
from store.elastic.server import ask

RETENTION = timedelta(days=90)
_number = itertools.count()


@dataclass(frozen=True)
class Cluster:
    """A namespace of a cluster, and the way to it."""

    connection: Connection
    client: Any  # elasticsearch.Elasticsearch
    names: Names

    @property
    def url(self) -> str:
        return self.connection.hosts[0]

    def refresh(self) -> None:
        """Let searches see all that was written."""
        self.client.indices.refresh(index=f"logs-*-{self.names.namespace},tallyman-*-{self.names.namespace}*")


def fresh_names(prefix: str = "t") -> Names:
    """Names that no other test, and no other run of this one, has."""
    return Names(f"{prefix}{os.getpid()}_{next(_number)}")


@contextmanager
def namespace(url: str, ours: Names | None = None, *, ready: bool = True) -> Iterator[Cluster]:
    """A namespace of the server at the address; with `ready`, everything is set up in it."""
    connection = Connection(hosts=(url,))
    cluster = Cluster(connection, connect(connection), ours or fresh_names())
    try:
        if ready:
            setup.setup(cluster.client, connection, cluster.names, RETENTION)
        yield cluster
    finally:
        clean(cluster.client, cluster.names)
        cluster.client.close()


def clean(client: Any, ours: Names) -> None:
    """Delete everything of a namespace; component templates stay, all namespaces share them."""
    ask(client, "DELETE", f"/_data_stream/logs-*-{ours.namespace}")
    found = ask(client, "GET", f"/_resolve/index/tallyman-*-{ours.namespace}*", expand_wildcards="all")
    for index in found["indices"]:
        client.indices.delete(index=index["name"])
    for name in templates.templates(ours, None):
        client.options(ignore_status=404).indices.delete_index_template(name=name)
