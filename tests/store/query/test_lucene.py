"""What Lucene's syntax means, and what is said of text that means nothing."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_model.errors import QueryError
from store.query import parse
from store.query.ast import All, And, Between, Equal, Exists, Like, Matches, Not, Or, Phrase, Query
from store.query.names import resolve

NOW = datetime(2026, 11, 23, 14, 10, 5, tzinfo=UTC)
USER, CODE = resolve("user"), resolve("code")
A, B, C = (Equal(USER, name) for name in "abc")


def lucene(text: str) -> Query:
    return parse(text, lucene=True, now=NOW)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", All()),
        ("*", All()),
        ("*:*", All()),
        ("user:a", A),
        ("user:a AND user:b", And((A, B))),
        ("user:a OR user:b AND user:c", Or((A, And((B, C))))),
        ("user:a user:b", Or((A, B))),
        ("user:(a b)", Or((A, B))),
        ("user:(a AND NOT b)", And((A, Not(B)))),
        ("+user:a -user:b user:c", And((A, Not(B)))),
        ("user:a user:c -user:b", And((Or((A, C)), Not(B)))),
        ("user:a NOT user:b", And((A, Not(B)))),
        ("user:a OR NOT user:b", Or((A, Not(B)))),
        ("-user:a", Not(A)),
        ("NOT user:a", Not(A)),
        ("user:a^2", A),
        ('user:"a b"', Equal(USER, "a b")),
        (r"user:system\:x\*", Equal(USER, "system:x*")),
        ("user:al?c*", Like(USER, "al?c*")),
        ("user:*", Exists(USER)),
        ("_exists_:user", Exists(USER)),
        ("user:/a.*\\/b/", Matches(USER, "a.*/b")),
        ("code:[400 TO 499]", Between(CODE, 400, 499)),
        ("code:{400 TO 499]", Between(CODE, 400, 499, False, True)),
        ("code:[400 TO *]", Between(CODE, 400, None)),
        ("code:[* TO *]", Exists(CODE)),
        ("code:>=400", Between(CODE, 400, None)),
        ("code:<400", Between(CODE, None, 400, True, False)),
        ("user:[a TO b}", Between(USER, "a", "b", True, False)),
        ('message:"a shell"', Phrase(resolve("message"), "a shell")),
        ("time:[now-1h TO now}", Between(resolve("time"), 1795439405000000, 1795443005000000, True, False)),
    ],
)  # fmt: skip
def test_lucene_means_what_it_says(text: str, query: Query) -> None:
    assert lucene(text) == query


def test_a_word_alone_is_sought_in_the_sentence_and_the_main_fields() -> None:
    assert lucene("alice") == parse("alice")
    regex = lucene("/ali.*/")
    assert isinstance(regex, Or) and Matches(USER, "ali.*") in regex.parts


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("usr:alice", 0, "Did you mean 'user'?"),
        ("user:a AND", 10, "the search ends too early"),
        ("(user:a", 7, "the search ends too early"),
        ("user:a)", 6, "')' can't stand here"),
        ('user:"a', 5, "this quotation mark is never closed"),
        ("user:a~", 5, "fuzzy"),
        ('"a b"~3', 0, "slop"),
        ("user:a && user:b", 7, "write AND in place of &&"),
        ("image:nginx:1.27", 6, "quote a value that holds a colon"),
        ("user:/a(/", 5, "not a regular expression of RE2"),
        ("code:[a TO 4]", 5, "needs a number"),
        ("[1 TO 4]", 0, "a range needs a field"),
        ("@timestamp:/a/", 11, "takes no regular expression"),
        ("(" * 101 + "a" + ")" * 101, 100, "more than 100 brackets"),
        ("NOT " * 101 + "a", 0, "100 times in a row"),
    ],
)
def test_an_error_points_at_its_place(text: str, column: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        lucene(text)
    assert message in caught.value.message
    assert caught.value.column == column


@given(st.text(max_size=60))
def test_any_text_is_a_query_or_a_query_error(text: str) -> None:
    try:
        lucene(text)
    except QueryError as error:
        assert 0 <= error.column <= max(len(text), 1)


WORDS = [
    "user:",
    "a",
    "AND",
    "OR",
    "NOT",
    "(",
    ")",
    "[",
    "]",
    "TO",
    '"',
    "*",
    "+",
    "-",
    "~",
    "^2",
    "\\",
    "/",
    ">=",
    " ",
]


@given(st.lists(st.sampled_from(WORDS), max_size=25))
def test_any_heap_of_words_is_a_query_or_a_query_error(parts: list[str]) -> None:
    text = " ".join(parts)
    try:
        lucene(text)
    except QueryError as error:
        assert 0 <= error.column <= len(text)
