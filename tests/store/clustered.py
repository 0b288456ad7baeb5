"""A store in a real cluster, filled and asked by tests."""

from __future__ import annotations

import secrets
from typing import Any

from event_model.event import Event
from store.block import Entry
from store.building import Normalize
from store.elastic import templates
from store.elastic.client import Connection
from store.elastic.document import Documents
from store.elastic.names import Names
from store.elasticsearch import Elasticsearch
from tests.store.events import NOON, normalize

RECEIVED = 1_795_435_200.0


class Clustered:
    """Data streams of their own in the cluster at `url`; gone when closed."""

    def __init__(self, url: str, normalize: Normalize = normalize, **options: Any) -> None:
        self.names = Names(f"t{secrets.token_hex(6)}")
        self.store = Elasticsearch(Connection(hosts=(url,)), self.names, normalize, **options)
        self.client = self.store.client
        mappings = templates.components()["tallyman-mappings"]["template"]["mappings"]
        # whole in itself: on a server that several test runs share, component templates are everybody's
        self.client.indices.put_index_template(
            name=self.names.namespace,
            index_patterns=list(self.names.streams),
            data_stream={},
            priority=1000,
            template={"settings": templates.settings(), "mappings": mappings},
        )
        self._documents = Documents(mappings["properties"], self.names)

    def keep(self, events: list[Event], ingested: str = NOON) -> None:
        """Searchable when it returns."""
        actions: list[Any] = []
        for event in events:
            entry = Entry("", 0, event.record, event.origin, RECEIVED, "")
            made = self._documents.make(entry, event, ingested)
            actions += [{"create": {"_index": made.stream, "_id": made.id}}, made.source]
        if actions:
            answer = self.client.bulk(operations=actions, refresh=True)
            refused = [
                item["create"] for item in answer["items"] if item["create"]["status"] not in (201, 409)
            ]
            assert not refused, refused[:3]

    def close(self) -> None:
        self.client.indices.delete_data_stream(name=f"logs-*-{self.names.namespace}")
        self.client.indices.delete_index_template(name=self.names.namespace)
        self.store.close()
