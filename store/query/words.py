"""Cut text into words, in the same way for the index and for an event just read."""

from __future__ import annotations

from functools import cache
from typing import Any

from store.query.ast import MOST_CHARACTERS
from store.query.values import characters, escape


@cache
def analyzer() -> Any:
    """tantivy's own: runs of letters and digits, in lower case. Sharing it is what makes the two agree."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    return TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.lowercase()).build()


def words(text: str) -> list[str]:
    """The words of a text, in order, as far as it counts."""
    text = text[:MOST_CHARACTERS]
    try:
        found: list[str] = analyzer().analyze(text)
    except UnicodeEncodeError:
        found = analyzer().analyze(encodable(text))
    return found


def encodable(text: str) -> str:
    """The text with `?` for halves of surrogate pairs, which some JSON holds and UTF-8 can't."""
    return text.encode("utf-8", "replace").decode()


def word_patterns(pattern: str) -> list[str]:
    """A pattern (see ast.Like) as one pattern a word: `API-7*` is `api` and, behind it, `7*`."""
    found = [""]
    for char, escaped in characters(pattern):
        if char in "*?" and not escaped:
            found[-1] += char
            continue
        letters = words(char)
        if letters:
            found[-1] += escape(letters[0])
        elif found[-1]:
            found.append("")
    return [each for each in found if each]
