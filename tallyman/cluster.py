"""The configured Elasticsearch cluster, opened for the commands that look after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

from event_model.errors import ConfigError
from store import retention
from tallyman.config import Config
from tallyman.wiring import connection


class Cluster(NamedTuple):
    """A client of the cluster, and what the configuration says about it: the arguments of store.elastic.setup."""

    client: Any  # elasticsearch.Elasticsearch
    connection: Any  # store.elastic.client.Connection
    names: Any  # store.elastic.names.Names
    retention: timedelta | None


@contextmanager
def cluster(config: Config) -> Iterator[Cluster]:
    """Closed at the end. Raises ConfigError where the store is no cluster, or a setting can't work."""
    from store.elastic.client import connect
    from store.elastic.names import checked

    if config.store.type != "elasticsearch":
        raise ConfigError(
            "store.type is embedded: there is no cluster to look after. `tallyman doctor` checks this machine"
        )
    way = connection(config)
    names, age = checked(config.store.elasticsearch.namespace), retention.age(config.store.retention)
    client = connect(way)
    try:
        yield Cluster(client, way, names, age)
    finally:
        client.close()
