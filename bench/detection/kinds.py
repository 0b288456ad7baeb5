"""Attack kinds that no detector was tuned on: written before the first measurement, looked at after the last.

Each is a function of a simulated cluster (`world`: who is in it, a random state, `emit`), the second at which it
starts and the campaign's number. They follow ATT&CK for Containers and published incidents, not the detector.
"""

from __future__ import annotations

from typing import Any

HOUR = 3600.0


def cronjob_backdoor(world: Any, start: float, campaign: int) -> None:
    """A developer's or pipeline's credential leaves a scheduled job behind. T1053.007."""
    rng = world.rng
    if rng.random() < 0.5:
        who = world.fresh_deployer()
        actor, agent, ip = who.account, "kubectl/v1.28", world.choice(world.egress)
        where = world.choice(who.namespaces)
    else:
        person = world.fresh_person()
        actor, agent, ip = person.name, person.agent(start)[0], person.ip
        where = f"{person.team}-{world.choice(['dev', 'staging', 'prod'])}"
    image = world.choice(["docker.io/library/alpine", "docker.io/library/python", world.images[0]])
    times = start + rng.exponential(30, int(rng.integers(1, 4))).cumsum()
    verbs = ["create"] + ["patch"] * (len(times) - 1)
    world.emit(times, actor, agent, ip, verbs, "cronjobs", where, "db-cleanup", 201, campaign, image)


def certificate_for_later(world: Any, start: float, campaign: int) -> None:
    """A person asks for a client certificate and approves it alone. T1098.001."""
    rng = world.rng
    person = world.choice(world.sres) if rng.random() < 0.4 else world.fresh_person()
    steps = [
        ("create", "certificatesigningrequests", 201),
        ("update", "certificatesigningrequests/approval", 200 if rng.random() < 0.7 else 403),
        ("get", "certificatesigningrequests", 200),
    ]
    times = start + rng.exponential(30, len(steps)).cumsum()
    world.emit(
        times, person.name, person.agent(start)[0], person.ip, [step[0] for step in steps],
        [step[1] for step in steps], "-", "backup-user", [step[2] for step in steps], campaign,
    )  # fmt: skip


def walls_down(world: Any, start: float, campaign: int) -> None:
    """Network policies of production are deleted with an engineer's or a pipeline's credential. T1562.007."""
    rng = world.rng
    if rng.random() < 0.5:
        sre = world.choice(world.sres)
        actor, agent, ip = sre.name, sre.agent(start)[0], sre.ip
    else:
        actor, agent, ip = world.fresh_deployer().account, "kubectl/v1.28", world.choice(world.egress)
    times = start + rng.exponential(20, int(rng.integers(2, 8))).cumsum()
    verbs = ["list"] + ["delete"] * (len(times) - 1)
    world.emit(times, actor, agent, ip, verbs, "networkpolicies", world.choice(world.prod), campaign=campaign)


def minted_tokens(world: Any, start: float, campaign: int) -> None:
    """A developer makes tokens of privileged accounts and uses one from home. T1550.001."""
    rng, person = world.rng, world.fresh_person()
    agent = person.agent(start)[0]
    times = start + rng.exponential(45, int(rng.integers(1, 4))).cumsum()
    world.emit(
        times, person.name, agent, person.ip, "create", "serviceaccounts/token",
        world.choice(["kube-system", "argocd", "velero"]), "admin", 201, campaign,
    )  # fmt: skip
    times = times[-1] + rng.exponential(60, int(rng.integers(2, 8))).cumsum()
    account = "system:serviceaccount:argocd:argocd-application-controller"
    what = world.choice(["pods", "namespaces", "secrets"], len(times))
    world.emit(times, account, agent, person.ip, "list", what, campaign=campaign)


def log_harvest(world: Any, start: float, campaign: int) -> None:
    """An application's token reads the logs of other people's pods, looking for credentials. T1552."""
    rng, app = world.rng, world.fresh_app()
    times = start + rng.uniform(0, rng.uniform(200, 2 * HOUR), int(rng.integers(10, 80)))
    times.sort()
    world.emit(
        times, app.account, world.choice(["Go-http-client", "curl"]), app.ip, "get", "pods/log",
        world.choice(world.team_namespaces, len(times)), code=200, campaign=campaign,
    )  # fmt: skip


