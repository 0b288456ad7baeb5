"""Who did what to an object: by whom, when, with which command."""

from __future__ import annotations

import click

from tallyman.opening import bound, opened
from tallyman.output import emit, table

SHORT = {
    "po": "pods", "pod": "pods", "deploy": "deployments", "deployment": "deployments", "svc": "services", "service": "services",
    "cm": "configmaps", "configmap": "configmaps", "secret": "secrets", "sa": "serviceaccounts", "serviceaccount": "serviceaccounts",
    "ns": "namespaces", "namespace": "namespaces", "no": "nodes", "node": "nodes", "ds": "daemonsets", "daemonset": "daemonsets",
    "sts": "statefulsets", "statefulset": "statefulsets", "rs": "replicasets", "job": "jobs", "cj": "cronjobs", "cronjob": "cronjobs",
    "ing": "ingresses", "ingress": "ingresses", "netpol": "networkpolicies", "role": "roles", "rolebinding": "rolebindings",
    "clusterrole": "clusterroles", "clusterrolebinding": "clusterrolebindings", "pvc": "persistentvolumeclaims", "pv": "persistentvolumes",
}  # fmt: skip
READS = "not verb:(get or list or watch)"


@click.command(
    help=__doc__
    + "\n\n\b\n  tallyman who secrets/db-password -n shop\n  tallyman who deploy/payments -n prod --since 7d --reads"
)
@click.argument("resource")
@click.option("-n", "--namespace", help="Namespace of the object.")
@click.option("--since", help="From then on.")
@click.option("--until", help="Before then.")
@click.option(
    "--reads/--no-reads", default=None, help="Reads too (default: for secrets, and where no name is given)."
)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def command(
    context: click.Context, resource: str, namespace: str | None, since: str | None, until: str | None,
    reads: bool | None, limit: int, as_json: bool,
) -> None:  # fmt: skip
    from collector.commands import command as command_of
    from store.query import parse

    query = who_query(resource, namespace, reads)
    with opened(context) as store:
        found = store.events.search(
            parse(query), since=bound(since), until=bound(until), limit=limit, after=None, oldest_first=False
        )
    rows = [
        {"time": event.timestamp, "user": event.user_name, "as": event.user_effective, "action": event.action, "outcome": event.outcome,
         "from": event.source_ip, "message": event.message, "command": command_of(event), "id": event.record.hash()}
        for event in found.events
    ]  # fmt: skip
    if as_json:
        for row in rows:
            emit(row)
    else:
        shown = (
            (
                str(row["time"])[:19].replace("T", " "),
                row["user"] or "",
                row["outcome"],
                row["from"] or "",
                row["command"] or row["message"],
            )
            for row in rows
        )
        table("", ["time", "who", "outcome", "from", "as a command"], shown)
        if not rows and not context.obj["quiet"]:
            hint = "Add --reads?" if READS in query else "An earlier --since, or another -n NAMESPACE?"
            click.echo(f"Nobody touched it, as far as was recorded ({query}). {hint}", err=True)


def who_query(resource: str, namespace: str | None, reads: bool | None = None) -> str:
    """The search for an object written as kubectl takes it: `secrets/db`, `deploy/api`, `pods`."""
    kind, _, name = resource.partition("/")
    kind = SHORT.get(kind.lower(), kind.lower())
    parts = [f'resource:"{kind}"']
    if name:
        parts.append(f'name:"{name}"')
    if namespace:
        parts.append(f'ns:"{namespace}"')
    if not (reads if reads is not None else kind == "secrets" or not name):
        parts.append(READS)
    return " and ".join(parts)
