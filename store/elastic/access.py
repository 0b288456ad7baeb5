"""See that an account may do what is asked of it: a search leaves out, without a word, what it may not read."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from event_model.errors import StoreError
from store.elastic.client import Connection, telling
from store.elastic.server import ask

GOOD_FOR = 60.0  # seconds after which is asked again: roles change while a server runs
_SHOWN = 3


@dataclass(slots=True)
class Access:
    """The privileges that a role of deploy/elasticsearch/roles/ has, as far as they are needed here."""

    client: Any  # elasticsearch.Elasticsearch
    connection: Connection
    role: str
    privileges: tuple[str, ...]
    _granted: set[str] = field(default_factory=set, init=False)
    _since: float = field(default=float("-inf"), init=False)

    def check(self, names: Iterable[str]) -> None:
        """Raises StoreError where this account lacks one of the privileges on one of these names, there or not yet."""
        if time.monotonic() - self._since > GOOD_FOR:
            self._granted.clear()
            self._since = time.monotonic()
        unknown = sorted({*names} - self._granted)
        if not unknown:
            return
        lacking = self._lacking(unknown)
        if lacking:
            shown = ", ".join(lacking[:_SHOWN])
            more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
            raise StoreError(
                f"Elasticsearch at {self.connection.address}: this account lacks {shown}{more}, and what it may not "
                f"see would be left out in silence. deploy/elasticsearch/roles/{self.role}.json has it"
            )
        self._granted.update(unknown)

    def _lacking(self, names: list[str]) -> list[str]:
        """`read on logs-docker.events-default`, …; none where security is switched off."""
        import elasticsearch

        wanted = {"index": [{"names": names, "privileges": list(self.privileges)}]}
        with telling(self.connection, "asking what this account may do"):
            try:
                found = ask(self.client, "POST", "/_security/user/_has_privileges", wanted)["index"]
            except elasticsearch.BadRequestError as error:
                if "no handler found" in str(error.body):
                    return []
                raise
        return [f"{name} on {index}" for index in names for name, has in found[index].items() if not has]
