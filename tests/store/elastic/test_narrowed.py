"""What an index says of a condition holds for every document, however conditions are put together."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from store.elastic.narrowed import (
    EVERYTHING,
    NOTHING,
    Filter,
    Narrowed,
    all_of,
    any_of,
    every,
    exactly,
    none_of,
    one_of,
    perhaps,
    some,
    unless,
    without,
)

FIELDS, VALUES = "abc", (1, 2, 3)
Document = dict[str, int]


def meets(part: Filter, document: Document) -> bool:
    """What a server does with these kinds of filters."""
    ((kind, told),) = part.items()
    if kind in ("match_all", "match_none"):
        return kind == "match_all"
    if kind in ("term", "terms"):
        ((field, wanted),) = told.items()
        return document[field] in (wanted if kind == "terms" else [wanted])
    assert kind == "bool" and (told.get("minimum_should_match") == 1) is ("should" in told)
    return (
        all(meets(each, document) for each in told.get("filter", []))
        and not any(meets(each, document) for each in told.get("must_not", []))
        and ("should" not in told or any(meets(each, document) for each in told["should"]))
    )


TERMS = st.builds(
    lambda field, value: one_of(field, [value]), st.sampled_from(FIELDS), st.sampled_from(VALUES)
)
FILTERS = st.recursive(
    TERMS | st.sampled_from([EVERYTHING, NOTHING]),
    lambda inner: (
        st.lists(inner, max_size=3).map(every) | st.lists(inner, max_size=3).map(some) | inner.map(without)
    ),
    max_leaves=8,
)
DOCUMENTS = [{"a": a, "b": b, "c": c} for a in VALUES for b in VALUES for c in VALUES]


@given(st.lists(FILTERS, max_size=4))
def test_filters_are_put_together_as_they_say(filters: list[Filter]) -> None:
    for document in DOCUMENTS:
        met = [meets(each, document) for each in filters]
        assert meets(every(filters), document) is all(met)
        assert meets(some(filters), document) is any(met)
        for each in filters:
            assert meets(without(each), document) is not meets(each, document)


class Claim:
    """A condition: what the events say of it (`truth`), and what the index says."""

    def __init__(self, truth: Any, found: Narrowed) -> None:
        self.truth, self.found = truth, found


def certain(part: Filter) -> Claim:
    return Claim(lambda document: meets(part, document), exactly(part))


def doubtful(part: Filter, doubt: Filter, really: int) -> Claim:
    """Where `doubt` is met, the event says something else than the index, by chance."""

    def truth(document: Document) -> bool:
        return (
            bool(hash((really, *document.values())) % 2) if meets(doubt, document) else meets(part, document)
        )

    return Claim(truth, unless(exactly(part), doubt))


def open_(part: Filter, really: int) -> Claim:
    """The index knows only where the condition can't be met."""
    return Claim(
        lambda document: meets(part, document) and hash((really, *document.values())) % 2, perhaps(part)
    )


CLAIMS = st.recursive(
    st.builds(certain, TERMS) | st.builds(doubtful, TERMS, FILTERS, st.integers(0, 9)) | st.builds(open_, FILTERS, st.integers(0, 9)),
    lambda inner: st.one_of(
        inner.map(lambda one: Claim(lambda document: not one.truth(document), none_of(one.found))),
        st.lists(inner, max_size=3).map(
            lambda parts: Claim(
                lambda document: all(one.truth(document) for one in parts), all_of(one.found for one in parts)
            )
        ),
        st.lists(inner, max_size=3).map(
            lambda parts: Claim(
                lambda document: any(one.truth(document) for one in parts), any_of(one.found for one in parts)
            )
        ),
    ),
    max_leaves=6,
)  # fmt: skip


@given(CLAIMS)
def test_the_index_is_sure_of_nothing_wrong_and_misses_nothing(claim: Claim) -> None:
    found = claim.found
    for document in DOCUMENTS:
        true = bool(claim.truth(document))
        assert true or not meets(found.least, document)
        assert meets(found.most, document) or not true
        assert true is (meets(found.least, document) or (meets(found.gap, document) and true))
        assert not (meets(found.least, document) and meets(found.gap, document))
        if found.exact:
            assert meets(found.query, document) is true


def test_values_of_one_field_are_asked_for_at_once_and_nesting_is_flat() -> None:
    a, b = one_of("a", [1]), one_of("b", [2])
    assert some([a, one_of("a", [2]), b, a]) == {
        "bool": {"should": [{"terms": {"a": [1, 2]}}, b], "minimum_should_match": 1}
    }
    assert every([a, every([b, without(a)])]) == {"bool": {"filter": [a, b], "must_not": [a]}}
    assert every([a, NOTHING]) == NOTHING and some([a, EVERYTHING]) == EVERYTHING
    assert every([a, EVERYTHING]) == a and some([a, NOTHING]) == a
    assert without(EVERYTHING) == NOTHING and without(NOTHING) == EVERYTHING
