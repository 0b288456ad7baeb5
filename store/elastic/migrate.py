"""Bring what is in the cluster to this version: templates first, then the indices that were made from older ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from event_model.errors import StoreError
from store.elastic import mapping, templates
from store.elastic.change import Change
from store.elastic.mapping import Property
from store.elastic.names import Names
from store.elastic.server import ask, look, streams, write_index

MARK = {"_meta": templates.META}


class Drift(Struct, frozen=True):
    """Where the index that is written to differs from what this version would make."""

    target: str  # data stream, alias or index
    index: str  # its index that is written to
    missing: dict[str, Property] = {}  # fields that it does not have yet
    different: dict[str, Property] = {}  # fields that it has with another type
    there: dict[str, Property] = {}  # what it has of both
    rolls: bool = True  # whether a new index can take its place

    @property
    def summary(self) -> str:
        """`roll over logs-docker.events-default: 2 fields have another type (user.name, …)`."""
        if self.different:
            shown = ", ".join([*self.different][:3]) + (" …" if len(self.different) > 3 else "")
            return f"roll over {self.target}: of another type in {self.index}: {shown}"
        shown = ", ".join([*self.missing][:3]) + (" …" if len(self.missing) > 3 else "")
        return f"add to {self.index}: {shown}"

    def diff(self) -> str:
        """What fields would be different, as a unified diff of the JSON; lines end with a newline."""
        after = mapping.properties({**self.missing, **self.different})
        before = mapping.properties(self.there)
        return Change("mapping", self.target, f"/{self.index}/_mapping", after, before).diff()


def drifts(client: Any, ours: Names) -> list[Drift]:
    """Every index that is written to and lacks a field, or has one with another type. Raises the client's exceptions."""
    found = (_drift(client, *each) for each in _targets(client, ours))
    return [drift for drift in found if drift.missing or drift.different]


def migrate(client: Any, ours: Names, found: list[Drift]) -> None:
    """Add missing fields in place; where a type differs, go on in a new index, which the templates make right.

    Raises the client's exceptions, and StoreError for an index of state that can't be changed in place.
    """
    for drift in found:
        if not drift.different:
            ask(client, "PUT", f"/{drift.index}/_mapping", mapping.properties(drift.missing))
        elif drift.rolls:
            ask(client, "POST", f"/{drift.target}/_rollover")
        else:
            raise StoreError(
                f"{drift.index}: {', '.join(drift.different)}: of another type than this version needs, and state "
                "can't begin anew. Index it again under this name (_reindex to another one and back)"
            )
    ask(client, "PUT", f"/{ours.state}/_mapping", MARK)  # last: see readiness.marked


def _targets(client: Any, ours: Names) -> Iterator[tuple[str, str, dict[str, Property], bool]]:
    """What is written to, its index, the fields that it should have, and whether it can roll over."""
    for stream, indices in streams(client, ours).items():
        yield stream, indices[-1], mapping.events(), True
    if index := write_index(client, ours.alerts):
        yield ours.alerts, index, mapping.alerts(), True
    for index, fields in ((ours.state, templates.STATE), (ours.audit, templates.AUDIT)):
        if look(client, f"/{index}/_alias") is not None:
            yield index, index, fields, False


def _drift(client: Any, target: str, index: str, wanted: dict[str, Property], rolls: bool) -> Drift:
    found = mapping.fields(ask(client, "GET", f"/{index}/_mapping")[index]["mappings"])
    missing = {name: each for name, each in wanted.items() if not mapping.covers(found.get(name), each)}
    different = {
        name: each for name, each in wanted.items() if name in found and not mapping.alike(found[name], each)
    }
    there = {name: found[name] for name in (*missing, *different) if name in found}
    return Drift(target, index, missing, different, there, rolls)
