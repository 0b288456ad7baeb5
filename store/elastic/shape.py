"""A mapping as a type: native records of the usual kind pass through it at the speed of their decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import orjson
from msgspec import UNSET, Meta, Struct, UnsetType

from store.elastic.flat import fit

_Long = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
_Date = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?Z$")]


class Flat:
    """The value of a `flattened` field that fits as it is, and has no objects inside."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Shape:
    """What of an object the mapping has, where each value fits it; `short`: characters of a text that surely does."""

    def __init__(self, properties: Mapping[str, Any], short: int) -> None:
        text = Annotated[str, Meta(min_length=1, max_length=short)]
        self._types: dict[str, Any] = {
            "keyword": text | list[text], "text": text, "date": _Date, "long": _Long,
            "float": float, "boolean": bool, "flattened": Flat,
        }  # fmt: skip
        self._decode = msgspec.json.Decoder(self._struct(properties), dec_hook=_fitting).decode
        self._encode = msgspec.json.Encoder(enc_hook=_value).encode

    def take(self, value: Struct) -> orjson.Fragment | None:
        """The object as JSON. Raises ValueError where something does not fit."""
        return orjson.Fragment(self._encode(self._decode(msgspec.json.encode(value))))

    def _struct(self, properties: Mapping[str, Any]) -> type[Struct]:
        fields = []
        for name, spec in properties.items():
            kind = self._struct(spec["properties"]) if "properties" in spec else self._types.get(spec["type"])
            if kind:
                fields.append((name, kind | UnsetType, UNSET))
        return msgspec.defstruct("Object", fields, gc=False)


def _fitting(kind: type, value: Any) -> Flat:
    made, complete = fit(value)
    if not complete or not isinstance(made, dict) or not all(map(_is_plain, made.values())):
        raise ValueError("there is more to it")
    return Flat(made)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return not any(isinstance(item, dict | list) for item in value)
    return not isinstance(value, dict)


def _value(flat: Any) -> Any:
    return flat.value
