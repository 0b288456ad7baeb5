"""When each data stream began the index that it writes to: an id is kept apart from its like within one index only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from store.elastic.client import Connection, telling

AHEAD = (
    3_600_000_000  # microseconds that the clock of an event, which has a time, may be ahead of the server's
)


class Rollovers:
    """Asks once a batch for generations, and for more only where one is new."""

    def __init__(self, client: Any, connection: Connection) -> None:
        self._client, self._connection = client, connection
        self._began: dict[str, tuple[int, int]] = {}  # stream -> generation, microseconds since the epoch

    def began(self, streams: Iterable[str]) -> dict[str, int]:
        """When the streams that have rolled over did so last, in microseconds since the epoch; earlier events may stand
        in an index before, and can be searched there. Raises StoreError."""
        wanted = set(streams)
        with telling(self._connection, "asking for roll-overs"):
            found = self._client.indices.get_data_stream(
                name=[f"{stream}*" for stream in sorted(wanted)],  # a pattern may be of none
                filter_path="data_streams.name,data_streams.generation",
            )
            for each in found.get("data_streams", ()):
                stream, generation = each["name"], each["generation"]
                if stream in wanted and generation > 1 and self._generation(stream) != generation:
                    self._began[stream] = generation, self._latest(stream)
        return {stream: self._began[stream][1] + AHEAD for stream in wanted if stream in self._began}

    def _generation(self, stream: str) -> int:
        return self._began.get(stream, (0, 0))[0]

    def _latest(self, stream: str) -> int:
        """When its newest index was made; what was written before is made visible."""
        self._client.indices.refresh(index=stream)
        found = self._client.indices.get_settings(
            index=stream, name="index.creation_date", flat_settings=True
        )
        made = [int(each["settings"]["index.creation_date"]) for each in found.values()]
        return max(made, default=0) * 1000
