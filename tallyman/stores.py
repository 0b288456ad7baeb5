"""The store of the chosen type: where events are searched, and what makes them searchable."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from event_model.errors import ConfigError
from store import retention
from store.database import Database
from store.feeding import FED, Taken
from store.journal import Journal
from store.times import parse_duration
from tallyman.config import Config
from tallyman.counters import Counters
from tallyman.indexing import Indexer
from tallyman.normalizer import NormalizeEntry
from tallyman.wiring import connection


def is_clustered(config: Config) -> bool:
    """Whether events are searched in a cluster, and the journal is what it is fed from."""
    return config.store.type == "elasticsearch"


def make_store(config: Config, normalize: NormalizeEntry, *, writable: bool = False) -> Any:
    """The store to be asked: store.embedded.Embedded or store.elasticsearch.Elasticsearch. Raises StoreError."""
    if is_clustered(config):
        from store.elastic.names import checked
        from store.elasticsearch import Elasticsearch

        return Elasticsearch(connection(config), checked(config.store.elasticsearch.namespace), normalize)
    from store.embedded import Embedded

    return Embedded(config.store.path, normalize, writable=writable)


def make_index(
    config: Config,
    store: Any,
    journal: Journal,
    normalize: NormalizeEntry,
    database: Database,
    counters: Counters,
) -> Any:
    """What a pipeline hands its events to: an Indexer, or a store.elastic.feed.Feed with the same methods."""
    if not is_clustered(config):
        return Indexer(store)
    from store.elastic.bulk import Bulk
    from store.elastic.client import connect
    from store.elastic.document import Documents
    from store.elastic.feed import Feed
    from store.elastic.mapping import events, properties
    from store.elastic.names import checked
    from store.elastic.readiness import ensure

    made, section = connection(config), config.store.elasticsearch
    names, client = checked(section.namespace), connect(made, retries=0)
    return Feed(
        journal, normalize, Documents(properties(events())["properties"], names), Bulk(client, made),
        database.feeding, taken(config, database),
        prepare=lambda: ensure(client, made, names, retention.age(config.store.retention)),
        count=counters.add, most_behind=size("most_behind", section.most_behind),
    )  # fmt: skip


def taken(config: Config, database: Database, way: str = FED) -> Taken:
    """How far the configured cluster has what the journal beside this state file holds."""
    return Taken(database.file, connection(config).address, config.store.elasticsearch.namespace, way)


def size(key: str, text: str) -> int | None:
    """Bytes of a setting of store.elasticsearch. Raises ConfigError naming it."""
    try:
        return retention.size(text)
    except ConfigError as error:
        raise ConfigError(str(error).replace("store.max_size", f"store.elasticsearch.{key}")) from None


def keep(config: Config) -> timedelta:
    """How long the journal keeps what the cluster has taken. Raises ConfigError."""
    text = config.store.elasticsearch.keep
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"store.elasticsearch.keep: {error}") from None


def prune(
    config: Config, journal: Journal, database: Database, now: datetime, *, dry_run: bool = False
) -> list[str]:
    """Drop what retention says of the journal; the names of those partitions. Raises ConfigError, StoreError.

    Where a cluster is fed from it, what the cluster has taken goes after `keep`, nothing goes before it was
    taken (by that cluster, under that namespace), and what only the journal has whole stays as long as events do.
    """
    age, most = retention.age(config.store.retention), retention.size(config.store.max_size)
    if not is_clustered(config):
        return retention.apply(journal, now, age=age, size=most, dry_run=dry_run)
    at = taken(config, database)
    reached = at.place()[0] if at.is_certain else ""  # there may be another cluster by now
    held = {name for name, _ in database.feeding.held()}
    gone = retention.apply(
        journal,
        now,
        age=keep(config),
        size=most,
        dry_run=dry_run,
        may=lambda name: name < reached and name not in held,
    )
    old = retention.apply(
        journal, now, age=age, size=None, dry_run=dry_run, may=lambda name: name < reached and name in held
    )
    for name in old if not dry_run else ():
        database.feeding.forget(name)
    return sorted({*gone, *old})
