"""Tell people from machines: what kind of user a Kubernetes name stands for."""

from __future__ import annotations

from collections.abc import Iterable

HUMAN, SERVICE_ACCOUNT, NODE = "human", "service_account", "node"
CONTROLLER, ANONYMOUS = "controller", "anonymous"

MOST_NAMES = 10_000  # names remembered; a scan with made-up names must not fill the memory

# service accounts in kube-system that the controller manager makes for its own loops
_LOOPS = frozenset(
    [
        "attachdetach-controller",
        "bootstrap-signer",
        "certificate-controller",
        "cloud-controller-manager",
        "cloud-provider",
        "clusterrole-aggregation-controller",
        "cronjob-controller",
        "daemon-set-controller",
        "deployment-controller",
        "device-taint-eviction-controller",
        "disruption-controller",
        "endpoint-controller",
        "endpointslice-controller",
        "endpointslicemirroring-controller",
        "ephemeral-volume-controller",
        "expand-controller",
        "generic-garbage-collector",
        "horizontal-pod-autoscaler",
        "job-controller",
        "kube-apiserver-serving-clustertrustbundle-publisher",
        "kube-controller-manager",
        "legacy-service-account-token-cleaner",
        "namespace-controller",
        "node-controller",
        "persistent-volume-binder",
        "pod-garbage-collector",
        "podcertificaterequestcleaner-controller",
        "pv-protection-controller",
        "pvc-protection-controller",
        "replicaset-controller",
        "replication-controller",
        "resource-claim-controller",
        "resourcequota-controller",
        "root-ca-cert-publisher",
        "route-controller",
        "selinux-warning-controller",
        "service-account-controller",
        "service-cidrs-controller",
        "service-controller",
        "statefulset-controller",
        "storage-version-garbage-collector",
        "storage-version-migrator-controller",
        "taint-eviction-controller",
        "token-cleaner",
        "ttl-after-finished-controller",
        "ttl-controller",
        "validatingadmissionpolicy-status-controller",
        "volumeattributesclass-protection-controller",
        "vac-protection-controller",
    ]
)
# names without a prefix that a managed control plane uses for itself
_PROVIDERS = frozenset(
    ["aksService", "aksProblemDetector", "hcpService", "acsService", "kube-apiserver", "kube-aggregator"]
)
_KUBELET_CLIENT = "kube-apiserver-kubelet-client"
# `system:` names that a person holds: the administrator's certificate of k3s, OpenShift and others
_PEOPLE = frozenset(("system:admin", "system:masters", "system:cluster-admins"))

machines: dict[str, str] = {}  # names that settle it, whatever the groups
_people: set[str] = set()  # names that do not


def user_kind(name: str, groups: Iterable[str] = ()) -> str:
    """human, service_account, node, controller or anonymous, by the name and, where it says nothing, the groups."""
    if name not in _people:
        kind = machines.get(name)
        if kind is not None:
            return kind
        kind = _by_name(name)
        if len(machines) + len(_people) >= MOST_NAMES:
            machines.clear()
            _people.clear()
        if kind is not HUMAN:
            machines[name] = kind
            return kind
        _people.add(name)
    return NODE if "system:nodes" in groups else HUMAN


def _by_name(name: str) -> str:
    if name in ("", "system:anonymous", "system:unauthenticated"):
        return ANONYMOUS
    if name.startswith("system:serviceaccount:"):
        namespace, _, account = name[22:].partition(":")
        return CONTROLLER if namespace == "kube-system" and account in _LOOPS else SERVICE_ACCOUNT
    if name.startswith(("system:node:", "system:bootstrap:")) or name == "nodeclient":
        return NODE
    if name in _PEOPLE:
        return HUMAN
    if name.startswith(("system:", "eks:")) or name in _PROVIDERS or name == _KUBELET_CLIENT:
        return CONTROLLER
    if name.endswith(".gserviceaccount.com"):
        return (
            CONTROLLER if name.endswith("container-engine-robot.iam.gserviceaccount.com") else SERVICE_ACCOUNT
        )
    return HUMAN
