"""Replace secret values by `[redacted]`, so that what is kept gives nobody a password."""

from __future__ import annotations

from typing import Any

import msgspec
import re2

MARK = "[redacted]"

# names of variables whose values are credentials
_NAMES = (
    r"passw|passphrase|pwd|secret|token|credential|api[_-]?key|access[_-]?key|private[_-]?key|"
    r"encryption[_-]?key|auth[_-]?key|signing[_-]?key|connection[_-]?string"
)
# names of members that hold nothing but a credential
_MEMBERS = (
    r"password|passwd|passphrase|token|access_?token|refresh_?token|id_?token|bearer_?token|"
    r"client_?secret|secret_?(?:access_?)?key|private_?key|api_?key"
)
_JWT = r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"
_BEARER = r"(?:[Bb]earer|[Bb]asic)(?:\s|\+|%20)+[A-Za-z0-9._~%+/=-]{12,}"
_PEM = r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]{0,20}PRIVATE KEY-----|$)"
_END = r'\\*"\s*'  # the end of a text, which may stand inside another one
_PAIR = rf'\\*"name{_END}:\s*\\*"[^"\\]*(?:{_NAMES})[^"\\]*{_END},\s*\\*"value{_END}:\s*\\*"'
_RIAP = rf'\\*"value{_END}:\s*\\*"[^"]*{_END},\s*\\*"name{_END}:\s*\\*"[^"\\]*(?:{_NAMES})'
_MEMBER = rf'\\*"(?:{_MEMBERS}){_END}:\s*\\*"'
_hint = re2.compile(f"(?i:{_PAIR}|{_RIAP}|{_MEMBER})|{_JWT}|{_BEARER}|PRIVATE KEY".encode())
_is_name = re2.compile(f"(?i){_NAMES}")
_is_member = re2.compile(f"(?i){_MEMBERS}")
_token = re2.compile(f"{_JWT}|{_BEARER}|{_PEM}")
_raw_token = re2.compile(
    rf'{_JWT}|{_BEARER}|-----BEGIN [A-Z ]{{0,20}}PRIVATE KEY-----(?:[^"\\]|\\+[^"\\])*'.encode()
)
_parameter = re2.compile(
    rf"(?i)([?&](?:{_MEMBERS}|pwd|secret|authorization|sig|signature)=|"
    r"[?&]command=-{1,2}(?:password|passwd|token|secret|api-?key)(?:%3[Dd]|=|&command=))[^&#]+"
)

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def suspicious(body: bytes) -> bool:
    """Whether a body may hold a credential: a quick look that is right where it says no."""
    return _hint.search(body) is not None


def in_text(text: str) -> str:
    """The text without tokens and private keys."""
    return str(_token.sub(MARK, text))


def in_address(address: str) -> str:
    """A request address without the values of parameters such as `token=`, and without tokens."""
    path, mark, query = address.partition("?")
    if not mark or _harmless(query.lower()):
        return in_text(path) + mark + query if "eyJ" in path else address
    return in_text(_parameter.sub(rf"\1{MARK}", address))


def _harmless(query: str) -> bool:
    """Whether a query has nothing of what `_parameter` and `_token` look for; a loop would cost more than the search."""
    return not (
        "oken" in query or "pass" in query or "pwd=" in query or "secret" in query or "key" in query
        or "auth" in query or "sig" in query or "eyj" in query or "bearer" in query or "basic" in query
    )  # fmt: skip


def blank(value: Any) -> Any:
    """The same members and items with every value replaced: what holds secrets, and nothing else."""
    if isinstance(value, dict):
        return {name: blank(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [blank(item) for item in value]
    return value if value is None else MARK


def clean(value: Any) -> Any:
    """A decoded body without credentials: values of variables and members by their names, tokens by their form."""
    if isinstance(value, str):
        return in_text(value)
    if isinstance(value, list):
        return [clean(item) for item in value]
    if not isinstance(value, dict):
        return value
    cleaned = {name: _member(name, inner) for name, inner in value.items()}
    name, held = value.get("name"), value.get("value")
    if isinstance(held, str) and held and isinstance(name, str) and _is_name.search(name):
        cleaned["value"] = MARK
    return cleaned


def _member(name: str, value: Any) -> Any:
    if isinstance(value, str) and value:
        if _is_member.fullmatch(name):
            return MARK
        if name == _APPLIED:
            return _applied(value)
    return clean(value)


def _applied(text: str) -> str:
    """An object that stands as text in an annotation."""
    try:
        return msgspec.json.encode(clean(msgspec.json.decode(text))).decode()
    except (ValueError, RecursionError):
        return redact_text(text.encode()).decode()


def redact_text(raw: bytes) -> bytes:
    """A record that nobody could decode, without whatever looks like a credential in it. What was JSON stays JSON."""
    raw = _raw_token.sub(MARK.encode(), raw)
    stores = b"ecret" in raw or b"configmaps" in raw
    for level in _LEVELS:
        raw = level.value.sub(level.put, raw)
        if stores:
            raw = level.data.sub(level.blank, raw)
    return raw


class _Level:
    """The patterns for a text by itself (0), and for one that stands inside another text (1)."""

    def __init__(self, quote: str, inside: str) -> None:
        before = r"(?:^|[^\\])"
        text = rf"{quote}(?:{inside})*(?:{quote}|$)"
        pair = (
            rf"{quote}name{quote}\s*:\s*{quote}[^\"\\]*(?:{_NAMES})[^\"\\]*{quote}\s*,\s*{quote}value{quote}"
        )
        member = rf"{quote}(?:{_MEMBERS}){quote}"
        stores = rf"{quote}(?:data|stringData|binaryData){quote}\s*:\s*\{{"
        self.quote = quote.replace("\\\\", "\\").encode()
        self.value = re2.compile(rf"({before}(?i:{pair}|{member})\s*:\s*){text}".encode())
        self.data = re2.compile(rf"({before}{stores})((?:[^\"{{}}\\]|{text})*)".encode())
        self.item = re2.compile(rf"(:\s*){text}".encode())

    def put(self, found: Any) -> bytes:
        """The value that was found, replaced."""
        start: bytes = found[1]
        return start + self.quote + MARK.encode() + self.quote

    def blank(self, found: Any) -> bytes:
        """The members that were found, each with its value replaced."""
        start: bytes = found[1]
        return start + bytes(self.item.sub(self.put, found[2]))


_LEVELS = (
    _Level(r'"', r'[^"\\]|\\.'),
    _Level(r'\\"', r'[^"\\]|\\\\\\"|\\\\\\\\|\\\\[^"\\]|\\[^"\\]'),
)
