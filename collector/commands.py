"""Say with which command someone would do the same: kubectl for Kubernetes, docker for Docker."""

from __future__ import annotations

from event_model.event import Event


def command(event: Event) -> str:
    """The kubectl or docker command that does the same, to copy; empty where there is none."""
    if event.dataset == "kubernetes.audit_logs":
        from collector.kubernetes.kubectl import command as kubectl

        return kubectl(event)
    if event.dataset == "docker.events":
        from collector.docker.cli import command as docker

        return docker(event)
    return ""
