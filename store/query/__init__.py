"""One query language: what a person types becomes a tree, the tree whatever a store understands."""

from __future__ import annotations

from datetime import datetime

from store.query.ast import Query
from store.query.kql import parse_kql
from store.query.lucene import parse_lucene

__all__ = ["Query", "parse", "parse_kql", "parse_lucene"]


def parse(text: str, *, lucene: bool = False, now: datetime | None = None) -> Query:
    """The query that a person typed: KQL, or Lucene's syntax on demand. Raises QueryError."""
    return (parse_lucene if lucene else parse_kql)(text, now=now)
