"""Which fields the embedded index holds, and what an event becomes in it.

A column holds what people search by, once (no second name of the same value), and is `fast` if it is counted.
What is not here is searched as well: the index narrows by what is, and the rest is tested on the events.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from event_model.event import Event, identity
from store.query.ast import MOST_CHARACTERS, Name
from store.query.matcher import moment
from store.query.names import reader, resolve
from store.query.words import analyzer, encodable

VERSION = 1  # raise it when the same event becomes another document
TIME, POINTER, HASH = "t", "p", "h"
WORDS = "words"  # the tokenizer of texts


class Column(Struct, frozen=True):
    key: str  # its name in the index
    field: Name
    fast: bool  # its values can be counted, and asked for at all
    read: Callable[[Event], Any]

    @property
    def is_text(self) -> bool:
        return self.field.kind == "text"


_FAST = {
    "dataset": "event.dataset",
    "kind": "event.kind",
    "action": "event.action",
    "outcome": "event.outcome",
    "user": "user.name",
    "who": "tallyman.user.kind",
    "as": "user.effective.name",
    "ip": "source.ip",
    "agent": "user_agent.name",
    "cluster": "orchestrator.cluster.name",
    "ns": "orchestrator.namespace",
    "resource": "orchestrator.resource.type",
    "name": "orchestrator.resource.name",
    "sub": "kubernetes.audit.objectRef.subresource",
    "code": "http.response.status_code",
    "pod": "kubernetes.pod.name",
    "container": "container.name",
    "image": "container.image.name",
}
_SLOW = {"cid": "container.id", "message": "message", "command": "process.command_line"}

COLUMNS: tuple[Column, ...] = tuple(
    Column(key, resolve(name), key in _FAST, reader(resolve(name)))
    for key, name in {**_FAST, **_SLOW}.items()
)
BY_NAME = {column.field.name: column for column in COLUMNS}
_PLAIN = [(column.key, column.read) for column in COLUMNS]


def schema() -> Any:
    """tantivy's schema of the columns."""
    from tantivy import SchemaBuilder

    made = SchemaBuilder()
    for column in COLUMNS:
        if column.is_text:
            made.add_text_field(column.key, tokenizer_name=WORDS, index_option="position")
        else:
            made.add_text_field(column.key, fast=column.fast, tokenizer_name="raw", index_option="basic")
    made.add_integer_field(TIME, fast=True)
    made.add_unsigned_field(POINTER, fast=True)
    made.add_unsigned_field(HASH, indexed=True)
    return made.build()


def register(index: Any) -> None:
    """Tell an index how texts are cut into words."""
    index.register_tokenizer(WORDS, analyzer())


def fingerprint() -> str:
    """Another one for whatever an index must be built anew for."""
    told: list[Any] = [VERSION]
    told += [[column.key, column.field.name, column.field.kind, column.fast] for column in COLUMNS]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:16]


def document(pointer: int, event: Event) -> tuple[int, str]:
    """The event's time (microseconds since 1970) and its document, as JSON."""
    time = moment(event.timestamp)
    made: dict[str, Any] = {TIME: time, POINTER: pointer, HASH: short_hash(identity(event))}
    for key, read in _PLAIN:
        value = read(event)
        if value:
            made[key] = value if value.__class__ is str and len(value) <= MOST_CHARACTERS else _terms(value)
    try:
        return time, msgspec.json.encode(made).decode()
    except UnicodeEncodeError:
        return time, encodable(json.dumps(made, ensure_ascii=False))


def short_hash(id: str) -> int:
    """What the index knows an id by: 64 bits of it."""
    return int(id[:16], 16)


def _terms(value: Any) -> Any:
    """Other than short text: a list without repeats, or a number spelled out."""
    if isinstance(value, str):
        return value[:MOST_CHARACTERS]
    if isinstance(value, (list, tuple)):
        return list(dict.fromkeys(str(each)[:MOST_CHARACTERS] for each in value if each))
    return str(value)
