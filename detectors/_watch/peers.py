"""Whose peers are whose: the members of one group on one cluster, since what is usual there may be strange here.

What all clusters have in common still counts: the share of everybody stands in for peers where there are few.
"""

from __future__ import annotations

from collections.abc import Collection

Key = tuple[str, str]  # cluster and name of a group
OTHERS: Key = ("", "other")
MOST_OF_CLUSTER = 64  # groups
MOST = 256  # of all clusters


def key_of(known: Collection[Key], cluster: str, name: str) -> Key:
    """Under what a group is kept, beside those that are known; beyond some of its cluster or of all, with all others."""
    key = (cluster, name)
    if key in known:
        return key
    beyond = len(known) >= MOST or sum(each == cluster for each, _ in known) >= MOST_OF_CLUSTER
    return OTHERS if beyond else key
