"""What the bodies of some requests ask for, in so far as a sentence or a command needs it."""

from __future__ import annotations

from typing import TypeVar

from msgspec import Struct

from collector.kubernetes.audit import Audit, parse
from collector.kubernetes.details import Written, written
from event_model.event import Event
from event_model.ready import ready

W = TypeVar("W", bound=Written)


class ScaleSpec(Struct, frozen=True, gc=False):
    replicas: int | None = None


class Scale(Written, frozen=True, gc=False):
    spec: ScaleSpec = ScaleSpec()


class Asked(Struct, frozen=True, gc=False):
    """A right, of a resource or of a path."""

    verb: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


class Question(Struct, frozen=True, gc=False):
    user: str = ""
    resourceAttributes: Asked | None = None
    nonResourceAttributes: Asked | None = None


class Review(Written, frozen=True, gc=False):
    """A SubjectAccessReview or its like."""

    spec: Question = Question()


class Condition(Struct, frozen=True, gc=False):
    type: str = ""


class Conditions(Struct, frozen=True, gc=False):
    conditions: list[Condition] | None = None


class Approval(Written, frozen=True, gc=False):
    status: Conditions = Conditions()


class NodeSpec(Struct, frozen=True, gc=False):
    unschedulable: bool | None = None


class Node(Written, frozen=True, gc=False):
    spec: NodeSpec = NodeSpec()


class Target(Struct, frozen=True, gc=False):
    name: str = ""


class Assignment(Written, frozen=True, gc=False):
    target: Target = Target()


ready(Node, Assignment, Scale, Review, Approval)


def replicas(event: Event) -> int | None:
    """How many a scale request asks for."""
    found = _written(event, Scale)
    return found.spec.replicas if found else None


def question(event: Event) -> tuple[str, Asked]:
    """Whom an access review asks about ("" = the caller), and which right."""
    found = _written(event, Review)
    asked = found.spec if found else Question()
    return asked.user, asked.resourceAttributes or asked.nonResourceAttributes or Asked()


def verdict(event: Event) -> str:
    """`approve` or `deny`, where it can be known what was decided on a certificate request."""
    found = _written(event, Approval)
    types = {condition.type for condition in (found.status.conditions or () if found else ())}
    return "deny" if "Denied" in types else "approve" if "Approved" in types else ""


def cordon(event: Event) -> bool | None:
    """Whether a patch takes a node out of use (True) or back into it (False); None where it is about other things."""
    if event.action != "patch" or not isinstance(event.native, Audit):
        return None
    found = parse(event.native.requestObject, Node)
    return found.spec.unschedulable if found else None


def restarts(event: Event) -> bool:
    """Whether a patch is what `kubectl rollout restart` sends."""
    return (
        event.action == "patch"
        and isinstance(event.native, Audit)
        and b'"kubectl.kubernetes.io/restartedAt"' in bytes(event.native.requestObject)
    )


def assigned(event: Event) -> str:
    """The node that a pod was given to."""
    found = parse(event.native.requestObject, Assignment) if isinstance(event.native, Audit) else None
    return found.target.name if found else ""


def _written(event: Event, kind: type[W]) -> W | None:
    return written(event.native, kind) if isinstance(event.native, Audit) else None
