"""The command line as scripts and people use it: data on stdout, talk on stderr, exit codes that mean something."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tallyman.world import Ran, objects


def record(**parts: Any) -> str:
    whole = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": "a-1", "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/shop/pods/web", "verb": "get",
        "user": {"username": "alice@example.com", "groups": ["system:authenticated"]}, "sourceIPs": ["10.0.0.9"],
        "userAgent": "kubectl/v1.35.4", "objectRef": {"resource": "pods", "namespace": "shop", "name": "web", "apiVersion": "v1"},
        "responseStatus": {"code": 200}, "requestReceivedTimestamp": "2026-11-02T10:00:00.000000Z",
        "stageTimestamp": "2026-11-02T10:00:00.100000Z",
    }  # fmt: skip
    return json.dumps({**whole, **parts})


PRIVILEGED = record(
    auditID="a-2", verb="create", responseStatus={"code": 201}, requestURI="/api/v1/namespaces/shop/pods",
    requestObject={"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "a", "image": "x", "securityContext": {"privileged": True}}]}},
)  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "audit.log"
    path.write_text(f"{record()}\n{PRIVILEGED}\n")
    return path


def test_formats_are_listed_with_their_help(tallyman: Ran) -> None:
    code, out, _ = tallyman("formats", "--json")
    listed = {each["name"]: each for each in objects(out)}
    assert code == 0
    assert {
        "kubernetes_audit",
        "eks_audit",
        "gke_audit",
        "aks_audit",
        "docker_events",
        "cri_log",
        "docker_json_log",
        "json",
    } <= set(listed)
    assert all(each["help"] and isinstance(each["documents"], bool) for each in listed.values())


def test_normalize_prints_documents_in_the_order_of_the_file(tallyman: Ran, log: Path) -> None:
    code, out, _ = tallyman("normalize", str(log), "--raw")
    first, second = objects(out)
    assert code == 0
    assert (first["event"]["action"], second["event"]["action"]) == ("get", "create")
    assert first["log"] == {"file": {"path": str(log)}, "offset": 0}
    assert first["event"]["original"] == record()
    assert second["log"]["offset"] == len(record()) + 1


def test_what_cannot_be_read_is_named_with_file_line_and_reason_and_the_rest_is_printed(
    tallyman: Ran, log: Path
) -> None:
    log.write_text(f"{record()}\nnot json\n{PRIVILEGED}\n")
    code, out, err = tallyman("normalize", str(log))
    assert (code, len(objects(out))) == (5, 2)
    assert f"{log}:2: " in err


def test_an_unknown_format_is_answered_with_the_nearest(tallyman: Ran, log: Path) -> None:
    code, _, err = tallyman("normalize", str(log), "--format", "kubernetes_adit")
    assert code == 2
    assert "Did you mean 'kubernetes_audit'?" in err


def test_scan_prints_an_alert_a_line_with_what_scripts_rely_on(tallyman: Ran, log: Path) -> None:
    code, out, _ = tallyman("scan", str(log), "--json")
    alert = next(
        each
        for each in objects(out)
        if each["kibana"]["alert"]["rule"]["rule_id"] == "k8s_privileged_container"
    )
    kibana = alert["kibana"]["alert"]
    assert code == 0
    assert (kibana["severity"], kibana["risk_score"]) == ("high", 73)
    assert (
        kibana["uuid"]
        and kibana["reason"]
        and kibana["start"]
        and kibana["rule"]["uuid"]
        and kibana["rule"]["name"]
    )
    assert "T1610" in alert["threat"]["technique"]["id"] or "T1611" in alert["threat"]["technique"]["id"]
    assert alert["user"]["name"] == "alice@example.com"
    documents = objects(tallyman("normalize", str(log))[1])
    assert kibana["ancestors"][0]["hash"] == documents[1]["event"]["hash"]


def test_scan_fails_on_findings_only_when_asked_and_without_usage(tallyman: Ran, log: Path) -> None:
    assert tallyman("scan", str(log))[0] == 0
    code, _, err = tallyman("scan", str(log), "--fail-on", "high")
    assert (code, "Usage" in err) == (1, False)
    assert tallyman("scan", str(log), "--fail-on", "critical")[0] == 0


def test_scan_folds_what_repeats_unless_told_not_to(tallyman: Ran, tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text("".join(PRIVILEGED.replace("a-2", f"b-{n}") + "\n" for n in range(3)))
    rule = "k8s_privileged_container"
    folded = [each["kibana"]["alert"] for each in objects(tallyman("scan", str(log), "--json")[1])]
    mine = [each for each in folded if each["rule"]["rule_id"] == rule]
    assert [(each["suppression"]["docs_count"], len(each["ancestors"])) for each in mine] == [(2, 3)]
    single = [
        each["kibana"]["alert"] for each in objects(tallyman("scan", str(log), "--json", "--no-group")[1])
    ]
    assert sum(each["rule"]["rule_id"] == rule for each in single) == 3


def test_scan_reads_gz_and_standard_input_and_several_files(tallyman: Ran, log: Path, tmp_path: Path) -> None:
    packed = tmp_path / "old.log.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    one = len(objects(tallyman("scan", str(packed), "--json", "--no-group")[1]))
    assert one > 0
    assert len(objects(tallyman("scan", str(log), str(packed), "--json", "--no-group")[1])) == 2 * one
    piped = subprocess.run(
        [sys.executable, "-m", "tallyman", "scan", "-", "--json", "--no-group"],
        input=log.read_bytes(),
        capture_output=True,
    )
    assert (piped.returncode, len(objects(piped.stdout.decode()))) == (0, one)


def test_a_broken_rule_is_named_and_the_others_run(tallyman: Ran, log: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    good = "title: T\nid: 0a4d4a52-8c2e-4f0e-9d1d-6f6f3d8f0b11\nlogsource: {product: kubernetes, service: audit}\ndetection:\n  selection: {verb: get}\n  condition: selection\nlevel: low\n"
    (rules / "good_rule_here.yml").write_text(good)
    (rules / "bad_rule_here.yml").write_text(good.replace("verb:", "vreb:").replace("0a4d", "1a4d"))
    code, out, err = tallyman("scan", str(log), "--rules", str(rules), "--json")
    assert (code, len(objects(out))) == (5, 1)
    assert "bad_rule_here.yml:" in err and "vreb" in err and "verb" in err


def test_a_missing_file_does_not_stop_the_others(tallyman: Ran, log: Path) -> None:
    code, out, err = tallyman("scan", str(log), "/no/such/file", "--json")
    assert code == 5
    assert objects(out) and "/no/such/file" in err


def test_rules_are_listed_with_what_scripts_rely_on(tallyman: Ran) -> None:
    code, out, _ = tallyman("rules", "list", "--json")
    listed = objects(out)
    assert code == 0 and len(listed) >= 110
    assert all(
        {"id", "rule_id", "name", "level", "path", "logsource", "techniques", "controls"} <= set(each)
        for each in listed
    )


def test_rules_test_fails_when_a_rule_does_not_keep_its_word(tallyman: Ran, tmp_path: Path) -> None:
    rule = tmp_path / "says_too_much.yml"
    rule.write_text(
        "title: T\nid: 0a4d4a52-8c2e-4f0e-9d1d-6f6f3d8f0b11\nlogsource: {product: kubernetes, service: audit}\ndetection:\n"
        "  selection: {verb: get}\n  condition: selection\nlevel: low\ntests:\n  match:\n    - {name: a delete, record: {verb: delete}}\n"
        "  quiet:\n    - {name: a create, record: {verb: create}}\n"
    )
    code, out, _ = tallyman("rules", "test", str(tmp_path))
    assert code == 1
    assert "a delete" in out and "a create" not in out


def test_rules_doctor_says_how_often_each_would_have_fired(tallyman: Ran, log: Path) -> None:
    code, out, _ = tallyman("rules", "doctor", "--file", str(log), "--json")
    fired = {each["rule_id"]: each["fired"] for each in objects(out)}
    assert code == 0
    assert (fired["k8s_privileged_container"], fired["k8s_cluster_admin_binding"]) == (1, 0)


def test_a_command_that_needs_a_store_says_how_to_get_one(
    tallyman: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYMAN_STORE__PATH", str(tmp_path / "none"))
    code, _, err = tallyman("search", "user:alice")
    assert code == 4
    assert "tallyman run" in err


def test_a_mistyped_command_is_answered_with_the_nearest(tallyman: Ran) -> None:
    code, _, err = tallyman("serach")
    assert code == 2
    assert "Did you mean 'search'?" in err


def test_completion_is_offered_for_three_shells(tallyman: Ran) -> None:
    for shell in ("bash", "zsh", "fish"):
        code, out, _ = tallyman("completion", shell)
        assert code == 0 and "_TALLYMAN_COMPLETE" in out


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = "import sys; from tallyman.__main__ import run; run(['--help']); print(*sorted(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    *help, modules = said.splitlines()
    assert not {"sigma", "pydantic", "tantivy", "fastapi", "rich", "yaml", "re2"} & set(modules.split())
    commands = {path.stem for path in (Path(__file__).parents[2] / "tallyman" / "commands").glob("[a-z]*.py")}
    assert commands <= {line.split()[0] for line in help if line.startswith("  ") and line.strip()}


def test_every_command_has_help_of_its_own(tallyman: Ran) -> None:
    for path in (Path(__file__).parents[2] / "tallyman" / "commands").glob("[a-z]*.py"):
        code, out, _ = tallyman(path.stem, "--help")
        assert code == 0 and len(out.splitlines()) > 3, path.stem
