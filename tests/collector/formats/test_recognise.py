"""The format is recognised from a file's first bytes, even where they end in the middle of a line."""

import base64
import gzip
import json

import pytest

from collector.formats import recognise
from tests.collector.formats.test_aks_audit import SHAPES as AKS
from tests.collector.formats.test_eks_audit import AUDIT as EKS_AUDIT
from tests.collector.formats.test_eks_audit import WRAPPINGS as EKS
from tests.collector.formats.test_gke_audit import entry
from tests.collector.kubernetes.acts import act, raw

LINE = raw(
    act("create", "pods", requestObject={"log": "x", "stream": "y", "Type": "container", "message": "z"})
)
GKE = json.dumps(entry()).encode()


@pytest.mark.parametrize(
    ("sample", "name"),
    [
        (LINE + b"\n" + LINE, "kubernetes_audit"),
        (LINE[:150], "kubernetes_audit"),
        (b"\xef\xbb\xbf" + json.dumps(act("get", "pods"), indent=2).encode(), "kubernetes_audit"),
        (b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[' + LINE, "kubernetes_audit"),
        (raw(EKS_AUDIT), "eks_audit"),
        (EKS["a subscription"], "eks_audit"),
        (EKS["a subscription"][:400], "eks_audit"),
        (EKS["a Lambda event"], "eks_audit"),
        (EKS["an answer of FilterLogEvents"], "eks_audit"),
        (AKS["an envelope with the log as text"], "aks_audit"),
        (AKS["a byte-order mark in front"][:300], "aks_audit"),
        (AKS["the log as an object"], "aks_audit"),
        (GKE, "gke_audit"),
        (b"[" + GKE, "gke_audit"),
        (json.dumps(entry(), indent=2).encode(), "gke_audit"),
        (
            b'{"message":{"data":"'
            + base64.b64encode(GKE)
            + b'"},"subscription":"projects/p/subscriptions/s"}',
            "gke_audit",
        ),
    ],
)
def test_the_audit_formats_are_told_apart(sample: bytes, name: str) -> None:
    assert recognise(sample) == name


@pytest.mark.parametrize(
    "sample",
    [
        b"",
        b"\n\n",
        b"plain text about audit.k8s.io/v1",
        gzip.compress(LINE),
        b'{"Type":"container","Action":"start","Actor":{"ID":"a","Attributes":{}},"scope":"local","time":1,"timeNano":1}',
        b'{"log":"{\\"apiVersion\\":\\"audit.k8s.io/v1\\"}\\n","stream":"stdout","time":"2026-11-02T09:00:00.1Z"}',
        b'2026-11-02T09:00:00.000000000Z stdout F {"kind":"Event","apiVersion":"audit.k8s.io/v1"}',
        b'{"kind":"Event","apiVersion":"v1","reason":"Scheduled"}',
    ],
)
def test_other_files_are_not_taken_for_audit_logs(sample: bytes) -> None:
    assert recognise(sample) not in ("kubernetes_audit", "eks_audit", "gke_audit", "aks_audit")
