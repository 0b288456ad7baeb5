"""What a Kubernetes request becomes as an event."""

import pickle
from typing import Any

import pytest

from event_model.event import Origin, Record
from event_model.fields import document
from tests.collector.kubernetes.acts import ALLOW, FORBID, act, event, raw, read

SHELL = "/api/v1/namespaces/prod/pods/api/exec?command=sh&command=-c&command=echo+%22a%20b%22&container=app&stdin=true&tty=true"


@pytest.mark.parametrize(
    ("verb", "resource", "more", "category", "type"),
    [
        ("get", "pods", {}, ("api",), ("access", "allowed")),
        ("watch", "secrets", {}, ("api",), ("access", "allowed")),
        ("create", "deployments", {}, ("api",), ("creation", "allowed")),
        ("update", "deployments", {}, ("api",), ("change", "allowed")),
        ("patch", "nodes", {}, ("api",), ("change", "allowed")),
        ("deletecollection", "events", {}, ("api",), ("deletion", "allowed")),
        ("create", "clusterrolebindings", {}, ("api", "iam"), ("creation", "admin", "allowed")),
        ("delete", "roles", {}, ("api", "iam"), ("deletion", "admin", "allowed")),
        ("get", "roles", {}, ("api",), ("access", "allowed")),
        (
            "create",
            "serviceaccounts",
            {"subresource": "token"},
            ("api", "iam"),
            ("creation", "user", "allowed"),
        ),
        ("update", "certificatesigningrequests", {}, ("api", "iam"), ("change", "user", "allowed")),
        ("create", "networkpolicies", {}, ("api", "configuration"), ("creation", "allowed")),
        ("patch", "mutatingwebhookconfigurations", {}, ("api", "configuration"), ("change", "allowed")),
        (
            "get",
            "pods",
            {"subresource": "exec"},
            ("api", "process", "session"),
            ("start", "access", "allowed"),
        ),
        (
            "create",
            "pods",
            {"subresource": "portforward"},
            ("api", "process", "session"),
            ("start", "access", "allowed"),
        ),
        (
            "patch",
            "pods",
            {"subresource": "ephemeralcontainers"},
            ("api", "process", "session"),
            ("start", "access", "allowed"),
        ),
        ("get", "pods", {"subresource": "ephemeralcontainers"}, ("api",), ("access", "allowed")),
        ("create", "tokenreviews", {}, ("api", "authentication"), ("info", "allowed")),
        ("list", "pods", {"code": 401, "annotations": {}}, ("api", "authentication"), ("info", "denied")),
        ("get", "pods", {"code": 403, "annotations": FORBID}, ("api",), ("access", "denied")),
        ("", "pods", {}, ("api",), ("info", "allowed")),
    ],
)
def test_categories_and_types_follow_from_the_request(
    verb: str, resource: str, more: dict[str, Any], category: tuple[str, ...], type: tuple[str, ...]
) -> None:
    found = event(verb, resource, **more)
    assert (found.category, found.type) == (category, type)


@pytest.mark.parametrize(
    ("code", "annotations", "outcome"),
    [
        (200, ALLOW, "success"),
        (101, ALLOW, "success"),
        (399, ALLOW, "success"),
        (404, ALLOW, "failure"),
        (403, ALLOW, "failure"),
        (200, FORBID, "failure"),
        (None, ALLOW, "unknown"),
        (0, ALLOW, "unknown"),
        (None, FORBID, "failure"),
    ],
)
def test_the_outcome_is_that_of_the_answer(
    code: int | None, annotations: dict[str, str], outcome: str
) -> None:
    assert event("get", "pods", code=code, annotations=annotations).outcome == outcome


def test_the_reason_is_the_authorizer_s_else_the_answer_s() -> None:
    reason = {"authorization.k8s.io/reason": "RBAC: allowed by x"}
    assert event("get", "pods", annotations=reason).reason == "RBAC: allowed by x"
    empty = {"authorization.k8s.io/reason": ""}
    refused = {"responseStatus": {"code": 403, "reason": "Forbidden", "message": "no"}}
    assert event("get", "pods", annotations=empty, **refused).reason == "Forbidden"
    assert event("get", "pods", responseStatus={"code": 500, "message": "bad key"}).reason == "bad key"


