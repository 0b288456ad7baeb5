"""Which field the values of which are counted, and over which events."""

from __future__ import annotations

from event_model.errors import QueryError
from store.query.ast import Equal, Name, Query, both
from store.query.names import resolve


def counted(query: Query, field: str) -> tuple[Name, Query]:
    """The field as it was typed, and the query: of one dataset, where only its events have the field.

    Raises QueryError for no field.
    """
    try:
        name = resolve(field)
    except LookupError as error:
        raise QueryError(str(error.args[0]), field) from None
    if name.dataset:
        query = both([query, Equal(resolve("event.dataset"), name.dataset)])
    return name, query
