"""What only the address or the bodies of a request tell: commands, images, whom a binding empowers, names given."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qsl

from msgspec import Struct

from collector.kubernetes.audit import ABSENT, Audit, absent, parse
from event_model.ready import ready

MOST_WORDS = 1000  # of a command, and of images


class Details(NamedTuple):
    """Everything may be missing."""

    name: str | None = None  # that the server made, for generateName
    container: str | None = None
    command_line: str | None = None
    args: tuple[str, ...] = ()
    interactive: bool | None = None
    images: tuple[str, ...] = ()
    target: str | None = None


PLAIN_DETAILS = Details()


class Meta(Struct, frozen=True, gc=False):
    name: str = ""


class Written(Struct, frozen=True, gc=False):
    """What every object has."""

    kind: str = ""
    metadata: Meta = Meta()


class Subject(Struct, frozen=True, gc=False):
    kind: str = ""
    name: str = ""
    namespace: str = ""


class RoleRef(Struct, frozen=True, gc=False):
    kind: str = ""
    name: str = ""


class Binding(Written, frozen=True, gc=False):
    """A RoleBinding or ClusterRoleBinding, as far as it is of interest."""

    subjects: list[Subject] | None = None
    roleRef: RoleRef = RoleRef()


class Container(Struct, frozen=True, gc=False):
    image: str = ""


class PodSpec(Struct, frozen=True, gc=False):
    containers: list[Container] | None = None
    initContainers: list[Container] | None = None
    ephemeralContainers: list[Container] | None = None


class PodTemplate(Struct, frozen=True, gc=False):
    spec: PodSpec | None = None


class JobSpec(Struct, frozen=True, gc=False):
    template: PodTemplate | None = None


class JobTemplate(Struct, frozen=True, gc=False):
    spec: JobSpec | None = None


class WorkloadSpec(Struct, frozen=True, gc=False):
    """Whatever kind it is: a pod has its containers here, a workload its template, a cron job a template of those."""

    containers: list[Container] | None = None
    initContainers: list[Container] | None = None
    ephemeralContainers: list[Container] | None = None
    template: PodTemplate | None = None
    jobTemplate: JobTemplate | None = None


class Workload(Written, frozen=True, gc=False):
    spec: WorkloadSpec | None = None
    template: PodTemplate | None = None  # of a PodTemplate object


ready(Binding, Workload, Written)


def connection(audit: Audit) -> Details:
    """exec, attach, port-forward and log: all that they say stands in the address."""
    return _connection(
        audit.requestURI, bool(audit.objectRef and audit.objectRef.subresource in ("exec", "attach"))
    )


@lru_cache(maxsize=1024)  # both stages of one request have the same address
def _connection(uri: str, runs: bool) -> Details:
    container: str | None = None
    args: list[str] = []
    flags: set[str] = set()
    for name, value in parse_qsl(uri.partition("?")[2], keep_blank_values=True, errors="replace"):
        if name == "command" and len(args) < MOST_WORDS:
            args.append(value)
        elif name == "container":
            container = value or None
        elif value in ("true", "1"):
            flags.add(name)
    interactive = {"stdin", "tty"} <= flags if runs else None
    line = " ".join(args) if args else None
    return Details(None, container, line, tuple(args), interactive)


def binding(audit: Audit) -> Details:
    """Whom a RoleBinding or ClusterRoleBinding gives its role: the first of its subjects."""
    bound = written(audit, Binding)
    if bound is None:
        return PLAIN_DETAILS
    target = next((account(subject) for subject in bound.subjects or () if subject.name), None)
    return Details(name=_given(audit, bound.metadata), target=target)


def account(subject: Subject) -> str:
    """A subject as its requests name it."""
    if subject.kind == "ServiceAccount":
        return f"system:serviceaccount:{subject.namespace}:{subject.name}"
    return subject.name


def token(audit: Audit) -> Details:
    """Whose token a TokenRequest asks for."""
    ref = audit.objectRef
    return Details(target=f"system:serviceaccount:{ref.namespace}:{ref.name}") if ref else PLAIN_DETAILS


def workload(audit: Audit) -> Details:
    """The images of a pod, or of the pods that a workload will make."""
    made = written(audit, Workload)
    if made is None:
        return PLAIN_DETAILS
    return Details(name=_given(audit, made.metadata), images=_images(made))


def created(audit: Audit) -> Details:
    """The name that the server gave a new object."""
    if audit.objectRef is None or audit.objectRef.name:
        return PLAIN_DETAILS
    made = written(audit, Written)
    return Details(name=_given(audit, made.metadata)) if made else PLAIN_DETAILS


W = TypeVar("W", bound=Written)


def written(audit: Audit, kind: type[W]) -> W | None:
    """The object as it stands after the request: the answer for a patch or a name made by the server, else what was sent."""
    if audit.requestObject is ABSENT and audit.responseObject is ABSENT:  # most records hold neither
        return None
    patched = audit.verb == "patch" or (audit.objectRef is not None and not audit.objectRef.name)
    bodies = (
        (audit.responseObject, audit.requestObject)
        if patched
        else (audit.requestObject, audit.responseObject)
    )
    for body in bodies:
        if not absent(body):
            found = parse(body, kind)
            if found is not None and found.kind != "Status":  # the answer to what was refused
                return found
    return None


def _given(audit: Audit, metadata: Meta) -> str | None:
    return (metadata.name or None) if audit.objectRef and not audit.objectRef.name else None


def _images(made: Workload) -> tuple[str, ...]:
    spec = made.spec
    if spec is None:
        pods = made.template.spec if made.template else None
    elif spec.jobTemplate and spec.jobTemplate.spec and spec.jobTemplate.spec.template:
        pods = spec.jobTemplate.spec.template.spec
    elif spec.template:
        pods = spec.template.spec
    else:
        return _unique(spec)
    return _unique(pods) if pods else ()


def _unique(spec: PodSpec | WorkloadSpec) -> tuple[str, ...]:
    kinds = (spec.containers, spec.initContainers, spec.ephemeralContainers)
    images = dict.fromkeys(each.image for some in kinds for each in some or () if each.image)
    return tuple(images)[:MOST_WORDS]