def test_the_peer_is_the_last_address_and_the_first_is_a_claim() -> None:
    found = event("get", "pods", sourceIPs=["8.8.8.8", "1.2.3.4", "127.0.0.1"])
    assert (found.source_ip, found.forwarded_ip) == ("127.0.0.1", "8.8.8.8")
    assert document(found)["related"]["ip"] == ["127.0.0.1", "8.8.8.8", "1.2.3.4"]
    alone = event("get", "pods", sourceIPs=["127.0.0.1"])
    assert (alone.source_ip, alone.forwarded_ip) == ("127.0.0.1", None)
    assert event("get", "pods", sourceIPs=[]).source_ip is None


@pytest.mark.parametrize("verb", ["get", "create"])
def test_an_exec_s_command_is_in_its_address(verb: str) -> None:
    found = event(verb, "pods", name="api", namespace="prod", subresource="exec", requestURI=SHELL, code=101)
    assert found.args == ("sh", "-c", 'echo "a b"')
    assert found.command_line == 'sh -c echo "a b"'
    assert (found.container_name, found.interactive, found.pod_name) == ("app", True, "api")


def test_an_exec_without_a_terminal_is_not_interactive() -> None:
    found = event("get", "pods", name="a", subresource="exec", requestURI="/x?command=id&stdin=true")
    assert found.interactive is False


