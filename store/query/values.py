"""Turn what was typed for a field into a condition, by the kind of the field."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network

from event_model.errors import nearest
from event_model.fields import image_digest, image_name, image_tag
from store.query.ast import (
    All,
    And,
    Between,
    Equal,
    Exists,
    Like,
    Name,
    Phrase,
    Query,
    Within,
    both,
    either,
)
from store.query.names import resolve
from store.times import parse_span, to_micros

# where a word without a field is looked for, besides the sentence
ANYWHERE = (
    "user.name",
    "source.ip",
    "event.action",
    "orchestrator.namespace",
    "orchestrator.resource.type",
    "orchestrator.resource.name",
    "kubernetes.pod.name",
    "container.name",
    "container.image.name",
)
_KINDS = ("human", "service_account", "node", "controller", "anonymous")
_SYNONYMS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("human",): ("humans", "people", "person"),
    ("service_account",): ("sa", "serviceaccount", "service-account", "service_accounts"),
    ("node",): ("nodes", "kubelet"),
    ("controller",): ("controllers", "system"),
    ("anonymous",): ("anon", "nobody"),
    ("service_account", "node", "controller"): ("machine", "machines"),
}
_WHO = {kind: (kind,) for kind in _KINDS} | {
    word: kinds for kinds, words in _SYNONYMS.items() for word in words
}


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as typed: `text` without quotes and escapes; `pattern` if it has wildcards (see ast.Like)."""

    text: str
    column: int
    quoted: bool = False
    pattern: str | None = None

    def words(self) -> list[Literal]:
        """Its words, each a literal; all of it where it is quoted."""
        if self.quoted:
            return [self]
        words = (self.pattern or self.text).split()
        return [
            Literal(word if self.pattern is None else plain(word), self.column,
                    pattern=word if self.pattern is not None and has_wildcard(word) else None)
            for word in words
        ]  # fmt: skip


def condition(typed: str, field: Name, literal: Literal, now: datetime) -> Query:
    """`field: literal`. `typed` is the name as it was typed. Raises ValueError."""
    if literal.pattern is not None:
        return _like(field, literal)
    if typed == "who":
        return either(Equal(field, kind) for kind in _who(literal.text))
    if typed == "image" and image_name(literal.text) != literal.text:
        return _image(literal.text)
    if typed == "resource" and "/" in literal.text:
        kind, _, part = literal.text.partition("/")
        return And((Equal(field, kind), Equal(resolve("subresource"), part)))
    return _equal(field, literal, now)


def between(
    field: Name, low: str | None, high: str | None, counts: tuple[bool, bool], now: datetime
) -> Query:
    """`field` from `low` to `high`, each counting or not; None is no bound. Raises ValueError."""
    if field.kind in ("text", "boolean"):
        raise ValueError(f"{field.name} has no order; use a colon: {field.name}:value")
    if low is None and high is None:
        return Exists(field)
    if field.kind == "date":
        # a day as bound: `> 2026-11-23` begins where that day ends, `<= 2026-11-23` has all of it
        start = None if low is None else _span(low, now)[0 if counts[0] else 1]
        end = None if high is None else _span(high, now)[1 if counts[1] else 0]
        return Between(field, start, end, high_counts=False)
    return Between(
        field,
        None if low is None else _bound(field, low),
        None if high is None else _bound(field, high),
        counts[0] or low is None,
        counts[1] or high is None,
    )


def anywhere(literal: Literal, now: datetime) -> Query:
    """A word or phrase without a field: in the sentence, or as the value of one of the main fields."""
    return both(_anywhere(word, now) for word in literal.words())


def lenient(field: Name, literal: Literal, now: datetime) -> Query | None:
    """As `condition`, for one of many fields: None where the field can't hold such a value."""
    try:
        return condition(field.name, field, literal, now)
    except ValueError:
        return None


def has_wildcard(pattern: str) -> bool:
    """Whether a pattern (see ast.Like) has any wildcard that is not escaped."""
    return any(not escaped and char in "*?" for char, escaped in characters(pattern))


def characters(pattern: str) -> list[tuple[str, bool]]:
    """The characters of a pattern, each with whether it was escaped."""
    found = []
    chars = iter(pattern)
    for char in chars:
        found.append((next(chars, "\\"), True) if char == "\\" else (char, False))
    return found


def escape(text: str) -> str:
    """The pattern that means just this text."""
    return "".join("\\" + char if char in "*?\\" else char for char in text)


def plain(pattern: str) -> str:
    """The text of a pattern, its escapes resolved."""
    return "".join(char for char, _ in characters(pattern))


def _anywhere(word: Literal, now: datetime) -> Query:
    if word.pattern == "*":
        return All()
    names = ("message", *ANYWHERE)
    found = (lenient(resolve(name), word, now) for name in names)
    return either(part for part in found if part is not None)


def _like(field: Name, literal: Literal) -> Query:
    if literal.pattern == "*":
        return Exists(field)
    if field.kind == "date":
        raise ValueError(f"{field.name} is a time and takes no wildcards; write {field.name} >= 1h")
    if field.kind == "boolean":
        raise ValueError(f"{field.name} is true or false")
    if field.kind == "text":
        return both(
            Phrase(field, word.text) if word.pattern is None else Like(field, word.pattern)
            for word in literal.words()
        )
    return Like(field, literal.pattern or "")


def _equal(field: Name, literal: Literal, now: datetime) -> Query:
    text = literal.text
    match field.kind:
        case "text":
            return both(Phrase(field, word.text) for word in literal.words())
        case "ip" if "/" in text:
            return Within(field, _network(field, text))
        case "ip":
            return Equal(field, _address(field, text))
        case "long":
            return Equal(field, _whole(field, text))
        case "boolean":
            if text.lower() not in ("true", "false"):
                raise ValueError(f"{field.name} is true or false, not {text!r}")
            return Equal(field, text.lower() == "true")
        case "date":
            start, end = _span(text, now)
            return Between(field, start, end, high_counts=False)
        case _:
            return Equal(field, text)


def _image(text: str) -> Query:
    parts = {
        "container.image.name": image_name(text),
        "container.image.tag": image_tag(text),
        "container.image.hash.all": image_digest(text),
    }
    return both(Equal(resolve(name), value) for name, value in parts.items() if value)


def _who(text: str) -> tuple[str, ...]:
    kinds = _WHO.get(text.lower())
    if not kinds:
        raise ValueError(f"who is one of {', '.join(_KINDS)}, not {text!r}.{nearest(text, _WHO)}")
    return kinds


def _address(field: Name, text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(
            f"{field.name} needs an address or a network such as 10.0.0.0/8, not {text!r}"
        ) from None


def _network(field: Name, text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise ValueError(
            f"{field.name}: {text!r} is no network; write it as 10.0.0.0/8 or fd00::/8"
        ) from None


def _bound(field: Name, text: str) -> str | int | float:
    if field.kind == "long":
        return _number(field, text)
    return _address(field, text) if field.kind == "ip" else text


def _number(field: Name, text: str) -> int | float:
    if re.fullmatch(r"[+-]?\d{1,30}", text):
        return int(text)
    if re.fullmatch(r"[+-]?\d{1,30}\.\d{1,30}", text):
        return float(text)
    raise ValueError(f"{field.name} needs a number, not {text!r}")


def _whole(field: Name, text: str) -> int:
    number = _number(field, text)
    if number != int(number):
        raise ValueError(f"{field.name} needs a whole number, not {text!r}")
    return int(number)


def _span(text: str, now: datetime) -> tuple[int, int]:
    start, end = parse_span(text, now)
    return to_micros(start), to_micros(end)
