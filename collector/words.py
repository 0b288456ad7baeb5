"""Sets of words, written as one text."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text that spaces and line ends part."""
    return frozenset(text.split())
