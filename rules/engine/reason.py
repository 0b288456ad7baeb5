"""Say why in one sentence: `{user.name} listed the secrets of {orchestrator.namespace|all namespaces}`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from event_model.errors import nearest
from event_model.event import Event
from event_model.fields import FIELDS

_FIELD = re.compile(r"\{([^{}]*)\}")
_LONGEST = 200


def template(text: str) -> Callable[[Event], str]:
    """A function that fills the fields in. Raises ValueError for a field that there is not.

    Where an event has no such value stands what the rule says behind a `|`, else `-`; of `namespace/name`
    only the name is left.
    """
    parts = _FIELD.split(text)  # text, field, text, field, …, text
    texts, fields = parts[::2], [field.partition("|") for field in parts[1::2]]
    for name, _, _ in fields:
        if name not in FIELDS:
            raise ValueError(f"there is no field {name!r}.{nearest(name, FIELDS)}")
    readers = [(FIELDS[name].read, instead or "-") for name, _, instead in fields]

    def tell(event: Event) -> str:
        told = texts[0]
        for (read, instead), text in zip(readers, texts[1:], strict=True):
            value = shown(read(event))
            told += text[1:] if not value and text == "/" else (value or instead) + text
        return told

    return tell


def shown(value: Any) -> str:
    """A value as one short line: an attacker chose it, and a terminal may show it."""
    if value is None:
        return ""
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)
