"""Every request as a sentence, and as the command that does the same."""

import shlex
from typing import Any

import pytest

from collector.commands import command
from collector.sentences import clean, opens_shell, quote
from tests.collector.kubernetes.acts import event

EXEC = "/api/v1/namespaces/prod/pods/api-7f9c/exec?command=sh&command=-c&command=id&container=app&stdin=true&tty=true"
POD = {"spec": {"containers": [{"image": "nginx:1.27"}]}}
ADMIN = {
    "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": "ci"}],
    "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"},
}
IMPERSONATION = 'users "root" is forbidden: User "alice" cannot impersonate resource "users" in API group "" at the cluster scope'

CASES: list[tuple[dict[str, Any], str, str]] = [
    (
        {"verb": "get", "resource": "pods", "name": "api-7f9c", "namespace": "prod", "subresource": "exec", "requestURI": EXEC},
        "opened a shell in prod/api-7f9c (app): sh -c id",
        "kubectl -n prod exec api-7f9c -c app -it -- sh -c id",
    ),
    (
        {"verb": "create", "resource": "pods", "name": "a", "namespace": "p", "subresource": "exec", "requestURI": "/x?command=ls&command=%2Fetc"},
        "ran a command in p/a: ls /etc",
        "kubectl -n p exec a -- ls /etc",
    ),
    (
        {"verb": "get", "resource": "pods", "name": "a", "namespace": "p", "subresource": "attach", "requestURI": "/x?container=c"},
        "attached to p/a (c)",
        "kubectl -n p attach a -c c",
    ),
    (
        {"verb": "create", "resource": "pods", "name": "a", "namespace": "p", "subresource": "portforward"},
        "forwarded ports to p/a",
        "kubectl -n p port-forward a PORT",
    ),
    (
        {"verb": "get", "resource": "pods", "name": "a", "namespace": "p", "subresource": "log", "requestURI": "/x?container=c"},
        "read the log of p/a (c)",
        "kubectl -n p logs a -c c",
    ),
    ({"verb": "get", "resource": "secrets", "name": "db", "namespace": "p"}, "read secret p/db", "kubectl -n p get secrets db"),
    ({"verb": "list", "resource": "secrets"}, "listed secrets in all namespaces", "kubectl get secrets -A"),
    ({"verb": "watch", "resource": "secrets", "namespace": "p"}, "watched secrets in p", "kubectl -n p get secrets --watch"),
    (
        {"verb": "list", "resource": "pods", "namespace": "p", "requestURI": "/x?labelSelector=app%3Dweb"},
        "listed pods in p",
        "kubectl -n p get pods -l app=web",
    ),
    ({"verb": "list", "resource": "nodes"}, "listed nodes", "kubectl get nodes"),
    (
        {"verb": "create", "resource": "pods", "name": "x", "namespace": "p", "requestObject": POD},
        "created pod p/x (image nginx:1.27)",
        "kubectl -n p run x --image nginx:1.27",
    ),
    (
        {"verb": "create", "resource": "clusterrolebindings", "name": "b", "apiGroup": "rbac.authorization.k8s.io", "requestObject": ADMIN},
        "gave cluster role cluster-admin to system:serviceaccount:ci:robot (cluster role binding b)",
        "kubectl create clusterrolebinding b --clusterrole cluster-admin --serviceaccount ci:robot",
    ),
    (
        {"verb": "create", "resource": "serviceaccounts", "name": "robot", "namespace": "ci", "subresource": "token"},
        "requested a token for service account ci/robot",
        "kubectl -n ci create token robot",
    ),
    (
        {"verb": "patch", "resource": "deployments", "name": "web", "namespace": "p", "subresource": "scale", "requestObject": {"spec": {"replicas": 0}}},
        "scaled deployment p/web to 0",
        "kubectl -n p scale deployments web --replicas 0",
    ),
    (
        {"verb": "get", "resource": "horizontalpodautoscalers", "name": "h", "namespace": "p"},
        "read horizontal pod autoscaler p/h",
        "kubectl -n p get horizontalpodautoscalers h",
    ),
    ({"verb": "delete", "resource": "namespaces", "name": "shop", "namespace": "shop"}, "deleted namespace shop", "kubectl delete namespaces shop"),
    (
        {"verb": "deletecollection", "resource": "events", "namespace": "p"},
        "deleted all events in p",
        "kubectl -n p delete events --all",
    ),
    (
        {"verb": "create", "resource": "pods", "name": "a", "namespace": "p", "subresource": "eviction"},
        "evicted pod p/a",
        "kubectl -n p delete pods a",
    ),
    (
        {"verb": "patch", "resource": "nodes", "name": "n", "requestObject": {"spec": {"unschedulable": True}}},
        "cordoned node n",
        "kubectl cordon n",
    ),
    (
        {"verb": "update", "resource": "certificatesigningrequests", "name": "r", "subresource": "approval", "requestObject": {"status": {"conditions": [{"type": "Denied"}]}}},
        "denied certificate request r",
        "kubectl certificate deny r",
    ),
    (
        {"verb": "patch", "resource": "pods", "name": "a", "namespace": "p", "subresource": "ephemeralcontainers", "requestObject": {"spec": {"ephemeralContainers": [{"image": "tool"}]}}},
        "added a debug container to pod p/a (tool)",
        "kubectl -n p debug a --image tool",
    ),
    (
        {"verb": "get", "resource": "nodes", "name": "n", "subresource": "proxy", "requestURI": "/api/v1/nodes/n/proxy/run/x"},
        "called node n through the API server: /run/x",
        "kubectl get --raw /api/v1/nodes/n/proxy/run/x",
    ),
    (
        {"verb": "create", "resource": "selfsubjectaccessreviews", "requestObject": {"spec": {"resourceAttributes": {"verb": "create", "resource": "pods", "namespace": "p"}}}},
        "asked whether it may create pods in p",
        "kubectl auth can-i create pods -n p",
    ),
    ({"verb": "create", "resource": "selfsubjectrulesreviews"}, "asked for its own permissions", "kubectl auth can-i --list"),
    ({"verb": "create", "resource": "tokenreviews"}, "checked a token", "kubectl create -f -"),
    ({"verb": "get", "requestURI": "/version"}, "read /version", "kubectl get --raw /version"),
    (
        {"verb": "get", "resource": "widgets", "name": "w", "namespace": "p", "apiGroup": "example.com"},
        "read widget p/w",
        "kubectl -n p get widgets.example.com w",
    ),
    ({"verb": "frob", "resource": "widgets", "name": "w", "namespace": "p"}, "frob widgets p/w", ""),
    ({"verb": "create", "resource": "endpointslices", "namespace": "p"}, "created an endpoint slice in p", "kubectl -n p create -f -"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "did", "same"), CASES, ids=[did for _, did, _ in CASES])
