"""The one shape of a Kubernetes API request: audit.k8s.io/v1, with JSON's own names as attributes.

Records of every provider become an `Audit`, so that a rule written for one fires on all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from collector import lenient
from event_model.errors import Unreadable

ABSENT = Raw(b"")  # a body that the record does not hold
DECISION = "authorization.k8s.io/decision"
REASON = "authorization.k8s.io/reason"
TRUNCATED = "audit.k8s.io/truncated"

Code = Annotated[int, Meta(ge=0, le=999)]
T = TypeVar("T")


# Fields stand in the order in which a kube-apiserver writes them: that is the fastest to decode.
# Without cycles there is nothing for the garbage collector to look at.


class User(Struct, frozen=True, gc=False, omit_defaults=True):
    """Who asked, or who was impersonated."""

    username: str = ""
    uid: str = ""
    groups: list[str] = []
    extra: Raw = ABSENT  # an object: name -> list of strings


class ObjectRef(Struct, frozen=True, gc=False, omit_defaults=True):
    """What was asked for; a path outside the API has none."""

    resource: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    apiGroup: str = ""
    apiVersion: str = ""
    resourceVersion: str = ""
    subresource: str = ""


class Status(Struct, frozen=True, gc=False, omit_defaults=True):
    """How it ended."""

    status: str = ""
    message: str = ""
    reason: str = ""
    code: Code | None = None


class Audit(Struct, frozen=True, gc=False, omit_defaults=True):
    """One stage of one request. Text is empty, and bodies are `ABSENT`, where the record says nothing."""

    kind: str = ""
    apiVersion: str = ""
    level: str = ""
    auditID: str = ""
    stage: str = ""
    requestURI: str = ""
    verb: str = ""
    user: User | None = None
    impersonatedUser: User | None = None
    sourceIPs: list[str] = []
    userAgent: str = ""
    objectRef: ObjectRef | None = None
    responseStatus: Status | None = None
    requestObject: Raw = ABSENT
    responseObject: Raw = ABSENT
    requestReceivedTimestamp: str = ""
    stageTimestamp: str = ""
    annotations: dict[str, str] = {}
    timestamp: str = ""  # of versions before stageTimestamp

    def __reduce__(self) -> tuple[Callable[[bytes], Audit], tuple[bytes]]:
        # as text: a copied `ABSENT` would no longer be the one that encoding leaves out
        return decode, (msgspec.json.encode(self),)


class UserBrief(Struct, frozen=True, gc=False):
    username: str = ""
    groups: list[str] = []


class ObjectBrief(Struct, frozen=True, gc=False):
    resource: str = ""
    namespace: str = ""
    name: str = ""
    apiGroup: str = ""
    subresource: str = ""


class StatusBrief(Struct, frozen=True, gc=False):
    code: Code | None = None


class Brief(Struct, frozen=True, gc=False):
    """As much of a request as tells whether any rule could want it, under the same names as in `Audit`."""

    stage: str = ""
    verb: str = ""
    user: UserBrief | None = None
    impersonatedUser: UserBrief | None = None
    userAgent: str = ""
    objectRef: ObjectBrief | None = None
    responseStatus: StatusBrief | None = None
    requestObject: Raw = ABSENT  # only whether there is one is of interest, as of the next two
    responseObject: Raw = ABSENT
    annotations: dict[str, str] = {}


typed = msgspec.json.Decoder(Audit).decode  # looks into no body, not even for valid UTF-8
_brief = msgspec.json.Decoder(Brief).decode


def decode(raw: bytes) -> Audit:
    """The record, if every part has its right type. Raises ValueError or RecursionError."""
    if not raw.isascii():
        raw.decode()  # bodies are not looked into, but must be UTF-8 for whoever does
    return typed(raw)


def read(raw: bytes) -> tuple[Audit, tuple[str, ...]]:
    """The record as far as it can be known, and the paths of its malformed parts. Raises Unreadable."""
    malformed: tuple[str, ...] = ()
    try:
        audit = decode(raw)
    except (ValueError, RecursionError):
        audit, malformed = lenient.read(raw, Audit)
    if not audit.stage and not audit.auditID and not audit.requestURI:
        raise Unreadable("no audit event: it has neither stage nor auditID nor requestURI")
    return audit, malformed


def peek(raw: bytes) -> Brief | None:
    """The few fields of an ordinary record; None where only a whole decode can tell."""
    try:
        brief = _brief(raw)
    except (ValueError, RecursionError):
        return None
    return brief if brief.stage and brief.verb else None


def absent(body: Raw) -> bool:
    """Whether there is no body: left out, or null."""
    return len(body) < 5 and bytes(body) in (b"", b"null")


def parse(body: Raw | bytes, kind: type[T]) -> T | None:
    """A body as `kind`, or None where it is absent or of another shape."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (ValueError, RecursionError):
        return None
