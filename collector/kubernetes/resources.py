"""What people call the resources of the Kubernetes API."""

from __future__ import annotations

from functools import lru_cache

# where a singular is not the plural without its s
_SINGULAR = {
    "endpoints": "endpoints",
    "tokenreviews": "token review",
    "persistentvolumes": "persistent volume",
    "persistentvolumeclaims": "persistent volume claim",
    "replicationcontrollers": "replication controller",
    "resourcequotas": "resource quota",
    "limitranges": "limit range",
    "serviceaccounts": "service account",
    "configmaps": "config map",
    "podtemplates": "pod template",
    "componentstatuses": "component status",
    "replicasets": "replica set",
    "statefulsets": "stateful set",
    "daemonsets": "daemon set",
    "controllerrevisions": "controller revision",
    "cronjobs": "cron job",
    "horizontalpodautoscalers": "horizontal pod autoscaler",
    "poddisruptionbudgets": "pod disruption budget",
    "clusterroles": "cluster role",
    "clusterrolebindings": "cluster role binding",
    "rolebindings": "role binding",
    "networkpolicies": "network policy",
    "ingressclasses": "ingress class",
    "endpointslices": "endpoint slice",
    "storageclasses": "storage class",
    "priorityclasses": "priority class",
    "runtimeclasses": "runtime class",
    "volumeattachments": "volume attachment",
    "volumesnapshots": "volume snapshot",
    "csidrivers": "CSI driver",
    "csinodes": "CSI node",
    "csistoragecapacities": "CSI storage capacity",
    "customresourcedefinitions": "resource definition",
    "apiservices": "API service",
    "certificatesigningrequests": "certificate request",
    "mutatingwebhookconfigurations": "mutating webhook",
    "validatingwebhookconfigurations": "validating webhook",
    "validatingadmissionpolicies": "validating admission policy",
    "validatingadmissionpolicybindings": "validating admission policy binding",
    "mutatingadmissionpolicies": "mutating admission policy",
    "mutatingadmissionpolicybindings": "mutating admission policy binding",
    "flowschemas": "flow schema",
    "prioritylevelconfigurations": "priority level",
}
CLUSTER_WIDE = frozenset(
    [
        "namespaces",
        "nodes",
        "persistentvolumes",
        "clusterroles",
        "clusterrolebindings",
        "customresourcedefinitions",
        "apiservices",
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "certificatesigningrequests",
        "storageclasses",
        "ingressclasses",
        "priorityclasses",
        "runtimeclasses",
        "volumeattachments",
        "csidrivers",
        "csinodes",
        "flowschemas",
        "prioritylevelconfigurations",
        "componentstatuses",
        "tokenreviews",
        "subjectaccessreviews",
        "selfsubjectaccessreviews",
        "selfsubjectrulesreviews",
        "selfsubjectreviews",
    ]
)
# resources of the server itself that stand in namespaces; of others only their authors know
NAMESPACED = frozenset(
    [
        "pods",
        "secrets",
        "configmaps",
        "services",
        "endpoints",
        "events",
        "persistentvolumeclaims",
        "replicationcontrollers",
        "resourcequotas",
        "limitranges",
        "serviceaccounts",
        "podtemplates",
        "deployments",
        "replicasets",
        "statefulsets",
        "daemonsets",
        "controllerrevisions",
        "jobs",
        "cronjobs",
        "horizontalpodautoscalers",
        "poddisruptionbudgets",
        "roles",
        "rolebindings",
        "networkpolicies",
        "ingresses",
        "endpointslices",
        "leases",
        "csistoragecapacities",
    ]
)


@lru_cache(maxsize=4096)
def singular(resource: str) -> str:
    """`network policy` of `networkpolicies`; of a resource nobody knows, what English makes of it."""
    known = _SINGULAR.get(resource)
    if known is not None:
        return known
    if resource.endswith("ies") and len(resource) > 4:
        return f"{resource[:-3]}y"
    if resource.endswith(("sses", "xes", "shes", "ches")):
        return resource[:-2]
    return resource[:-1] if resource.endswith("s") and not resource.endswith(("ss", "us")) else resource


@lru_cache(maxsize=4096)
def plural(resource: str) -> str:
    """`network policies` of `networkpolicies`."""
    known = _SINGULAR.get(resource)
    if known is None or known == resource:
        return resource
    if known.endswith("y"):
        return f"{known[:-1]}ies"
    return f"{known}es" if known.endswith("s") else f"{known}s"
