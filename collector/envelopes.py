"""Open what records are sent in: lists, base64, gzip, objects one after the other."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib

import msgspec
from msgspec import Raw

from collector import lenient
from event_model.errors import Unreadable

MAX_UNPACKED = 64 << 20  # bytes; what is packed by someone else may be a bomb
GZIP = b"\x1f\x8b"
_BLANK = re.compile(r"\s*")


def listed(raw: bytes, member: str) -> list[bytes] | None:
    """The items, each its own bytes, of a JSON array or of an object's `member`; None where there is no such list.

    Raises Unreadable for a list that is cut off.
    """
    text = raw.removeprefix(lenient.BOM)
    try:
        if text.lstrip()[:1] == b"[":
            return [bytes(item) for item in msgspec.json.decode(text, type=list[Raw])]
        found = msgspec.json.decode(text, type=lenient.Fields).get(member)
        if found is None:
            return None
        return [bytes(item) for item in msgspec.json.decode(found, type=list[Raw])]
    except (RecursionError, UnicodeDecodeError):
        return lenient.elements(text, member)
    except msgspec.ValidationError:
        return None
    except msgspec.DecodeError as error:
        raise Unreadable(lenient.why(text, error)) from None


def decoded(text: str) -> bytes:
    """What base64 says. Raises Unreadable."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("no base64 where the envelope should hold some") from None


def unpacked(data: bytes) -> bytes:
    """The data, unpacked where gzip packed it. Raises Unreadable."""
    if not data.startswith(GZIP):
        return data
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        plain = inflater.decompress(data, MAX_UNPACKED)
    except zlib.error as error:
        raise Unreadable(f"damaged gzip: {error}") from None
    if inflater.unconsumed_tail:
        raise Unreadable(f"unpacks to more than {MAX_UNPACKED >> 20} MiB")
    if not inflater.eof:
        raise Unreadable("cut off: the gzip data end in the middle")
    return plain


def chained(raw: bytes) -> list[bytes]:
    """The objects of a text that holds several, with or without line ends between; one object is itself."""
    text = raw.strip()
    if b"}{" not in text and b"}\n" not in text:
        return [text]
    if _is_one(text):
        return [text]
    found: list[bytes] = []
    place, words = 0, text.decode("utf-8", "surrogateescape")
    decoder = json.JSONDecoder(strict=False)
    while place < len(words):
        try:
            _, end = decoder.raw_decode(words, place)
        except (ValueError, RecursionError):
            return [*found, words[place:].encode("utf-8", "surrogateescape")]
        found.append(words[place:end].encode("utf-8", "surrogateescape"))
        place = _BLANK.match(words, end).end()  # type: ignore[union-attr]
    return found


def _is_one(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=Raw)
    except (ValueError, RecursionError):
        return False  # perhaps several
    return True