def test_images_are_those_of_the_pod_wherever_it_stands() -> None:
    pod = {"containers": [{"image": "a:1"}], "initContainers": [{"image": "b"}, {"image": "a:1"}]}
    bodies = {
        "pods": {"spec": pod},
        "deployments": {"spec": {"template": {"spec": pod}}},
        "cronjobs": {"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}},
        "podtemplates": {"template": {"spec": pod}},
    }
    for resource, body in bodies.items():
        assert event("create", resource, name="x", requestObject=body).images == ("a:1", "b")
    assert event("create", "pods", name="x", subresource="status", requestObject=bodies["pods"]).images == ()
    debug = {"spec": {"containers": [{"image": "a"}], "ephemeralContainers": [{"image": "tool"}]}}
    assert event("patch", "pods", subresource="ephemeralcontainers", responseObject=debug).images == (
        "a",
        "tool",
    )


def test_of_a_patch_the_answer_counts_and_a_list_of_steps_does_no_harm() -> None:
    steps = [{"op": "replace", "path": "/spec", "value": 1}]
    answer = {"spec": {"template": {"spec": {"containers": [{"image": "new"}]}}}}
    assert event("patch", "deployments", name="x", requestObject=steps, responseObject=answer).images == (
        "new",
    )
    assert event("patch", "deployments", name="x", requestObject=steps).images == ()


def test_a_name_made_by_the_server_is_found_in_its_answer() -> None:
    sent = {"metadata": {"generateName": "job-"}}
    made = {"metadata": {"name": "job-x7k2p"}}
    found = event("create", "pods", namespace="prod", requestObject=sent, responseObject=made)
    assert (found.resource_name, found.pod_name) == ("job-x7k2p", "job-x7k2p")
    assert (
        event("create", "widgets", apiGroup="example.com", responseObject=made).resource_name == "job-x7k2p"
    )
    refusal = {"kind": "Status", "metadata": {"name": "no"}}
    assert event("create", "pods", code=403, requestObject=sent, responseObject=refusal).resource_name is None


def test_who_is_given_something_is_the_target() -> None:
    robot = {"kind": "ServiceAccount", "name": "robot", "namespace": "ci"}
    body = {
        "subjects": [robot, {"kind": "User", "name": "bob"}],
        "roleRef": {"kind": "ClusterRole", "name": "admin"},
    }
    assert event("create", "rolebindings", requestObject=body).user_target == "system:serviceaccount:ci:robot"
    body["subjects"] = [{"kind": "User", "name": "bob"}]
    assert event("patch", "clusterrolebindings", responseObject=body).user_target == "bob"
    token = event("create", "serviceaccounts", name="robot", namespace="ci", subresource="token")
    assert token.user_target == "system:serviceaccount:ci:robot"


def test_an_empty_user_on_a_401_is_anonymous() -> None:
    found = event("list", "secrets", code=401, user={}, stage="ResponseStarted", annotations={})
    assert (found.user_name, found.user_kind, found.outcome) == (None, "anonymous", "failure")
    assert event("list", "secrets", user={}).user_kind is None


def test_the_impersonated_user_is_the_effective_one() -> None:
    found = event("get", "pods", impersonatedUser={"username": "bob", "groups": ["sre"]})
    assert (found.user_name, found.user_effective, found.user_effective_groups) == (
        "alice@example.com",
        "bob",
        ["sre"],
    )


def test_times_keep_their_digits_and_become_utc() -> None:
    def time(
        stage: str | None, received: str | None = "2026-11-02T09:00:00.000100Z"
    ) -> tuple[str, str | None]:
        found = event("get", "pods", stageTimestamp=stage, requestReceivedTimestamp=received)
        return found.timestamp, (found.labels or {}).get("malformed")

    assert time("2026-11-02T09:00:00.012345Z") == ("2026-11-02T09:00:00.012345Z", None)
    assert time("2026-11-02T10:00:00.5+01:00") == ("2026-11-02T09:00:00.5Z", None)
    assert time("2026-11-02T09:00:00Z") == ("2026-11-02T09:00:00Z", None)
    assert time("0001-01-01T00:00:00Z") == ("0001-01-01T00:00:00Z", None)
    assert time("9999-12-31T23:59:59.999999Z") == ("9999-12-31T23:59:59.999999Z", None)
    assert time(None) == ("2026-11-02T09:00:00.000100Z", None)
    assert time("2026-02-30T09:00:00.012345Z") == ("2026-11-02T09:00:00.000100Z", "stageTimestamp")
    assert time("2026-W01-1T09:00:00.012345Z") == ("2026-11-02T09:00:00.000100Z", "stageTimestamp")
    assert time("2026-11-02T090000.01234567Z") == ("2026-11-02T09:00:00.000100Z", "stageTimestamp")
    assert time(None, None) == ("1970-01-01T00:00:00Z", "stageTimestamp")
    assert time("x", "y") == ("1970-01-01T00:00:00Z", "stageTimestamp, requestReceivedTimestamp")


def test_the_cluster_is_the_configured_one() -> None:
    from collector.formats.kubernetes_audit import Format

    record = Record(raw(act("get", "pods")))
    assert Format().normalize(record, Origin("s", "kubernetes_audit", cluster="prod")).cluster == "prod"
    assert Format().normalize(record, Origin("s", "kubernetes_audit")).cluster is None


def test_the_document_has_ecs_names_beside_the_native_ones() -> None:
    found = document(event("get", "secrets", name="db", namespace="shop", apiGroup="x"))
    assert found["orchestrator"]["resource"] == {"type": "secrets", "name": "db"}
    assert found["orchestrator"]["api_version"] == "x/v1"
    assert found["kubernetes"]["audit"]["objectRef"]["resource"] == "secrets"
    assert found["event"]["id"] == "a-1:ResponseComplete"
    assert "requestObject" not in found["kubernetes"]["audit"]


def test_annotations_of_a_cut_record_are_noted() -> None:
    assert event("update", "configmaps", annotations={"audit.k8s.io/truncated": "true"}).labels == {
        "truncated": "true"
    }


def test_both_stages_of_one_request_differ_in_their_id() -> None:
    started = event("watch", "pods", stage="ResponseStarted")
    assert started.id != event("watch", "pods").id


def test_a_record_is_itself_when_read_from_bytes_with_a_byte_order_mark() -> None:
    line = b"\xef\xbb\xbf" + raw(act("get", "pods"))
    found = read(line)
    assert found.labels is None
    assert found.record.raw == line


def test_an_event_that_went_to_another_process_is_the_same() -> None:
    found = event(
        "create", "pods", name="a", namespace="p", requestObject={"spec": {"containers": [{"image": "x"}]}}
    )
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    assert again.images == ("x",)
    assert document(again) == document(found)


def test_what_is_read_late_is_read_of_the_record_alone() -> None:
    found = event("get", "pods", name="a")
    assert found == event("get", "pods", name="a")
    assert found != event("get", "pods", name="b")
    assert len({found, event("get", "pods", name="a")}) == 1
    assert "alice@example.com read pod a" in repr(found)
