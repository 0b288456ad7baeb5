from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store.database import Database
from store.tokens import Tokens

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[Tokens]:
    database = Database(tmp_path)
    yield database.tokens
    database.close()


def test_the_text_is_nowhere_on_disk(tokens: Tokens, tmp_path: Path) -> None:
    text = tokens.create("ci", "analyst", None, NOW)
    assert not any(text.encode() in path.read_bytes() for path in tmp_path.iterdir())
    assert all(text not in str(row) for row in tokens.listed())
