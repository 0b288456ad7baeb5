"""Matches as the rule engine would make them, for the tests of this folder."""

from datetime import UTC, datetime, timedelta

from event_model.alert import Match, RuleInfo
from event_model.event import Event, Origin, Record

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NOW = NINE.timestamp() + 30
RULE = RuleInfo(
    uuid="1f2b7a3c-0000-4000-8000-000000000001",
    rule_id="secret_read",
    name="Secret read",
    level="high",
    group_by=("user.name", "orchestrator.namespace"),
)


def event(minute: float = 0, *, user: str = "alice", cluster: str = "prod", text: str = "") -> Event:
    moment = (NINE + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
    raw = f"{user} {cluster} {minute} {text}".encode()
    return Event(
        Record(raw), Origin("audit", "kubernetes_audit", cluster=cluster), {}, lambda event: "a sentence",
        moment, "kubernetes.audit_logs", user_name=user, namespace="shop", cluster=cluster,
    )  # fmt: skip


def match(
    minute: float = 0, *, user: str = "alice", cluster: str = "prod", text: str = "", rule: RuleInfo = RULE
) -> Match:
    """Someone reads a secret, so many minutes after nine."""
    happened = event(minute, user=user, cluster=cluster, text=text)
    return Match(rule, (happened,), f"{user} read a secret", {"verb": "get"}, (user, "shop"))


def rule(name: str, level: str = "high") -> RuleInfo:
    return RuleInfo(
        uuid=f"uuid-of-{name}", rule_id=name, name=name.title(), level=level, group_by=("user.name",)
    )


def unusual(minute: float, score: float, *terms: str, level: str = "medium", user: str = "alice") -> Match:
    """A detector finds that someone does these for the first time; each is worth ten nats."""
    evidence = {
        "score": score,
        "risk": min(100, round(4 * score)),
        "terms": [
            {"facet": "action", "value": term, "nats": 10.0, "text": f"first {term}"} for term in terms
        ],
    }
    happened = event(minute, user=user, text=", ".join(terms))
    return Match(rule("unusual", level), (happened,), f"{user}: {', '.join(terms)}", {}, (user,), evidence)
