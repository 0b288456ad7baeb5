"""What container logs of every runtime have in common: where the file's path says they come from, and their events."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from re import compile

from msgspec import Struct

from event_model.event import Event, Origin, Record

# what a replica set, a job or a stateful set adds to a name: hash and suffix, time and suffix, number
_GENERATED = compile(
    r"(?:-[bcdf-hj-np-tv-z2-9]{8,10}|-[0-9]{8,10})?-[bcdf-hj-np-tv-z2-9]{5}$|-[bcdf-hj-np-tv-z2-9]{8,10}$|-[0-9]+$"
)

# /var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log, also rotated and packed
_POD = compile(r"(?:^|/)([a-z0-9-]+)_([a-z0-9.-]+)_[0-9A-Za-z-]+/([a-z0-9-]+)/\d+\.log[^/]*$")
# /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log
_LINK = compile(r"(?:^|/)([a-z0-9.-]+)_([a-z0-9-]+)_([a-z0-9-]+)-([0-9a-f]{64})\.log[^/]*$")
# /var/lib/docker/containers/ID/ID-json.log
_DOCKER = compile(r"(?:^|/)([0-9a-f]{64})-json\.log[^/]*$")


class Place(Struct, frozen=True):
    """The container that a log file belongs to, as far as its path tells."""

    namespace: str | None = None
    pod: str | None = None
    container: str | None = None
    container_id: str | None = None


NOWHERE = Place()


@lru_cache(maxsize=4096)
def place(path: str) -> Place:
    """The container that a log file of this path belongs to."""
    if found := _LINK.search(path):
        return Place(found[2], found[1], found[3], found[4])
    if found := _POD.search(path):
        return Place(found[1], found[2], found[3])
    if found := _DOCKER.search(path):
        return Place(container_id=found[1])
    return NOWHERE


def workload(namespace: str, pod: str, container: str) -> str:
    """A container by what stays when its pod is replaced: `prod/api/app` of the pod api-7f9c6d5b8d-x2x4z."""
    return f"{namespace}/{_GENERATED.sub('', pod)}/{container}".strip("/")


def build(
    record: Record,
    origin: Origin,
    sentence: Callable[[Event], str],
    timestamp: str,
    stream: str | None,
    labels: dict[str, str] | None,
    container_labels: dict[str, str] | None = None,
    pods: bool = False,
) -> Event:
    """The event of one line that a container wrote; `pods`: it is one of Kubernetes whatever the path says."""
    where = place(origin.path)
    module = "kubernetes" if pods or where.pod else "docker"
    return Event(
        record, origin, {}, sentence, timestamp, f"{module}.container_logs", module,
        cluster=origin.cluster or None,
        orchestrator="kubernetes" if module == "kubernetes" else None,
        namespace=where.namespace,
        resource_type="pods" if where.pod else None,
        resource_name=where.pod,
        container_id=where.container_id, container_name=where.container, container_labels=container_labels,
        pod_name=where.pod, stream=stream, labels=labels, repeats=True,
    )  # fmt: skip
