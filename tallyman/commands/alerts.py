"""List alerts, look at one, and decide about them."""

from __future__ import annotations

import getpass
from typing import Any

import click

from tallyman.opening import bound, now, opened
from tallyman.output import emit, number, severity, table, talk

REASONS = ["true_positive", "benign_positive", "false_positive", "duplicate", "automated_closure", "other"]


@click.group(help=__doc__)
def command() -> None:
    pass


@command.command("list")
@click.option(
    "--status",
    type=click.Choice(["open", "acknowledged", "closed", "all"]),
    default="open",
    show_default=True,
)
@click.option(
    "--severity",
    "at_least",
    type=click.Choice(["low", "medium", "high", "critical"]),
    default="low",
    show_default=True,
    help="At least.",
)
@click.option("--rule", help="Of this rule only (file name or Sigma id).")
@click.option("--user", help="Of this user only.")
@click.option("--since")
@click.option("--until")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Alert documents, one a line.")
@click.pass_context
def listed(
    context: click.Context,
    status: str,
    at_least: str,
    rule: str | None,
    user: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Newest first."""
    with opened(context) as store:
        page = store.database.alerts.listed(
            status=None if status == "all" else status, severity=at_least, rule=rule, user=user,
            since=bound(since), until=bound(until), limit=limit, after=None,
        )  # fmt: skip
        if as_json:
            for row in page.alerts:
                emit(store.database.alerts.show(row["id"])["document"])
            return
    rows = (
        [
            row["id"][:8],
            row["start"][:19].replace("T", " "),
            severity(row["severity"]),
            row["count"],
            row["status"],
            row["rule_name"],
            row["reason"],
        ]
        for row in page.alerts
    )
    table("", ["id", "first", "severity", "n", "status", "rule", "what happened"], rows)
    if not context.obj["quiet"]:
        more = " More with --limit." if page.after else ""
        talk().print(
            f"{number(len(page.alerts), 'alert')}.{more} Next: tallyman alerts show ID",
            style="dim",
            markup=False,
            soft_wrap=True,
        )


@command.command()
@click.argument("id")
@click.option("--json", "as_json", is_flag=True, help="The alert document.")
@click.pass_context
def show(context: click.Context, id: str, as_json: bool) -> None:
    """One alert: what, why, by which rule, and what was decided. The beginning of its id is enough."""
    from tallyman.explaining import evidence

    with opened(context) as store:
        alert = _known(store.database.alerts.show, id)
    if as_json:
        emit(alert["document"])
        return
    rule = alert["document"]["kibana"]["alert"]["rule"]
    facts = {
        "alert": alert["id"], "severity": alert["severity"], "status": alert["status"], "matches": alert["count"],
        "first": alert["start"], "last": alert["end"], "rule": f"{rule['name']} ({rule['rule_id']})",
        "techniques": ", ".join(alert["document"].get("threat", {}).get("technique", {}).get("id", [])),
        "controls": ", ".join(alert["document"].get("tallyman", {}).get("alert", {}).get("controls", [])),
        "ordinary when": "; ".join(rule.get("false_positives", [])),
    }  # fmt: skip
    click.echo(alert["reason"] + "\n")
    for name, value in facts.items():
        if value not in ("", None):
            click.echo(f"  {name:14} {value}")
    click.echo(f"\n  {rule.get('description', '')}\n")
    ours = alert["document"].get("tallyman", {}).get("alert", {})
    for field, value in ours.get("matched", {}).items():
        click.echo(f"  matched        {field} = {value}")
    for line in evidence(ours.get("evidence", {})):
        click.echo(f"  {line}")
    for row in alert["history"]:
        click.echo(
            f"  {row['time'][:19]} {row['user']} {row['action']} {row['reason'] or ''} {row['note'] or ''}"
        )
    user = alert["document"].get("user", {}).get("name")
    if user:
        click.echo(f"\nNext: tallyman timeline 'user:\"{user}\"' --around {alert['start']}", err=True)


@command.command()
@click.argument("ids", nargs=-1, required=True)
@click.option("--note", default="")
@click.pass_context
def ack(context: click.Context, ids: tuple[str, ...], note: str) -> None:
    """Say that someone is looking at them."""
    _decide(context, ids, "acknowledge", None, note)


@command.command()
@click.argument("ids", nargs=-1, required=True)
@click.option("--reason", type=click.Choice(REASONS), required=True)
@click.option("--note", default="")
@click.option(
    "--for", "scope", type=click.Choice(["entity", "group"]), default="entity", show_default=True,
    help="Of a detector's alert: for whom the verdict counts, the entity or its whole group of peers.",
)  # fmt: skip
@click.pass_context
def close(context: click.Context, ids: tuple[str, ...], reason: str, note: str, scope: str) -> None:
    """Say that nothing is left to do, and why.

    The behaviour detectors learn of it: what was unusual in a benign_positive or false_positive alert is no news
    any more, for the entity or, with --for group, for all of its peers; what was so in a true_positive one stays
    news. That counts for a time (detectors.feedback, 30 days unless set) or until the alert is reopened.
    """
    _decide(context, ids, "close", reason, note, scope)


@command.command()
@click.argument("ids", nargs=-1, required=True)
@click.option("--note", default="")
@click.pass_context
def reopen(context: click.Context, ids: tuple[str, ...], note: str) -> None:
    """Take a decision back."""
    _decide(context, ids, "reopen", None, note)


def _decide(
    context: click.Context,
    ids: tuple[str, ...],
    action: str,
    reason: str | None,
    note: str,
    scope: str = "entity",
) -> None:
    with opened(context) as store:
        changed = _known(
            store.database.alerts.decide,
            list(ids),
            action,
            user=getpass.getuser(),
            reason=reason,
            note=note,
            now=now(),
            version=None,
            scope=scope,
        )
        store.database.audit.log(getpass.getuser(), f"{action} alerts", {"ids": list(ids)}, now())
    click.echo(f"{changed} changed", err=True)


def _known(ask: Any, *args: Any, **named: Any) -> Any:
    """The answer, with an unknown id as a usage error."""
    from store.alerts import Changed, Unknown

    try:
        return ask(*args, **named)
    except (Unknown, Changed) as error:
        raise click.UsageError(str(error)) from None
