"""What the detectors are told of Kubernetes requests."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from collector.formats import FORMATS
from collector.kubernetes.behaviour import BEHAVIOUR, facets, family, key, priors, repository, table
from event_model.behaviour import Facets
from event_model.event import Event, Origin, Record
from tests.collector.kubernetes.acts import event

SHOP = {"username": "system:serviceaccount:shop:api", "groups": ["system:serviceaccounts"]}


def of(*arguments: Any, **more: Any) -> Facets:
    found = facets(event(*arguments, **more))
    assert found is not None
    return found


def test_a_person_reads_a_secret() -> None:
    assert of("get", "secrets", namespace="prod", name="db", code=403) == Facets(
        actor="alice@example.com",
        group="people/developers",
        action="get secrets",
        kind="secret read",
        namespace="prod",
        source="203.0.113.0/24",
        client="kubectl",
        outcome="denied",
        object="secret prod/db",
    )


def test_the_name_of_what_is_made_just_now_is_no_news() -> None:
    assert of("create", "secrets", namespace="prod", name="db").object is None
    assert of("update", "secrets", namespace="prod", name="db").object == "secret prod/db"


def test_every_format_of_kubernetes_declares_the_same() -> None:
    for name in ("kubernetes_audit", "eks_audit", "gke_audit", "aks_audit"):
        assert FORMATS.find(name).behaviour is BEHAVIOUR


def test_a_shell_is_one_act_whatever_protocol_the_client_speaks() -> None:
    old = of("create", "pods", subresource="exec", namespace="shop", name="api", code=101)
    new = of("get", "pods", subresource="exec", namespace="shop", name="api", code=101)
    assert (old.action, old.kind) == (new.action, new.kind) == ("connect pods/exec", "exec")


@pytest.mark.parametrize(
    ("verb", "resource", "subresource", "kind"),
    [
        ("create", "pods", "exec", "exec"),
        ("update", "configmaps", "", "write"),
        ("create", "pods", "", "workload write"),
        ("get", "configmaps", "", "config map read"),
    ],
)
def test_what_is_changed_in_the_clusters_own_namespace_weighs_more(
    verb: str, resource: str, subresource: str, kind: str
) -> None:
    def kind_in(namespace: str) -> str:
        return of(verb, resource, subresource=subresource, namespace=namespace, name="coredns").kind

    assert kind_in("shop") == kind
    there = kind_in("kube-system")
    if verb == "get":
        assert there == kind
    else:
        assert there in ("system exec", "system config write", "system workload write")
        assert priors()[there] > priors()[kind]


def test_to_watch_all_secrets_is_to_read_them() -> None:
    assert of("watch", "secrets").kind == "secret read"
    assert of("watch", "pods").kind == "watch"


def test_an_account_is_at_home_in_its_own_namespace() -> None:
    assert of("get", "pods", namespace="shop", user=SHOP).namespace == "its own"
    assert of("get", "pods", namespace="bank", user=SHOP).namespace == "bank"


def test_to_act_as_somebody_else_is_the_act() -> None:
    masters = {"username": "bob", "groups": ["system:masters"]}
    assert of("list", "pods", impersonatedUser=masters).action == "impersonate system:masters"
    assert of("list", "pods", impersonatedUser={"username": "bob"}).action == "impersonate human"
    refused = {
        "metadata": {},
        "code": 403,
        "message": 'users "bob" is forbidden: User "a" cannot impersonate resource "users"',
    }
    assert of("list", "pods", responseStatus=refused).kind == "impersonation"


def test_strangers_are_told_apart_by_their_network() -> None:
    for user in ({}, {"username": "system:anonymous", "groups": ["system:unauthenticated"]}):
        found = of("get", requestURI="/version?timeout=32s", user=user, code=401)
        assert (found.actor, found.group) == ("system:anonymous@203.0.113.0/24", "anonymous")
        assert (found.action, found.kind, found.source) == ("get /version", "probe", None)


def test_a_number_in_a_path_is_said_to_be_any() -> None:
    paths = ("/api/v1", "/api/v2?timeout=32s", "/apis/apps/v1beta1")
    acts = [of("get", requestURI=path, user=SHOP).action for path in paths]
    assert acts == ["get /api/vN", "get /api/vN", "get /apis/apps/vNbetaN"]


@pytest.mark.parametrize(
    ("agent", "client"),
    [
        ("kubectl/v1.35.4 (linux/amd64) kubernetes/abcdef", "kubectl"),
        ("OpenAPI-Generator/35.0.0/python", "OpenAPI-Generator"),
        ("Go-http-client/2.0", "Go-http-client"),
        ("curl/8.1", "curl"),
        ("", None),
    ],
)
def test_an_upgrade_is_no_new_client(agent: str, client: str | None) -> None:
    assert family(agent) == client


def test_images_count_without_tag_and_digest() -> None:
    assert repository("registry.corp:5000/shop/api:1.2") == "registry.corp:5000/shop/api"
    assert repository("nginx@sha256:00") == "nginx"
    body = {"kind": "Pod", "spec": {"containers": [{"image": "a/b:1"}, {"image": "c:2"}]}}
    assert of("create", "pods", namespace="shop", requestObject=body).images == ("a/b", "c")


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("system:node:n1", "node"),
        ("system:kube-scheduler", "control plane"),
        ("system:serviceaccount:ci:deployer", "ci"),
        ("system:serviceaccount:shop:api", "application"),
        ("system:serviceaccount:cert-manager:cert-manager", "control plane"),
        ("release-bot", "robot"),
        ("carol@example.com", "people"),
    ],
)
def test_peers_follow_from_names(name: str, group: str) -> None:
    assert of("get", "pods", user={"username": name, "groups": ["system:authenticated"]}).group == group


def test_the_first_stage_of_a_request_tells_nothing() -> None:
    assert key(event("get", "pods", stage="RequestReceived", code=None)) is None


def test_every_line_of_the_table_has_a_reason_and_every_kind_a_prior() -> None:
    lines = [*table().groups, *table().kinds, *table().groups_priors]
    assert all(len(line.why) > 8 for line in lines)
    assert {line.kind for line in table().groups_priors} <= {line.kind for line in table().kinds}
    assert priors()["secret read"] > priors()["node/secret read"]


def read(path: Path) -> list[Event]:
    normalize = FORMATS.make("kubernetes_audit").normalize
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as lines:
        return [normalize(Record(line.rstrip()), Origin("test", "kubernetes_audit")) for line in lines]


def test_events_of_one_key_have_one_set_of_facets(shared_data: Callable[[str], Path]) -> None:
    found: dict[Any, Facets] = {}
    for each in read(shared_data("kubernetes/control_plane_benign.jsonl.gz")):
        mark = key(each)
        if mark is None:
            continue
        told = facets(each)
        assert told is not None
        told = replace(told, group="")  # the peers are an actor's, once for all
        assert found.setdefault(mark, told) == told


def test_odd_requests_have_facets_of_bounded_length(shared_data: Callable[[str], Path]) -> None:
    for each in read(shared_data("kubernetes/control_plane_odd.jsonl.gz")):
        hash(key(each))
        told = facets(each)
        assert told is not None
        assert all(
            len(value) < 700 for value in (told.actor, told.action, told.client or "", told.object or "")
        )
