"""Read a record with missing, ill-typed or broken parts: take what can be known, and name what can't."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct
from msgspec.inspect import (
    BoolType,
    DictType,
    Field,
    IntType,
    ListType,
    NoneType,
    RawType,
    StrType,
    StructType,
    Type,
    UnionType,
)

from event_model.errors import Unreadable

S = TypeVar("S", bound=Struct)
Fields = dict[str, Raw]

BOM = b"\xef\xbb\xbf"
MOST_NESTED = 200  # levels in a member of what is too deep for the decoder
CUT = "cut off: the JSON ends in the middle"
MOST_NAMED = 20  # parts that are named; the rest of a wholly foreign record says nothing more

_CONTROL = bytes(0x20 if each < 0x20 else each for each in range(256))
# halves of a surrogate pair without the other one
_HALVES = re.compile(
    rb"(?<!\\)((?:\\\\)*+)(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_KEY = re.compile(rb"\s*+(" + _STRING + rb")\s*+:", re.DOTALL)
_SCALAR = re.compile(rb"\s*+(?:" + _STRING + rb'|[^"\[\]{},\s]++)', re.DOTALL)
_NEXT = re.compile(rb"\s*+([,\]}])")
_CLOSED = re.compile(rb"\s*+[\]}]")
# to the next brackets, past texts and whatever else stands between
_RUN = re.compile(rb'[^"\[\]{}]*+(?:' + _STRING + rb'[^"\[\]{}]*+)*+([\[{]++|[\]}]++)', re.DOTALL)
_DEEP = Raw(b"null")


def read(raw: bytes, kind: type[S]) -> tuple[S, tuple[str, ...]]:
    """A `kind` of what can be known, and the paths of the parts that were not as they should be.

    Raises Unreadable for what is no JSON object.
    """
    found, bad = fields(raw)
    made = _struct(found, kind, "", bad)
    return made, tuple(dict.fromkeys(bad))[:MOST_NAMED]


def fields(raw: bytes) -> tuple[Fields, list[str]]:
    """The members of a JSON object, undecoded, and what was wrong with the text. Raises Unreadable."""
    text = raw.removeprefix(BOM)
    try:
        text.decode()
        return msgspec.json.decode(text, type=Fields), []
    except RecursionError:
        return _shallow(text)
    except ValueError:  # no UTF-8, control characters in a text, half a surrogate pair; or no JSON at all
        return _mended(text)


def _mended(text: bytes) -> tuple[Fields, list[str]]:
    mended = text.decode("utf-8", "replace").encode().translate(_CONTROL)
    if b"\\u" in mended:
        mended = _HALVES.sub(rb"\1\\ufffd", mended)
    bad = ["encoding"] if mended != text else []
    try:
        return msgspec.json.decode(mended, type=Fields), bad
    except RecursionError:
        found, deep = _shallow(mended)
        return found, bad + deep
    except msgspec.DecodeError as error:
        raise Unreadable(why(mended, error)) from None


def why(text: bytes, error: Exception) -> str:
    """What is wrong with a text that is no JSON object, in words."""
    stripped = text.strip()
    if not stripped:
        return "an empty record"
    reason = str(error)
    if isinstance(error, msgspec.ValidationError):
        return f"no JSON object: {reason[0].lower()}{reason[1:]}"
    if stripped.startswith(b"{") and "truncated" in reason:
        return CUT
    return f"no JSON: {reason}"


def elements(text: bytes, member: str) -> list[bytes] | None:
    """The items of a JSON array, or of an object's `member`, however deep they are nested; None where there is none."""
    text = text.removeprefix(BOM).strip()
    if not text.startswith(b"["):
        inner = [text[start:end].strip() for key, start, end, _ in _members(text) if _text(key) == member]
        if not inner or not inner[-1].startswith(b"["):
            return None
        text = inner[-1]
    return [text[start:end].strip() for _, start, end, _ in _members(text)]


def _shallow(text: bytes) -> tuple[Fields, list[str]]:
    """The members of an object that is nested too deeply to decode; the deep ones are null. Raises Unreadable."""
    text = text.strip()
    if not text.startswith(b"{"):
        raise Unreadable("no JSON object, and nested too deeply")
    found: Fields = {}
    bad: list[str] = []
    for key, start, end, deepest in _members(text):
        value = Raw(text[start:end].strip())
        if deepest > MOST_NESTED or _decoded(value, Raw) is None:
            bad.append(_text(key))
            value = _DEEP
        found[_text(key)] = value
    return found, bad


