"""Which fields the embedded index holds, and what an event becomes in it.

A column holds what people search by, once (no second name of the same value), and is `fast` if it is counted.
What is not here is searched as well: the index narrows by what is, and the rest is tested on the events.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct

from event_model.event import Event, identity
from store.query.ast import MOST_CHARACTERS, Name
from store.query.matcher import moment
from store.query.names import attribute, reader, resolve
from store.query.words import analyzer, encodable

VERSION = 1  # raise it when the same event becomes another document
TIME, POINTER, HASH = "t", "p", "h"
WORDS = "words"  # the tokenizer of texts


class Column(Struct, frozen=True):
    key: str  # its name in the index
    field: Name
    fast: bool  # its values can be counted, and asked for at all
    read: Callable[[Event], Any]
    attribute: str  # of Event, where that is all there is to read

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


def _column(key: str, name: str) -> Column:
    field = resolve(name)
    read = reader(field)
    if field.kind == "long":
        return Column(key, field, key in _FAST, lambda event: _spell(read(event)), "")
    return Column(key, field, key in _FAST, read, attribute(name))


def _spell(number: int | None) -> str | None:
    return None if number is None else str(number)


COLUMNS = tuple(_column(key, name) for key, name in {**_FAST, **_SLOW}.items())
BY_NAME = {column.field.name: column for column in COLUMNS}

# Most events are like others but for these: what the rest of them becomes is kept, and made only once.
_OWN = [column for column in COLUMNS if column.key in ("name", "pod", "cid", "message", "command")]
_COMMON = [column for column in COLUMNS if column not in _OWN]
_BEHIND = {"ip": "source_ip", "agent": "user_agent", "code": "status_code", "image": "images"}
_own = attrgetter(*(column.attribute for column in _OWN))
_common = attrgetter(*(column.attribute or _BEHIND[column.key] for column in _COMMON))
_Own = msgspec.defstruct(  # faster to fill and to write than a dictionary
    "Own",
    [(key, Any, None) for key in (*(each.key for each in _OWN), TIME, POINTER, HASH)],
    omit_defaults=True,
)
_Common = msgspec.defstruct("Common", [(each.key, Any, None) for each in _COMMON], omit_defaults=True)
_kept: dict[Any, str] = {}
_MOST_KEPT, _LONGEST_KEPT = 8192, 2000


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
    made.add_unsigned_field(HASH, fast=True)  # as a term it would cost as much as ten of the others
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
    own = _encode(_Own(*_own(event), time, pointer, short_hash(identity(event))))
    common = _like_others(event)
    return time, own if common == "{}" else f"{common[:-1]},{own[1:]}"


def _like_others(event: Event) -> str:
    """What the event may have in common with others, as JSON."""
    values = _common(event)
    made = _kept.get(values)
    if made is None:
        made = _encode(_Common(**{column.key: column.read(event) or None for column in _COMMON}))
        if len(made) <= _LONGEST_KEPT:
            if len(_kept) >= _MOST_KEPT:
                _kept.clear()
            _kept[values] = made
    return made


def short_hash(id: str) -> int:
    """What the index knows an id by: 40 bits of it, enough to test few others."""
    return int(id[:10], 16)


def _encode(made: Any) -> str:
    try:
        text = msgspec.json.encode(made).decode()
    except UnicodeEncodeError:
        return encodable(json.dumps(_cut(made), ensure_ascii=False))
    if len(text) <= MOST_CHARACTERS and '":""' not in text:
        return text
    return msgspec.json.encode(_cut(made)).decode()


def _cut(made: Any) -> dict[str, Any]:
    """Without empty values, the others as long as they count."""
    return {
        key: _cut_value(value)
        for key, value in msgspec.structs.asdict(made).items()
        if value not in (None, "")
    }


def _cut_value(value: Any) -> Any:
    if isinstance(value, list):
        return list(dict.fromkeys(each[:MOST_CHARACTERS] for each in value))
    return value[:MOST_CHARACTERS] if isinstance(value, str) else value
