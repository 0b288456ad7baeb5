"""The shipped rules stay quiet on ordinary traffic, and find the intruder of the sample day."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.scanning import Alarm, acts, alarms, kinds, records

ADDON = "add-on with cluster-wide rights"
WILDCARDS = "add-on with cluster-wide rights (wildcards)"
OWNER = "clusterrolebinding to cluster-admin"
# What may be told, above low, of an act that is sensitive but legitimate: only what kind of act it is.
FITTING: dict[str, set[str]] = {
    "k8s_cluster_admin_binding": {OWNER},
    "k8s_sa_bound_to_clusterrole": {OWNER, ADDON, WILDCARDS},
    "k8s_role_wildcard": {WILDCARDS},
    "k8s_role_escalation_verbs": {ADDON},
    "k8s_role_node_proxy": {ADDON},
    "k8s_role_secrets_read": {ADDON, WILDCARDS},
    "k8s_role_token_create": {ADDON},
    "k8s_role_webhook_write": {ADDON},
    "k8s_bootstrap_token_secret": {"bootstrap token and node rights"},
    "k8s_generic_admin_used": {"bootstrap token deleted", "exec in kube-system"},
    "k8s_csr_created_or_approved": {"client certificate for a person"},
    "k8s_tokenrequest": {"token request"},
    "k8s_ephemeral_container": {"ephemeral container"},
    "k8s_events_deleted": {"events deleted"},
    "k8s_exec_in_pod": {"exec", "exec in kube-system"},
    "k8s_exec_kube_system": {"exec in kube-system"},
}

# Acts of the intruder of which no single record tells more than an ordinary one does, and why.
UNTOLD: dict[str, dict[str, str]] = {
    "kubernetes_audit": {
        "anonymous request": "a probe asks the same of /version; a refusal alone is everyday",
        "failed login": "one 401 is an expired token; many of them are a matter of counting",
        "permission discovery": "people and programs ask for their own rights all day: low",
        "refused request": "one 403 is a mistake; a burst of them is a matter of counting",
        "reconnaissance": "plain lists",
        "secret read": "an account that may, reads one secret; several in minutes are a matter of counting",
        "port-forward": "low: developers do it all day",
        "service account created": "no right comes with it; what is bound to it is told",
        "anonymous unbound": "takes a right away; giving it was told",
        "long-lived token": "the type is in the body, which the log leaves out",
        "config maps listed in all namespaces": "controllers do; nothing secret belongs there",
        "consequence: privileged pods on every node": "told of once, by the daemon set",
        "consequence: miner runs": "told of once, by the cron job",
        "traces removed": "deleting what one made oneself",
    },
    "docker_events": {
        "attach": "docker run attaches to what it starts; the record is the same",
        "image from an unknown registry": "which registries are known must be configured, or learnt",
        "masquerading container": "low: a name proves nothing",
        "secret created": "low: deployments do",
        "service from an unknown registry": "the image stands in its tasks' records only",
        "container renamed": "low: a name proves nothing",
        "traces removed": "tags go with every release",
    },
}
SOURCES = pytest.mark.parametrize("source", UNTOLD)


def unfitting(found: Iterable[Alarm], known: dict[str, set[str]]) -> list[str]:
    """The alarms on records whose labels do not allow them."""
    return [
        f"{each.level} {each.rule} on {each.record}, {sorted(known.get(each.record, ()))}: {each.reason}"
        for each in found
        if not FITTING.get(each.rule, set()) & known.get(each.record, set())
    ]


def test_a_cluster_at_work_with_its_operators_is_quiet(shared_data: Callable[[str], Path]) -> None:
    found = alarms(shared_data("kubernetes/perfspec.jsonl.gz"), "kubernetes_audit")
    assert unfitting(found, {}) == []


def test_ordinary_work_is_quiet_but_for_what_its_labels_call_sensitive(
    shared_data: Callable[[str], Path],
) -> None:
    found = alarms(shared_data("kubernetes/control_plane_benign.jsonl.gz"), "kubernetes_audit")
    known = kinds(acts(shared_data("kubernetes/control_plane_benign.labels.json")))
    assert unfitting(found, known) == []


def test_no_rule_is_excused_for_what_it_never_does(shared_data: Callable[[str], Path]) -> None:
    found = alarms(shared_data("kubernetes/control_plane_benign.jsonl.gz"), "kubernetes_audit")
    known = kinds(acts(shared_data("kubernetes/control_plane_benign.labels.json")))
    told = {(each.rule, kind) for each in found for kind in known.get(each.record, ())}
    assert {(rule, kind) for rule, fitting in FITTING.items() for kind in fitting} - told == set()


@pytest.fixture
def demo(sample_logs: Path) -> Path:
    return sample_logs / "demo"


def of_the_day(demo: Path, source: str) -> tuple[Alarm, ...]:
    file = {"kubernetes_audit": "kubernetes_audit.jsonl.gz", "docker_events": "docker_events.jsonl"}[source]
    return alarms(demo / file, source)


def story(demo: Path, source: str) -> list[dict[str, Any]]:
    return [act for act in acts(demo / "story.json") if act["source"] == source]


@SOURCES
def test_every_important_act_of_the_intruder_is_told(demo: Path, source: str) -> None:
    told = {each.record for each in of_the_day(demo, source)}
    missed = [
        f"{act['time']} {act['kind']}: {act['what']}"
        for act in story(demo, source)
        if act["kind"] not in UNTOLD[source] and not told.intersection(records(act))
    ]
    assert missed == []


@SOURCES
def test_no_act_is_called_unremarkable_that_is_always_told(demo: Path, source: str) -> None:
    told = {each.record for each in of_the_day(demo, source)}
    missed = {act["kind"] for act in story(demo, source) if not told.intersection(records(act))}
    assert set(UNTOLD[source]) - missed == set()


def test_the_rest_of_the_day_is_quiet(demo: Path) -> None:
    intruder = story(demo, "kubernetes_audit")
    theirs = set(kinds(intruder))
    addresses = {act["address"] for act in intruder} - {"127.0.0.1"}  # there the control plane is at home
    found = of_the_day(demo, "kubernetes_audit")
    rest = [each for each in found if each.record not in theirs and each.address not in addresses]
    assert unfitting(rest, kinds(acts(demo / "legitimate.json"))) == []