def _members(text: bytes) -> Iterator[tuple[bytes, int, int, int]]:
    """Key, start, end and depth of what an object or array holds, without recursion. Raises Unreadable."""
    keyed, at = text[:1] == b"{", 1
    if _CLOSED.match(text, at):
        return
    while True:
        key = b""
        if keyed:
            found = _KEY.match(text, at)
            if found is None:
                raise Unreadable(CUT)
            key, at = found[1], found.end()
        end, depth = _value_end(text, at)
        yield key, at, end, depth
        mark = _NEXT.match(text, end)
        if mark is None:
            raise Unreadable(CUT)
        at = mark.end()
        if mark[1] != b",":
            return


def _value_end(text: bytes, at: int) -> tuple[int, int]:
    """Where the value that begins here ends, and how many levels it has."""
    scalar = _SCALAR.match(text, at)
    if scalar is not None:
        return scalar.end(), 0
    depth = deepest = 0
    while run := _RUN.match(text, at):
        brackets = run[1]
        if brackets[:1] in b"{[":
            depth += len(brackets)
            deepest = max(deepest, depth)
            at = run.end()
        else:
            depth, at = depth - len(brackets), run.end()
            if depth <= 0:
                return at + depth, deepest
    raise Unreadable(CUT)


def _text(key: bytes) -> str:
    try:
        return msgspec.json.decode(key, type=str)
    except ValueError:
        return key.decode("utf-8", "replace")


@lru_cache(maxsize=64)
def _parts(kind: type[Struct]) -> tuple[Field, ...]:
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, StructType)
    return info.fields


def _struct(found: Fields, kind: type[S], path: str, bad: list[str]) -> S:
    values: dict[str, Any] = {}
    for part in _parts(kind):
        raw = found.get(part.encode_name)
        if raw is None or bytes(raw) == b"null":
            continue
        name = path + part.encode_name
        value = _value(raw, part.type, name, bad)
        if value is not None:
            values[part.name] = value
    return kind(**values)


def _value(raw: Raw, kind: Type, name: str, bad: list[str]) -> Any:
    """The value as its type asks for, or what can be made of it; None where that is nothing."""
    if isinstance(kind, UnionType):
        kind = next(each for each in kind.types if not isinstance(each, NoneType))
    if isinstance(kind, RawType):
        return raw
    if isinstance(kind, StructType):
        inner = _decoded(raw, Fields)
        if inner is not None:
            return _struct(inner, kind.cls, f"{name}.", bad)
    elif isinstance(kind, ListType):
        items = _decoded(raw, list[Raw])
        if items is None:
            bad.append(name)
        found = (_value(item, kind.item_type, name, bad) for item in items or [raw])
        return [value for value in found if value is not None]
    elif isinstance(kind, DictType):
        pairs = _decoded(raw, Fields)
        if pairs is not None:
            values = {key: _value(value, kind.value_type, name, bad) for key, value in pairs.items()}
            return {key: value for key, value in values.items() if value is not None}
    else:
        value, right = _plain(_decoded(raw, object), kind)
        if not right:
            bad.append(name)
        return value
    bad.append(name)
    return None


def _plain(plain: Any, kind: Type) -> tuple[Any, bool]:
    """What can be made of a number, text or truth value, and whether it was as it should be."""
    if isinstance(kind, StrType):
        return _scalar(plain), isinstance(plain, str)
    if isinstance(kind, IntType):
        return _number(plain, kind)
    if isinstance(kind, BoolType):
        return plain in (True, "true", "True", 1), isinstance(plain, bool)
    return None, False


def _scalar(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) and len(repr(value)) < 40 else None


def _number(value: Any, kind: IntType) -> tuple[int | None, bool]:
    low, high = (
        kind.ge if kind.ge is not None else -(1 << 63),
        kind.le if kind.le is not None else (1 << 63) - 1,
    )
    right = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        return None, False
    return value, right


def _decoded(raw: Raw, kind: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (ValueError, RecursionError):
        return None
