"""Open the state of a configuration: in a file, or in the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.database import Database
from store.state import State
from tallyman.config import Config
from tallyman.stores import is_clustered
from tallyman.wiring import connection

if TYPE_CHECKING:
    from store.elastic.state import ClusterState


def open_state(config: Config) -> State:
    """What changes, as every reader sees it. Raises StoreError, ConfigError."""
    if is_clustered(config):
        return open_cluster(config)
    return Database(config.store.path)


def open_cluster(config: Config, *, patient: bool = True) -> ClusterState:
    """The state in the configured cluster; nothing is asked of it yet. Raises ConfigError.

    `patient`: what a node does not answer is asked once or twice more, before StoreError is raised.
    """
    from store.elastic.client import MOST_RETRIES, connect
    from store.elastic.names import checked
    from store.elastic.state import ClusterState

    to = connection(config)
    return ClusterState(
        connect(to, retries=MOST_RETRIES if patient else 0), to, checked(config.store.elasticsearch.namespace)
    )
