"""Make in the cluster what the store needs: templates, retention, the alias of alerts, the indices of state."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from event_model.errors import StoreError
from store.elastic import names, templates
from store.elastic.change import Change, same
from store.elastic.client import Connection, telling
from store.elastic.keeping import POLICY, STREAM, TEMPLATE
from store.elastic.names import Names
from store.elastic.server import Server, ask, look, server, write_index
from store.elastic.templates import VERSION

SERVERS_OWN = frozenset(
    ("created_date", "created_date_millis", "modified_date", "modified_date_millis", "deprecated")
)
_COMPONENTS, _TEMPLATES = "/_component_template/", "/_index_template/"


def plan(client: Any, ours: Names, retention: timedelta | None) -> list[Change]:
    """What is missing or different in the cluster, in the order in which it has to be made; empty if all is well.

    Raises the client's exceptions, and StoreError where a newer Tallyman made it.
    """
    able = server(client)
    changes = [
        *_policies(client, ours, retention, able), *_templates(client, ours, retention, able),
        *_lifecycles(client, ours, retention, able), *_indices(client, ours),
    ]  # fmt: skip
    for change in changes:
        refuse_newer(change.name, (change.before or {}).get("version"))
    return changes


def apply(client: Any, change: Change) -> None:
    """Make or change this one thing; made by someone else in the meantime is as good. Raises the client's exceptions."""
    import elasticsearch

    try:
        ask(client, "PUT", change.path, change.after)
    except elasticsearch.BadRequestError as error:
        if error.error != "resource_already_exists_exception":
            raise


def setup(client: Any, connection: Connection, ours: Names, retention: timedelta | None) -> list[Change]:
    """Make all that is missing and change what is different; what was done. Raises StoreError."""
    with telling(connection, "setting up"):
        changes = plan(client, ours, retention)
        for change in changes:
            apply(client, change)
    return changes


def refuse_newer(name: str, version: Any) -> None:
    if isinstance(version, int) and version > VERSION:
        raise StoreError(
            f"{name}: was made by a newer Tallyman (version {version}, this one knows {VERSION}). Upgrade this one: "
            "going back would lose fields"
        )


def _policies(client: Any, ours: Names, retention: timedelta | None, able: Server) -> Iterator[Change]:
    """The lifecycle policy, where the server has no lifecycle for data streams."""
    if not able.policy:
        return
    name = names.policy(ours)
    wanted = {"policy": templates.policy(retention)}
    found = (look(client, f"/_ilm/policy/{name}") or {}).get(name)
    before = {"policy": {"phases": found["policy"]["phases"]}} if found else None
    if before is None or not same(before, wanted):
        yield Change(POLICY, name, f"/_ilm/policy/{name}", wanted, before)


def _templates(client: Any, ours: Names, retention: timedelta | None, able: Server) -> Iterator[Change]:
    for name, wanted in templates.components().items():
        found = look(client, _COMPONENTS + name)
        before = written(found["component_templates"][0]["component_template"]) if found else None
        if before is None or not same(before, wanted):
            yield Change("component template", name, _COMPONENTS + name, wanted, before)
    for name, wanted in templates.templates(ours, retention, policy=able.policy).items():
        found = look(client, _TEMPLATES + name)
        before = written(found["index_templates"][0]["index_template"]) if found else None
        if before is None or not same(before, wanted):
            yield Change(TEMPLATE, name, _TEMPLATES + name, wanted, before)


def _lifecycles(client: Any, ours: Names, retention: timedelta | None, able: Server) -> Iterator[Change]:
    """The retention of data streams that are there already: a template is for new ones."""
    if not able.lifecycle:
        return
    wanted = templates.lifecycle(retention)
    found = look(client, f"/_data_stream/logs-*-{ours.namespace}") or {}
    for stream in found.get("data_streams", []):
        before = _given(stream.get("lifecycle") or {})
        if stream["name"] in ours.streams and not same(before, wanted):
            path = f"/_data_stream/{stream['name']}/_lifecycle"
            yield Change(STREAM, stream["name"], path, wanted, before)


def written(template: dict[str, Any]) -> dict[str, Any]:
    """A template as someone wrote it: newer servers add when that was, and more options of their own."""
    found = {name: value for name, value in template.items() if name not in SERVERS_OWN}
    if stream := found.get("data_stream"):
        found["data_stream"] = {
            name: stream[name] for name in ("hidden", "allow_custom_routing") if name in stream
        }
    if lifecycle := found.get("template", {}).get("lifecycle"):
        found["template"] = {**found["template"], "lifecycle": _given(lifecycle)}
    return found


def _given(lifecycle: dict[str, Any]) -> dict[str, Any]:
    """A lifecycle without what the server worked out from it."""
    return {name: value for name, value in lifecycle.items() if name in ("enabled", "data_retention")}


def _indices(client: Any, ours: Names) -> Iterator[Change]:
    """The first index behind the alias of alerts, and the indices of state; the one with the mark comes last."""
    if write_index(client, ours.alerts) is None:
        body = {"aliases": {ours.alerts: {"is_write_index": True}}}
        yield Change("index", ours.first_alerts, f"/{ours.first_alerts}", body)
    for index in (ours.audit, ours.state):
        if look(client, f"/{index}/_alias") is None:
            yield Change("index", index, f"/{index}", {})
