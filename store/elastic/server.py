"""What a cluster can do, and what of ours is in it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from store.elastic.names import Names

OLDEST = (8, 13)  # bulk requests know `require_data_stream` since
NEWEST = 9  # major version that is known to work
LIFECYCLE_SINCE = (8, 14)


class Server(Struct, frozen=True):
    """Which retention a cluster offers: data-stream lifecycle where it has it, else lifecycle policies (ILM)."""

    name: str
    version: str
    lifecycle: bool
    policies: bool

    @property
    def number(self) -> tuple[int, int]:
        """Major and minor version."""
        parts = [int(part) for part in self.version.split(".")[:2] if part.isdigit()]
        return (parts[0], parts[1]) if len(parts) == 2 else (0, 0)

    @property
    def policy(self) -> bool:
        """Whether retention is a lifecycle policy."""
        return self.policies and not self.lifecycle


def ask(client: Any, method: str, path: str, body: Any = None, **query: str) -> Any:
    """The decoded answer to any request. Raises the client's exceptions."""
    headers = {"accept": "application/json"}
    if body is not None:
        headers["content-type"] = "application/json"
    return client.perform_request(method, path, params=query, headers=headers, body=body).body


def look(client: Any, path: str, **query: str) -> Any:
    """The answer to a GET, or None where there is nothing (404), also where the server has no such feature (400, 405)."""
    import elasticsearch

    try:
        return ask(client, "GET", path, **query)
    except elasticsearch.ApiError as error:
        missing = (
            error.meta.status == 404 or "no handler found" in str(error.body) or error.meta.status == 405
        )
        if missing:
            return None
        raise


def server(client: Any) -> Server:
    """Raises the client's exceptions."""
    info = ask(client, "GET", "/")
    version = info.get("version", {})
    serverless = version.get("build_flavor") == "serverless"
    found = Server(info.get("cluster_name", ""), version.get("number", ""), serverless, False)
    lifecycle = serverless or found.number >= LIFECYCLE_SINCE
    policies = not lifecycle and look(client, "/_ilm/status") is not None
    return Server(found.name, found.version, lifecycle, policies)


def streams(client: Any, ours: Names) -> dict[str, list[str]]:
    """Our data streams that are there -> their backing indices, the write index last."""
    found = ask(client, "GET", f"/_resolve/index/logs-*-{ours.namespace}", expand_wildcards="open,hidden")
    known = set(ours.streams)
    return {
        each["name"]: list(each["backing_indices"]) for each in found["data_streams"] if each["name"] in known
    }


def write_index(client: Any, alias: str) -> str | None:
    """The index that an alias writes to; None where there is no such alias."""
    found = look(client, f"/_alias/{alias}") or {}
    for index, section in found.items():
        if section["aliases"][alias].get("is_write_index", len(found) == 1):
            return str(index)
    return None
