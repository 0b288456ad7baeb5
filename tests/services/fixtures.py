"""The fixtures that give tests a real server, or skip them with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import pytest

from tests.services.cluster import Cluster, namespace
from tests.services.elasticsearch import Missing, Server, started


@dataclass(frozen=True)
class Running:
    """A server that someone else looks after."""

    url: str


def without(reason: object) -> NoReturn:
    """Skip the test; where services are required (TALLYMAN_REQUIRE_SERVICES=1) it fails instead."""
    if os.environ.get("TALLYMAN_REQUIRE_SERVICES") == "1":
        pytest.fail(f"required, but {reason}", pytrace=False)
    pytest.skip(str(reason))


@pytest.fixture(scope="session")
def elasticsearch() -> Iterator[Running | Server]:
    """One server for the whole session, without security: the one that TALLYMAN_TEST_ELASTICSEARCH names, or our own."""
    if named := os.environ.get("TALLYMAN_TEST_ELASTICSEARCH"):
        yield Running(named.rstrip("/"))
        return
    try:
        with started() as server:
            yield server
    except Missing as reason:
        without(reason)


@pytest.fixture(scope="session")
def secure_elasticsearch() -> Iterator[Server]:
    """One server with TLS and security for the whole session; its USER has `server.password`."""
    try:
        with started(password="only-of-these-tests") as server:
            yield server
    except Missing as reason:
        without(reason)


@pytest.fixture
def cluster(elasticsearch: Running | Server) -> Iterator[Cluster]:
    """A namespace of our own in the running server, set up and empty."""
    with namespace(elasticsearch.url) as made:
        yield made
