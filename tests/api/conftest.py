"""Worlds to ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.world import World, day, world


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for all tests of a module that only read."""
    with world(tmp_path_factory.mktemp("same"), day()) as made:
        yield made


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[World]:
    """A world of a test's own."""
    with world(tmp_path, day()) as made:
        yield made
