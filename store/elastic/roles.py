"""What each part of Tallyman has to be allowed to do in a cluster, and nothing more.

The files in deploy/elasticsearch/roles/ are written from here: `python -m store.elastic.roles FOLDER`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from store.elastic.names import DATASETS, Names

Role = dict[str, Any]

STREAMS = [f"logs-{dataset}-*" for dataset in DATASETS]
ALERTS, STATE, AUDIT = "tallyman-alerts-*", "tallyman-state-*", "tallyman-audit-*"


def _may(names: list[str], *privileges: str) -> dict[str, Any]:
    return {"names": names, "privileges": list(privileges)}


# in Elasticsearch's own words: PUT _security/role/tallyman_writer takes one as it is
ROLES: dict[str, Role] = {
    # adds events and never changes one; looks first after a crash; keeps the alerts, their roll-over and the
    # retention of all that is no data stream
    "writer": {
        "cluster": ["monitor"],
        "indices": [
            _may(STREAMS, "create_doc", "auto_configure", "read", "maintenance", "view_index_metadata"),
            _may([ALERTS], "read", "index", "delete", "manage"),
            _may([AUDIT], "read", "delete", "maintenance"),
        ],
    },
    # reads events and alerts: for `tallyman serve`, and for people in Kibana
    "reader": {
        "cluster": ["monitor"],
        "indices": [_may([*STREAMS, ALERTS], "read", "view_index_metadata")],
    },
    # decisions on alerts, tokens and counters; adds to the audit log, and never changes or deletes a line of it
    "state": {
        "cluster": ["monitor"],
        "indices": [
            _may([ALERTS], "read", "index", "maintenance", "view_index_metadata"),
            _may([STATE], "read", "index", "delete", "maintenance", "view_index_metadata"),
            _may([AUDIT], "read", "create_doc", "maintenance", "view_index_metadata"),
        ],
    },
    # `tallyman store setup|check|migrate`: templates, retention, indices; reads and writes no document
    "setup": {
        "cluster": ["monitor", "manage_index_templates", "manage_ilm"],
        "indices": [_may([*STREAMS, ALERTS, STATE, AUDIT], "manage", "view_index_metadata")],
    },
}
PURPOSES: dict[str, tuple[str, ...]] = {  # command -> the roles that it needs
    "run": ("writer", "state"),
    "serve": ("reader", "state"),
    "setup": ("setup",),
}


def wanted(role: str, ours: Names) -> dict[str, Any]:
    """The question whether an account has this role's privileges, for one namespace: body of `_has_privileges`."""
    return {
        "cluster": [each for each in ROLES[role]["cluster"] if each != "manage_ilm"],  # only where it is used
        "index": [
            {**each, "names": [name.removesuffix("*") + ours.namespace for name in each["names"]]}
            for each in ROLES[role]["indices"]
        ],
    }


def text(role: str) -> str:
    """The role as the content of its file."""
    return json.dumps(ROLES[role], indent=2) + "\n"


if __name__ == "__main__":
    for role in ROLES:
        Path(sys.argv[1], f"{role}.json").write_text(text(role), "utf-8")
