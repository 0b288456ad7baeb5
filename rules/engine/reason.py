"""Say why in one sentence: `{user.name} opened a shell in {orchestrator.namespace}`."""

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
    """A function that fills the fields in. Raises ValueError for a field that there is not."""
    parts = _FIELD.split(text)  # text, field, text, field, …, text
    texts, names = parts[::2], parts[1::2]
    for name in names:
        if name not in FIELDS:
            raise ValueError(f"there is no field {name!r}.{nearest(name, FIELDS)}")
    readers = [FIELDS[name].read for name in names]

    def tell(event: Event) -> str:
        values = [shown(read(event)) or "-" for read in readers]
        return texts[0] + "".join(value + text for value, text in zip(values, texts[1:], strict=True))

    return tell


def shown(value: Any) -> str:
    """A value as one short line: an attacker chose it, and a terminal may show it."""
    if value is None:
        return ""
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)
