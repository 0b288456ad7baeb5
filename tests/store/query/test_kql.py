"""What KQL text means, and what is said of text that means nothing."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_model.errors import QueryError
from event_model.fields import FIELDS
from store.query import parse
from store.query.ast import (
    All,
    And,
    Between,
    Equal,
    Exists,
    Like,
    Name,
    Nested,
    Not,
    Or,
    Phrase,
    Query,
    Within,
)
from store.query.names import ALIASES, known, resolve

NOW = datetime(2026, 11, 23, 14, 10, 5, tzinfo=UTC)
USER, VERB, NS = resolve("user"), resolve("verb"), resolve("ns")
ALICE, BOB, GET = Equal(USER, "alice"), Equal(USER, "bob"), Equal(VERB, "get")


def kql(text: str) -> Query:
    return parse(text, now=NOW)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", All()),
        ("  ", All()),
        ("*", All()),
        ("*:*", All()),
        ("user:alice", ALICE),
        ("user : alice", ALICE),
        ("user.name:alice", ALICE),
        ('"user.name": "alice"', ALICE),
        ("user:alice smith", Equal(USER, "alice smith")),
        ('user:"alice  smith"', Equal(USER, "alice  smith")),
        ('user:"al*"', Equal(USER, "al*")),
        (r"user:al\*", Equal(USER, "al*")),
        (r"user:al\*ce*", Like(USER, r"al\*ce*")),
        ("user:al?ce", Equal(USER, "al?ce")),
        ("user:al?ce*", Like(USER, r"al\?ce*")),
        (r"user:\u0061lice", ALICE),
        (r"user:a\ b\:c\"d\(e\\f", Equal(USER, r"a b:c\"d(e\f".replace('\\"', '"'))),
        ("user:*", Exists(USER)),
        ("user:system:serviceaccount:ci:deployer", Equal(USER, "system:serviceaccount:ci:deployer")),
        ("user:alice and verb:get", And((ALICE, GET))),
        ("user:alice or user:bob and verb:get", Or((ALICE, And((BOB, GET))))),
        ("(user:alice or user:bob) and verb:get", And((Or((ALICE, BOB)), GET))),
        ("not user:alice and verb:get", And((Not(ALICE), GET))),
        ("NOT (user:alice Or verb:get)", Not(Or((ALICE, GET)))),
        ("not not user:alice", ALICE),
        ("not(user:alice)", Not(ALICE)),
        ("user:(alice or bob)", Or((ALICE, BOB))),
        ("user:(alice and not bob)", And((ALICE, Not(BOB)))),
        ("user:((alice))", ALICE),
        ("user:android", Equal(USER, "android")),
        ("user:{ name:alice }", ALICE),
        ("user:{ name:(alice or bob) and not name:bob }", And((Or((ALICE, BOB)), Not(BOB)))),
        ("ip:10.0.0.7", Equal(resolve("source.ip"), "10.0.0.7")),
        ("ip:2001:DB8::1", Equal(resolve("source.ip"), "2001:db8::1")),
        ("ip:10.1.2.3/8", Within(resolve("source.ip"), "10.0.0.0/8")),
        ("code:404", Equal(resolve("code"), 404)),
        ("code >= 400", Between(resolve("code"), 400, None)),
        ("code<500", Between(resolve("code"), None, 500, True, False)),
        ("code:4*", Like(resolve("code"), "4*")),
        ("process.interactive:TRUE", Equal(resolve("process.interactive"), True)),
        ("who:people", Equal(resolve("who"), "human")),
        ("who:sa", Equal(resolve("who"), "service_account")),
        (
            "resource:pods/exec",
            And((Equal(resolve("resource"), "pods"), Equal(resolve("subresource"), "exec"))),
        ),
        ("image:nginx", Equal(resolve("image"), "nginx")),
        (
            "image:hub:5000/nginx:1.27",
            And(
                (
                    Equal(resolve("image"), "hub:5000/nginx"),
                    Equal(resolve("container.image.tag"), "1.27"),
                )
            ),
        ),
        ('message:"opened a shell"', Phrase(resolve("message"), "opened a shell")),
        (
            "message:opened shell",
            And((Phrase(resolve("message"), "opened"), Phrase(resolve("message"), "shell"))),
        ),
        ("message:kube*", Like(resolve("message"), "kube*")),
    ],
)
def test_kql_means_what_it_says(text: str, query: Query) -> None:
    assert kql(text) == query


def test_times_are_as_long_as_they_are_coarse() -> None:
    time = resolve("@timestamp")
    day, hour = 86_400_000_000, 3_600_000_000
    midnight = 1_795_392_000_000_000
    assert kql("@timestamp:2026-11-23") == Between(time, midnight, midnight + day, True, False)
    assert kql("time >= 2026-11-23") == Between(time, midnight, None, True, False)
    assert kql("time > 2026-11-23") == Between(time, midnight + day, None, True, False)
    assert kql("time <= 2026-11-23") == Between(time, None, midnight + day, True, False)
    assert kql("time < 2026-11-23") == Between(time, None, midnight, True, False)
    assert kql("time >= now-1h/h") == Between(time, midnight + 13 * hour, None, True, False)


def test_a_word_alone_is_sought_in_the_sentence_and_the_main_fields() -> None:
    query = kql("alice")
    assert isinstance(query, Or)
    assert Phrase(resolve("message"), "alice") in query.parts
    assert ALICE in query.parts
    both = kql("alice shell")
    assert isinstance(both, And) and query in both.parts and len(both.parts) == 2
    assert kql('"alice shell"') != both
    network = kql("10.0.0.0/8")
    assert isinstance(network, Or) and Within(resolve("source.ip"), "10.0.0.0/8") in network.parts


def test_a_pattern_for_a_field_means_any_of_those() -> None:
    query = kql("user.*:alice")
    assert isinstance(query, Or)
    assert ALICE in query.parts and Equal(resolve("user.effective.name"), "alice") in query.parts
    ports = kql("http.*:404")  # the method is no number, the status is
    assert isinstance(ports, Or) and Equal(resolve("code"), 404) in ports.parts


def test_native_names_are_found_short_and_whole() -> None:
    pid = ("requestObject", "spec", "hostPID")
    expected = Equal(Name(f"kubernetes.audit.{'.'.join(pid)}", "any", "kubernetes.audit", pid), "true")
    assert kql("requestObject.spec.hostPID:true") == expected
    assert kql("kubernetes.audit.requestObject.spec.hostPID:true") == expected
    assert kql("Actor.Attributes.image:nginx") == kql("docker.event.Actor.Attributes.image:nginx")
    assert kql("labels.truncated:true") == Equal(
        Name("labels.truncated", "any", "labels", ("truncated",)), "true"
    )
    assert kql("native.a.b:c") == Equal(Name("native.a.b", "any", "native", ("a", "b")), "c")


def test_native_names_with_an_ecs_twin_are_the_twin_of_those_events_only() -> None:
    query = kql("objectRef.subresource:exec")
    assert (
        query == kql("kubernetes.audit.objectRef.subresource:exec") == kql("objectRef:{ subresource:exec }")
    )
    assert isinstance(query, Equal)
    assert query.field == resolve("subresource")
    twin = kql("objectRef.resource:pods")
    assert twin == kql("kubernetes.audit.objectRef.resource:pods")
    assert isinstance(twin, Equal)
    assert (twin.field.name, twin.field.dataset) == (resolve("resource").name, "kubernetes.audit_logs")


def test_braces_after_a_list_hold_on_one_item() -> None:
    query = kql("requestObject.spec.containers:{ image:nginx* and securityContext.privileged:true }")
    assert isinstance(query, Nested)
    assert query.field == resolve("requestObject.spec.containers")
    item = Name(f"{query.field.name}.image", "any", ".", ("image",))
    assert isinstance(query.part, And) and query.part.parts[0] == Like(item, "nginx*")


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("usr:alice", 0, "there is no field 'usr'. Did you mean 'user'?"),
        ("verb:get and objectref.name:x", 13, "Did you mean 'objectRef.name'?"),
        ("objectRef.nmae:x", 0, "Did you mean 'objectRef.name'?"),
        ("user.nmae:x", 0, "Did you mean 'user.name'?"),
        ("user:alice verb:get", 11, 'two conditions need "and" or "or" between them'),
        ("user:(a or b) verb:get", 14, 'two conditions need "and" or "or" between them'),
        ('user:"alice', 5, "this quotation mark is never closed"),
        ("user:", 5, "the search ends too early; expected a quoted phrase, a value, ( or {"),
        ("(user:alice", 11, "the search ends too early; expected )"),
        ("user:alice)", 10, "this ) closes nothing"),
        ("user:(alice}", 11, "'}' can't stand here; expected )"),
        ("user:alice or", 13, "the search ends too early"),
        ("and user:alice", 0, "'and' needs a condition on either side"),
        ("user:{alice}", 6, "inside braces every condition needs a field"),
        ("user.name:{ first:alice }", 0, "user.name is a plain field and has nothing inside"),
        ("code:abc", 5, "http.response.status_code needs a number, not 'abc'"),
        ("code:1.5", 5, "needs a whole number"),
        ("verb:get or code >= x", 20, "needs a number"),
        ("ip:alice", 3, "needs an address or a network such as 10.0.0.0/8"),
        ("ip:10.0.0.0/99", 3, "is no network"),
        ("process.interactive:maybe", 20, "is true or false"),
        ("who:humen", 4, "Did you mean 'human'?"),
        ("message > 3", 10, "message has no order"),
        ("@timestamp:soon", 11, "'soon' is no time; write 1h"),
        ("@timestamp:2026*", 11, "takes no wildcards"),
        ("nothing.*:x", 0, "no field is like 'nothing.*'"),
        ("event.start.*:x", 0, "no field is like"),
        ("user:a\\", 6, "a backslash needs a character after it"),
        ("(" * 101, 100, "more than 100 brackets"),
        ("not " * 101 + "user:a", 0, "100 times in a row"),
    ],
)  # fmt: skip
def test_an_error_points_at_its_place_and_says_what_was_expected(
    text: str, column: int, message: str
) -> None:
    with pytest.raises(QueryError) as caught:
        kql(text)
    assert message in caught.value.message
    assert (caught.value.column, caught.value.text) == (column, text)


def test_an_endless_search_is_refused_at_once() -> None:
    with pytest.raises(QueryError, match="the most is"):
        kql("user:a or " * 10_000 + "user:b")


def test_every_name_that_is_offered_is_understood() -> None:
    assert {*ALIASES, *FIELDS} <= set(known())
    for name in known():
        kql(f'"{name}":*')


@given(st.text(max_size=60))
def test_any_text_is_a_query_or_a_query_error(text: str) -> None:
    try:
        kql(text)
    except QueryError as error:
        assert 0 <= error.column <= max(len(text), 1)


WORDS = [
    "user",
    ":",
    "alice",
    "and",
    "or",
    "not",
    "(",
    ")",
    "{",
    "}",
    '"',
    "*",
    ">=",
    "\\",
    "code",
    "400",
    " ",
    "ip",
]


@given(st.lists(st.sampled_from(WORDS), max_size=25))
def test_any_heap_of_words_is_a_query_or_a_query_error(parts: list[str]) -> None:
    text = " ".join(parts)
    try:
        kql(text)
    except QueryError as error:
        assert 0 <= error.column <= len(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_quoted_value_is_taken_as_it_is(value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert kql(f'user:"{quoted}"') == Equal(USER, value)