def wiper(world: Any, start: float, campaign: int) -> None:
    """A pipeline's or an engineer's credential deletes workloads and claims of volumes. T1485."""
    rng = world.rng
    if rng.random() < 0.6:
        who = world.fresh_deployer()
        actor, agent, ip, where = who.account, "kubectl/v1.28", world.choice(world.egress), who.namespaces
    else:
        sre = world.choice(world.sres)
        actor, agent, ip, where = sre.name, sre.agent(start)[0], sre.ip, world.prod
    times = start + rng.exponential(8, int(rng.integers(6, 40))).cumsum()
    what = ["deployments", "statefulsets", "persistentvolumeclaims", "services", "configmaps"]
    verbs = world.choice(["delete", "deletecollection"], len(times))
    world.emit(
        times, actor, agent, ip, verbs, world.choice(what, len(times)), world.choice(where, len(times)),
        campaign=campaign,
    )  # fmt: skip


def borrowed_kubeconfig(world: Any, start: float, campaign: int) -> None:
    """A viewer's or developer's credential looks around from elsewhere with a script. T1613, T1078."""
    rng, person = world.rng, world.fresh_person()
    agent = world.choice(["python-requests", "kubectl/v1.30", "curl", "k9s/v0.32"])
    times = start + rng.exponential(world.choice([3, 40]), int(rng.integers(5, 40))).cumsum()
    what = [
        "pods",
        "services",
        "namespaces",
        "nodes",
        "ingresses",
        "configmaps",
        "deployments",
        "serviceaccounts",
    ]
    world.emit(
        times, person.name, agent, world.new_ip(), "list", world.choice(what, len(times)),
        world.choice(world.team_namespaces, len(times)), code=200, campaign=campaign,
    )  # fmt: skip


def debug_container(world: Any, start: float, campaign: int) -> None:
    """A container is added to a running pod of another team, and attached to. T1609."""
    rng, person = world.rng, world.fresh_person()
    where = world.choice([*world.prod, "kube-system"])
    times = start + rng.exponential(20, 3).cumsum()
    world.emit(
        times, person.name, person.agent(start)[0], person.ip, ["get", "patch", "create"],
        ["pods", "pods/ephemeralcontainers", "pods/attach"], where, "api-7d4b9", [200, 200, 101], campaign,
    )  # fmt: skip


def tunnel(world: Any, start: float, campaign: int) -> None:
    """A developer's credential forwards ports of other teams' databases for an evening. T1090."""
    rng, person = world.rng, world.fresh_person()
    times = start + rng.exponential(400, int(rng.integers(4, 14))).cumsum()
    where = world.choice([*world.prod, "kube-system", "monitoring", "logging"], len(times))
    world.emit(
        times, person.name, person.agent(start)[0], person.ip, "create", "pods/portforward", where,
        code=101, campaign=campaign,
    )  # fmt: skip


def operator_turned(world: Any, start: float, campaign: int) -> None:
    """An operator's stolen token makes an account, a token secret and a binding for later. T1136, T1098."""
    rng = world.rng
    account, ip = world.choice(
        [("system:serviceaccount:cert-manager:cert-manager", "10.0.3.21"), ("system:serviceaccount:velero:velero", "10.0.3.22")]
    ) if rng.random() < 0.5 else (world.fresh_app().account, "10.0.1.15")  # fmt: skip
    agent = world.choice(["kubectl/v1.29", "curl"])
    what = ["serviceaccounts", "secrets", "rolebindings"]
    times = start + rng.exponential(15, len(what)).cumsum()
    codes = [201, 201, 201] if rng.random() < 0.5 else [403, 403, 403]
    world.emit(times, account, agent, ip, "create", what, "kube-system", "metrics-agent", codes, campaign)


def node_curious(world: Any, start: float, campaign: int) -> None:
    """The credential of a compromised node asks for more than kubelets ask for; most is refused. T1613."""
    rng, node = world.rng, world.choice(world.nodes)
    times = start + rng.exponential(25, int(rng.integers(5, 30))).cumsum()
    what = ["secrets", "pods", "namespaces", "clusterroles", "daemonsets", "nodes"]
    codes = [403 if draw < 0.8 else 200 for draw in rng.random(len(times))]
    world.emit(
        times, f"system:node:{node}", world.choice(["curl", "kubelet/v1.29"]), world.node_ip[node], "list",
        world.choice(what, len(times)), code=codes, campaign=campaign,
    )  # fmt: skip


KINDS = {
    each.__name__: each
    for each in (
        cronjob_backdoor, certificate_for_later, walls_down, minted_tokens, log_harvest, wiper,
        borrowed_kubeconfig, debug_container, tunnel, operator_turned, node_curious,
    )
}  # fmt: skip
