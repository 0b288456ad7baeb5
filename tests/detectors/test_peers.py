"""Peers are the members of one group on one cluster; how many groups there can be is bounded."""

from detectors._watch.peers import MOST, MOST_OF_CLUSTER, OTHERS, Key, key_of


def known(clusters: int, each: int) -> dict[Key, int]:
    return {(f"cluster{number // each}", f"group{number}"): number for number in range(clusters * each)}


def test_a_group_is_one_for_each_cluster() -> None:
    assert key_of({}, "prod", "people") == ("prod", "people")
    assert key_of({("prod", "people"): 1}, "dev", "people") == ("dev", "people")


def test_a_cluster_with_too_many_groups_takes_none_from_the_others() -> None:
    groups = known(1, MOST_OF_CLUSTER)
    assert key_of(groups, "cluster0", "one more") == OTHERS
    assert key_of(groups, "cluster0", "group7") == ("cluster0", "group7")
    assert key_of(groups, "cluster1", "one more") == ("cluster1", "one more")


def test_groups_of_all_clusters_together_are_bounded() -> None:
    groups = known(MOST // 4, 4)
    assert key_of(groups, "a new cluster", "people") == OTHERS
    assert key_of(groups, "cluster0", "group3") == ("cluster0", "group3")
