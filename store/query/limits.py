"""Refuse a search that is too long or too deep to be anybody's."""

from __future__ import annotations

import re

from event_model.errors import QueryError

MOST_CHARACTERS = 20_000
MOST_DEPTH = 100  # of brackets, and of `not`

_BRACKETS = re.compile(r'"(?:\\.|[^"\\])*"|\\.|[({]|[)}]', re.DOTALL)
_NOTS = re.compile(rf"(?:\bnot\s+|[!+-]\s*){{{MOST_DEPTH}}}", re.IGNORECASE)


def check_limits(text: str) -> None:
    """Raises QueryError."""
    if len(text) > MOST_CHARACTERS:
        raise QueryError(f"the search has {len(text)} characters; the most is {MOST_CHARACTERS}")
    if not _is_utf8(text):
        raise QueryError("the search is not UTF-8")
    depth = 0
    for found in _BRACKETS.finditer(text):
        depth += 1 if found.group() in "({" else -1 if found.group() in ")}" else 0
        if depth > MOST_DEPTH:
            raise QueryError(f"more than {MOST_DEPTH} brackets inside one another", text, found.start())
    nots = _NOTS.search(text)
    if nots:
        raise QueryError(f"not, {MOST_DEPTH} times in a row", text, nots.start())


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
