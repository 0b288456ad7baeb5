"""Open the store of the chosen configuration, for the commands that ask it something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from event_model.errors import QueryError, StoreError
from tallyman.config import Config, load
from tallyman.wiring import make_normalizer


@dataclass
class Opened:
    """A store opened for reading, and the state beside it."""

    config: Config
    events: Any  # store.embedded.Embedded or store.elasticsearch.Elasticsearch

    @cached_property
    def database(self) -> Any:
        """The store.state.State; a search does without, and so may read what it can't write."""
        from tallyman.states import open_state

        return open_state(self.config)

    def close(self) -> None:
        self.events.close()
        if "database" in self.__dict__:
            self.database.close()


def configuration(context: click.Context) -> Config:
    """The configuration that --config, TALLYMAN_CONFIG or the default place names."""
    chosen = context.obj["config"]
    return load(Path(chosen) if chosen else None)


@contextmanager
def opened(context: click.Context) -> Iterator[Opened]:
    """The configured store, read only; closed at the end. Raises StoreError if there is none.

    One in a cluster is read from any machine: nothing need be in `store.path` there.
    """
    from tallyman.stores import is_clustered, make_store

    config = configuration(context)
    if not is_clustered(config) and not config.store.path.is_dir():
        raise StoreError(
            f"no store at {config.store.path} yet. `tallyman run` makes one; `tallyman scan FILE` needs none"
        )
    store = Opened(config, make_store(config, make_normalizer(config)))
    try:
        yield store
    finally:
        store.close()


LOGIN_SECONDS = 600  # a one-time link is good for so long


def now() -> datetime:
    return datetime.now(UTC)


def bound(text: str | None) -> str | None:
    """A time as people write it (`1h`, `yesterday`) as RFC 3339. Raises QueryError."""
    return written(moment(text)) if text else None


def moment(text: str) -> datetime:
    """A time as people write it. Raises QueryError."""
    from store.times import parse_time

    try:
        return parse_time(text, now())
    except ValueError as error:
        raise QueryError(str(error)) from None


def written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
