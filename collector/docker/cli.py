"""The docker command that does what a Docker event tells of."""

from __future__ import annotations

import shlex

from collector.sentences import SHELLS, opens_shell, quote
from event_model.event import Event

# {name} is the object, the others are attributes; capital words are for the reader to fill in
_COMMANDS = {
    "container": {
        "create": "docker create --name {name} {image}",
        "start": "docker start {name}",
        "restart": "docker restart {name}",
        "stop": "docker stop {name}",
        "kill": "docker kill --signal {signal} {name}",
        "pause": "docker pause {name}",
        "unpause": "docker unpause {name}",
        "update": "docker update {name}",
        "rename": "docker rename {oldName} {name}",
        "destroy": "docker rm {name}",
        "attach": "docker attach {name}",
        "top": "docker top {name}",
        "archive-path": "docker cp {name}:PATH .",
        "extract-to-dir": "docker cp FILE {name}:PATH",
        "export": "docker export --output FILE {name}",
        "commit": "docker commit {name} {imageRef}",
        "prune": "docker container prune",
    },
    "image": {
        "pull": "docker pull {image}",
        "push": "docker push {image}",
        "tag": "docker tag {id} {name}",
        "untag": "docker rmi {image}",
        "delete": "docker rmi {image}",
        "load": "docker load --input FILE",
        "import": "docker import FILE",
        "save": "docker save --output FILE {image}",
        "prune": "docker image prune",
    },
    "network": {
        "create": "docker network create {name}",
        "connect": "docker network connect {name} {container}",
        "disconnect": "docker network disconnect {name} {container}",
        "remove": "docker network rm {name}",
        "destroy": "docker network rm {name}",
        "prune": "docker network prune",
    },
    "volume": {
        "create": "docker volume create {name}",
        "destroy": "docker volume rm {name}",
        "prune": "docker volume prune",
    },
    "plugin": {
        "install": "docker plugin install {name}",
        "enable": "docker plugin enable {name}",
        "disable": "docker plugin disable {name}",
        "remove": "docker plugin rm {name}",
    },
    "service": {"create": "docker service create --name {name} IMAGE", "remove": "docker service rm {name}"},
    "node": {"create": "docker swarm join MANAGER", "remove": "docker node rm {name}"},
    "secret": {"create": "docker secret create {name} FILE", "remove": "docker secret rm {name}"},
    "config": {"create": "docker config create {name} FILE", "remove": "docker config rm {name}"},
    "builder": {"prune": "docker builder prune"},
}


class _Words(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


def command(event: Event) -> str:
    """The command to copy; empty for what nobody asked for, such as the end of a process."""
    kind, action = event.resource_type or "", event.action or ""
    attributes = event.native.Actor.Attributes
    name = quote(event.resource_name or event.resource_id or "?")
    if kind == "container" and action in ("exec_create", "exec_start"):
        return _exec(name, event.command_line or "")
    if action == "update" and kind in ("service", "node"):
        return _update(kind, name, attributes)
    words = _Words({key: quote(value) for key, value in attributes.items() if value})
    words["oldName"] = quote(attributes.get("oldName", "?").lstrip("/"))
    words["name"], words["id"] = name, quote(event.resource_id or "?")
    words["image"] = quote(event.images[0]) if event.images else words["id"]
    return _COMMANDS.get(kind, {}).get(action, "").format_map(words)


def _exec(name: str, line: str) -> str:
    """Docker joins the words of a command with blanks; what follows `sh -c` was one of them."""
    words = line.split(" ")
    shell = words[0].rpartition("/")[2] in SHELLS
    if shell and len(words) > 2 and words[1].startswith("-") and words[1].endswith("c"):
        words = [*words[:2], " ".join(words[2:])]
    terminal = "-it " if opens_shell(words) and len(words) == 1 else ""
    return f"docker exec {terminal}{name} {' '.join(map(quote, words))}" if line else f"docker exec {name}"


def _update(kind: str, name: str, attributes: dict[str, str]) -> str:
    flags = {"replicas": "--replicas", "image": "--image", "role": "--role", "availability": "--availability"}
    options = "".join(
        f" {flag} {shlex.quote(attributes[f'{field}.new'])}"
        for field, flag in flags.items()
        if attributes.get(f"{field}.new")
    )
    return f"docker {kind} update{options} {name}"
