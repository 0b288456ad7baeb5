"""Make sure, before anything is written, that the cluster has what this version needs."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from event_model.errors import StoreError
from store.elastic import keeping, migrate, setup
from store.elastic.client import Connection, telling
from store.elastic.names import Names
from store.elastic.server import look
from store.elastic.templates import VERSION

log = logging.getLogger(__name__)
WHO = "someone with the role of deploy/elasticsearch/roles/setup.json"


def ensure(client: Any, connection: Connection, ours: Names, retention: timedelta | None) -> None:
    """Set up and migrate if this account may, else make sure that someone did.

    How long something is kept that is there already is not changed: someone may have told another machine otherwise.
    Raises StoreError naming the command and who may give it, or Away where the cluster does not answer.
    """
    import elasticsearch

    with telling(connection, "setting up"):
        try:
            changes, kept = keeping.spare(setup.plan(client, ours, retention))
            for change in changes:
                setup.apply(client, change)
            _tell(kept)
            if (drifts := migrate.drifts(client, ours)) or marked(client, ours) != VERSION:
                migrate.migrate(client, ours, drifts)
            return
        except elasticsearch.AuthorizationException:
            made = marked(client, ours)
    if made is None:
        raise StoreError(
            f"Elasticsearch at {connection.address} is not set up for namespace {ours.namespace!r}, and this account "
            f"may not do it. {WHO} runs: tallyman store setup"
        )
    setup.refuse_newer(ours.state, made)
    if made < VERSION:
        raise StoreError(
            f"Elasticsearch at {connection.address} is set up for version {made}, and this Tallyman needs version "
            f"{VERSION}. {WHO} runs: tallyman store migrate"
        )


def _tell(kept: list[keeping.Kept]) -> None:
    if kept:
        log.warning(
            "the cluster keeps events for another time than store.retention says here; `tallyman store setup` changes that",
            extra={
                "cluster": ", ".join(sorted({each.there for each in kept})),
                "here": kept[0].here,
                "of": ", ".join(each.name for each in kept),
            },
        )


def marked(client: Any, ours: Names) -> int | None:
    """The version to which the cluster was set up, noted in the state index, which is made last; None if never.

    Needs no more than the privilege view_index_metadata.
    """
    found = look(client, f"/{ours.state}/_mapping")
    for section in (found or {}).values():
        return int(section["mappings"].get("_meta", {}).get("version", 0))
    return None