def test_a_request_reads_as_what_it_did(more: dict[str, Any], did: str, same: str) -> None:
    found = event(**more)
    assert found.message == f"alice@example.com {did}"
    assert command(found) == same


def test_whoever_acts_as_someone_else_is_named_with_them() -> None:
    found = event(
        "list", "secrets", impersonatedUser={"username": "bob", "groups": ["sre", "system:authenticated"]}
    )
    assert found.message == "alice@example.com (as bob) listed secrets in all namespaces"
    assert command(found) == "kubectl get secrets -A --as bob --as-group sre"


def test_a_refused_request_says_so() -> None:
    assert event("get", "secrets", name="db", namespace="p", code=403).message == (
        "alice@example.com was refused permission to read secret p/db"
    )


def test_a_refused_impersonation_names_whom_the_answer_names() -> None:
    found = event(
        "list", "pods", responseStatus={"code": 403, "reason": "Forbidden", "message": IMPERSONATION}
    )
    assert found.message == "alice@example.com was refused permission to act as root"
    assert command(found) == "kubectl get pods -A --as root"


def test_a_request_that_failed_says_how() -> None:
    found = event(
        "delete", "pods", name="a", namespace="p", responseStatus={"code": 404, "reason": "NotFound"}
    )
    assert found.message == "alice@example.com tried to delete pod p/a: 404 NotFound"


def test_a_failed_login_says_from_where() -> None:
    found = event("list", "pods", code=401, user={}, requestURI="/api/v1/pods")
    assert found.message == "someone failed to log in from 203.0.113.7 (list /api/v1/pods)"


def test_nothing_in_a_sentence_reaches_the_terminal_s_controls() -> None:
    found = event(
        "get", "pods", name="a\x1b[2J\u202eb\n", namespace="p\r", user={"username": "e\x07ve\u200b"}
    )
    assert found.message == "e\\x07ve\\u200b read pod p\\r/a\\x1b[2J\\u202eb\\n"
    assert found.message.isprintable()
    assert command(found).isprintable()


def test_a_name_of_any_length_makes_a_short_sentence() -> None:
    found = event("get", "pods", name="n" * 20_000, namespace="p")
    assert len(found.message) < 500


def test_clean_leaves_words_of_any_language_as_they_are() -> None:
    assert clean("déjà 日本") == "déjà 日本"


def test_quoted_words_come_out_of_a_shell_as_they_went_in() -> None:
    words = ["a b", "it's", "$(x)", "", "--", "日本"]
    assert shlex.split(" ".join(map(quote, words))) == words
    assert quote("a\n'\\") == "$'a\\n\\'\\\\'"


def test_shells_are_known_behind_their_path_and_wrappers() -> None:
    assert opens_shell(["/bin/bash"])
    assert opens_shell(["env", "X=1", "sh", "-c", "x"])
    assert opens_shell(["busybox", "ash"])
    assert not opens_shell(["ls", "sh"])
    assert not opens_shell(["env"])
    assert not opens_shell([])
