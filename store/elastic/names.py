"""The names of everything that we have in a cluster, from one namespace."""

from __future__ import annotations

import re

from msgspec import Struct

from event_model.errors import ConfigError

DEAD_LETTERS = "tallyman.dead_letters"
OTHER = "tallyman.other"
# A data stream each; the names of Elastic's own integrations where it has one. What a JSON record claims to be
# beyond these goes to OTHER: whoever writes logs must not make streams.
DATASETS = (
    "aws.cloudtrail", "aws.ecs", "azure.platformlogs", "docker.container_logs", "docker.events", "falco.alerts",
    "gcp.audit", "istio.access_logs", "kafka.log", "kubernetes.audit_logs", "kubernetes.container_logs",
    "kubernetes.events", "linkerd.access", "rabbitmq.log", "tetragon.events", OTHER, DEAD_LETTERS,
)  # fmt: skip
_KNOWN = frozenset(DATASETS)

# component templates and index templates; without `@`, which is Elastic's
SETTINGS = "tallyman-settings"
MAPPINGS = "tallyman-mappings"
CUSTOM = "tallyman-custom"  # the user's: named, and never written
ECS = "ecs@mappings"  # the server's, where it has one
STREAMS_TEMPLATE = "tallyman-logs"
ALERTS_TEMPLATE = "tallyman-alerts"
STATE_TEMPLATE = "tallyman-state"
AUDIT_TEMPLATE = "tallyman-audit"


class Names(Struct, frozen=True):
    """`Names("default").stream("docker.events")` is `logs-docker.events-default`."""

    namespace: str = "default"

    def stream(self, dataset: str) -> str:
        """The data stream that events of a dataset go to."""
        return f"logs-{known(dataset)}-{self.namespace}"

    @property
    def streams(self) -> tuple[str, ...]:
        """All data streams, there or not."""
        return tuple(f"logs-{dataset}-{self.namespace}" for dataset in DATASETS)

    @property
    def alerts(self) -> str:
        """The alias under which alerts are read and written; behind it are indices that roll over."""
        return f"tallyman-alerts-{self.namespace}"

    @property
    def first_alerts(self) -> str:
        """The first index behind that alias."""
        return f"{self.alerts}-000001"

    @property
    def state(self) -> str:
        """The index of what changes: tokens, counters."""
        return f"tallyman-state-{self.namespace}"

    @property
    def audit(self) -> str:
        """The index of our own audit log."""
        return f"tallyman-audit-{self.namespace}"


def policy(ours: Names) -> str:
    """The lifecycle policy (ILM), where the server has no lifecycle for data streams."""
    return f"tallyman-retention-{ours.namespace}"


def known(dataset: str) -> str:
    """The dataset whose data stream takes events of this one."""
    return dataset if dataset in _KNOWN else OTHER


def checked(namespace: str) -> Names:
    """Raises ConfigError unless data streams may be named so."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.]{0,99}", namespace):
        raise ConfigError(
            f"store.elasticsearch.namespace: {namespace!r}: up to 100 lower-case letters, digits, _ and dots"
        )
    return Names(namespace)
