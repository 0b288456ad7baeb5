"""What a search asks for, whatever language it was typed in: a tree of conditions on fields.

Values are ready to compare: numbers are numbers, times are microseconds since 1970, addresses are in their
usual spelling. How a condition meets a value depends on the kind of the field:

keyword   exact and case-sensitive, wildcards too, as in Kibana; a value counts by its first 8,191 characters
text      by words: runs of letters and digits, in lower case; the words of a phrase follow one another
ip        the address; Within is a network
long, date, boolean   the value
any       a field of the native record or a label: by its text, `true` and `200` included; ranges by number
          where both are numbers

Of a field with several values, any may meet the condition. An empty value is no value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

MOST_CHARACTERS = 8191  # of a keyword's value: at most 32 KB of UTF-8


@dataclass(frozen=True, slots=True, repr=False)
class Name:
    """A field, resolved: an ECS field by its name, or a path below a root."""

    name: str
    kind: str  # keyword, ip, date, long, boolean, text or any
    root: str = ""  # of a path: a field of labels, the name of a native record, NATIVE or ITEM
    path: tuple[str, ...] = ()
    dataset: str = ""  # a name of the native record stands for an ECS field, but only of these events

    def __repr__(self) -> str:
        return f"<{self.name} {self.kind}{' of ' + self.dataset if self.dataset else ''}>"


NATIVE = "native"  # root of a path in whatever native record
ITEM = "."  # root of a path in the item that `Nested` looks at


@dataclass(frozen=True, slots=True)
class All:
    """Everything."""


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Query, ...]  # none of them: nothing


@dataclass(frozen=True, slots=True)
class Not:
    part: Query


@dataclass(frozen=True, slots=True)
class Exists:
    field: Name


@dataclass(frozen=True, slots=True)
class Equal:
    field: Name
    value: str | int | bool


@dataclass(frozen=True, slots=True)
class Like:
    """`*` is any characters, `?` is one, a backslash takes the meaning from the next."""

    field: Name
    pattern: str


@dataclass(frozen=True, slots=True)
class Matches:
    """A regular expression (RE2) that the whole value meets; of a text, one word in lower case."""

    field: Name
    regex: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words of a text field, one after another."""

    field: Name
    text: str


@dataclass(frozen=True, slots=True)
class Between:
    field: Name
    low: str | int | float | None
    high: str | int | float | None
    low_counts: bool = True
    high_counts: bool = True


@dataclass(frozen=True, slots=True)
class Within:
    """An address in a network."""

    field: Name
    network: str


@dataclass(frozen=True, slots=True)
class Nested:
    """One item of a list, or the object itself, meets all of `part`, whose names are paths in the item."""

    field: Name
    part: Query


Condition: TypeAlias = Exists | Equal | Like | Matches | Phrase | Between | Within | Nested
Query: TypeAlias = All | And | Or | Not | Condition


def both(parts: Iterable[Query]) -> Query:
    """All of them, without needless nesting."""
    flat: list[Query] = []
    for part in parts:
        flat += part.parts if isinstance(part, And) else [] if isinstance(part, All) else [part]
    return And(tuple(flat)) if len(flat) > 1 else flat[0] if flat else All()


def either(parts: Iterable[Query]) -> Query:
    """Any of them, without needless nesting."""
    flat: list[Query] = []
    for part in parts:
        if isinstance(part, All):
            return part
        flat += part.parts if isinstance(part, Or) else [part]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def negate(part: Query) -> Query:
    return part.part if isinstance(part, Not) else Not(part)
