"""What type and action of a Docker event say in ECS: categories and types."""

from __future__ import annotations

from functools import lru_cache

Act = tuple[tuple[str, ...], tuple[str, ...]]  # event.category, event.type

_CHANGES = {
    "create": "creation", "install": "creation",
    "update": "change", "rename": "change", "enable": "change", "disable": "change", "reload": "change",
    "upgrade": "change", "set": "change",
    "remove": "deletion", "destroy": "deletion", "delete": "deletion", "prune": "deletion",
    "mount": "access", "unmount": "access",
}  # fmt: skip
_CONTAINER: dict[str, Act] = {
    **{action: (("process",), ("start",)) for action in ("start", "restart", "exec_create", "exec_start")},
    **{action: (("process",), ("end",)) for action in ("stop", "die", "kill", "oom", "exec_die")},
    **{
        action: (("process",), ("access",))
        for action in ("attach", "archive-path", "extract-to-dir", "export", "copy", "top")
    },
    **{action: (("process",), ("change",)) for action in ("pause", "unpause", "resize")},
    **{action: (("process",), ("info",)) for action in ("health_status", "detach", "exec_detach")},
    "commit": (("process", "package"), ("access", "installation")),
}
_IMAGE = {
    "pull": "installation", "load": "installation", "import": "installation", "build": "installation",
    "tag": "change", "push": "access", "save": "access",
    "delete": "deletion", "untag": "deletion", "remove": "deletion", "prune": "deletion",
}  # fmt: skip
_NETWORK: dict[str, Act] = {
    "connect": (("network",), ("connection", "start")),
    "disconnect": (("network",), ("connection", "end")),
}


@lru_cache(maxsize=1024)
def act_of(kind: str, action: str) -> Act:
    """Category and type of an action on a kind of object."""
    special = _CONTAINER if kind == "container" else _NETWORK if kind == "network" else {}
    if action in special:
        return special[action]
    if kind in ("image", "builder"):
        return ("package",), (_IMAGE.get(action, "info"),)
    return ("configuration",), (_CHANGES.get(action, "info"),)
