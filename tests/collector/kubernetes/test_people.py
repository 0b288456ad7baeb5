"""People are told from machines."""

import pytest

from collector.kubernetes import people
from collector.kubernetes.people import user_kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("alice@example.com", "human"),
        ("kubernetes-admin", "human"),
        ("system:admin", "human"),
        ("masterclient", "human"),
        ("system:serviceaccount:ci:deployer", "service_account"),
        ("system:serviceaccount:kube-system:coredns", "service_account"),
        ("system:serviceaccount:kube-system:deployment-controller", "controller"),
        ("system:serviceaccount:shop:deployment-controller", "service_account"),
        ("system:serviceaccount:kube-system:generic-garbage-collector", "controller"),
        ("ci@project.iam.gserviceaccount.com", "service_account"),
        ("service-1@container-engine-robot.iam.gserviceaccount.com", "controller"),
        ("system:node:worker-1", "node"),
        ("system:bootstrap:7f3k2q", "node"),
        ("nodeclient", "node"),
        ("system:kube-controller-manager", "controller"),
        ("system:kube-scheduler", "controller"),
        ("system:apiserver", "controller"),
        ("eks:node-manager", "controller"),
        ("aksService", "controller"),
        ("system:anonymous", "anonymous"),
        ("", "anonymous"),
    ],
)
def test_a_name_tells_what_kind_of_user_it_is(name: str, kind: str) -> None:
    assert user_kind(name) == kind
    assert user_kind(name) == kind  # as remembered


def test_a_node_under_another_name_is_known_by_its_group() -> None:
    assert user_kind("i-0abc", ["system:nodes"]) == "node"
    assert user_kind("i-0abc", ["developers"]) == "human"


def test_made_up_names_do_not_fill_the_memory() -> None:
    for number in range(people.MOST_NAMES + 100):
        user_kind(f"system:x{number}")
        user_kind(f"person{number}")
    assert len(people.machines) + len(people._people) <= people.MOST_NAMES
