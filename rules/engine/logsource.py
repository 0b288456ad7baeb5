"""Which records a rule is about: Sigma's product, service and category, and our datasets in those words."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from event_model.event import Event


class Logsource(Struct, frozen=True):
    """What is left out fits anything."""

    product: str = ""
    service: str = ""
    category: str = ""

    def takes(self, source: Logsource) -> bool:
        """Whether records of this source are what a rule with this logsource asks for."""
        return all(
            not wanted or wanted == given
            for wanted, given in (
                (self.product, source.product),
                (self.service, source.service),
                (self.category, source.category),
            )
        )


KUBERNETES = "kubernetes.audit_logs"
DOCKER = "docker.events"
LOGS = ("kubernetes.container_logs", "docker.container_logs")
RECORD = ""  # a record of any shape, without a logsource: tried against every rule

SOURCES: dict[str, Logsource] = {
    KUBERNETES: Logsource("kubernetes", "audit", "application"),
    DOCKER: Logsource("docker", "events", "application"),
    LOGS[0]: Logsource("kubernetes", "container_logs", "application"),
    LOGS[1]: Logsource("docker", "container_logs", "application"),
}


def logsource_of(definition: dict[str, Any]) -> Logsource:
    """The `logsource:` of a rule; case does not count."""
    return Logsource(*(str(definition.get(key) or "").lower() for key in ("product", "service", "category")))


def datasets(logsource: Logsource) -> list[str]:
    """Our datasets whose events a rule with this logsource can meet."""
    return [dataset for dataset, source in SOURCES.items() if logsource.takes(source)]


def dataset_of(event: Event) -> str:
    """The dataset by which rules are chosen; RECORD for one that no logsource names."""
    return event.dataset if event.dataset in SOURCES else RECORD
