"""How unlike all others a row of numbers is: scikit-learn's Isolation Forest, and the nearest of 256 rows beside it.

Scores of closed windows come in one batch, so they go through each tree's `apply` and a table of path lengths:
exactly `score_samples`, an order of magnitude faster for small batches.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri  # type: ignore[import-untyped]

TREES = 100
SAMPLE = 256  # rows of a tree, and rows to be near to
NEAREST = 5
TAIL = 0.01  # beyond this share of the rows the tail is taken as exponential
LEAST_TAIL = (
    0.25  # of a single number, which is an area sine: shares then fall no faster than its fourth power
)
DOUBTED = 768  # rows of which a model is believed by half
_EULER = 0.5772156649015329

Rows = NDArray[np.float32]
Scores = NDArray[np.float64]


class Model:
    """Fitted on `rows` (n by columns), the same for the same rows."""

    def __init__(self, rows: Rows) -> None:
        from sklearn.ensemble import IsolationForest  # 100 MB, and only who has windows to judge needs it
        from sklearn.neighbors import NearestNeighbors

        self.rows = rows
        forest = IsolationForest(n_estimators=TREES, max_samples=min(SAMPLE, len(rows)), random_state=0)
        forest.fit(rows)
        self._trees = [(each.tree_, _depths(each.tree_)) for each in forest.estimators_]
        self._usual_depth = TREES * float(_average_path(np.array([min(SAMPLE, len(rows))]))[0])
        order = np.random.default_rng(0).permutation(len(rows))
        near, rest = rows[order[:SAMPLE]], rows[order[SAMPLE:]]
        self._near = NearestNeighbors(n_neighbors=min(NEAREST, len(near)), algorithm="ball_tree").fit(near)
        others = rest if len(rest) >= SAMPLE else rows
        self._isolated, self._far = _Tail(self.isolation(rows), 1e-3), _Tail(self.distance(others), 1e-3)
        self._columns = [_Tail(np.abs(column), LEAST_TAIL) for column in rows.T.astype(float)]
        self._confidence = len(rows) / (len(rows) + DOUBTED)

    def isolation(self, rows: Rows) -> Scores:
        """As `-score_samples`: 0.5 for the ordinary, to 1 for what few cuts set apart (Liu et al., ICDM 2008)."""
        depths = np.zeros(len(rows))
        for tree, table in self._trees:
            depths += table[tree.apply(rows)]
        return np.asarray(2.0 ** (-depths / self._usual_depth))

    def distance(self, rows: Rows) -> Scores:
        """Mean distance to the nearest of the 256 rows."""
        return np.asarray(self._near.kneighbors(rows)[0].mean(axis=1))

    def surprise(self, rows: Rows) -> Scores:
        """Nats: -ln of the share of windows that are as unlike the others.

        Isolation and distance are one voice, for they mostly agree: their shares become normal quantiles, whose mean
        is turned back. The other is the rarest single number, which neither sees well among twenty. The louder of
        both counts. A model of few rows knows little of tails, and is believed accordingly.
        """
        columns = [tail.share(np.abs(column)) for tail, column in zip(self._columns, rows.T, strict=True)]
        rarest = -np.log(len(columns) * np.min(columns, axis=0))  # of so many, one is always rare
        shares = (self._isolated.share(self.isolation(rows)), self._far.share(self.distance(rows)))
        together = -log_ndtr(np.mean([ndtri(share) for share in shares], axis=0))
        return np.asarray(np.maximum(0.0, np.maximum(together, rarest) - np.log(2)) * self._confidence)


class _Tail:
    """The share of rows with at least a score: counted, and beyond the last hundredth an exponential tail."""

    def __init__(self, scores: Scores, least: float) -> None:
        self._sorted = np.sort(scores)
        self._from = float(np.quantile(scores, 1 - TAIL))
        excess = scores[scores > self._from] - self._from
        self._scale = max(float(excess.mean()) if len(excess) else 0.0, least)

    def share(self, scores: Scores) -> Scores:
        above = len(self._sorted) - np.searchsorted(self._sorted, scores, side="left")
        counted = (above + 1) / (len(self._sorted) + 2)
        tail = TAIL * np.exp(-np.clip((scores - self._from) / self._scale, 0.0, 600.0))
        return np.where(scores > self._from, np.minimum(tail, counted), counted)


def _depths(tree: Any) -> Scores:
    """For each node: its depth, and what the rows that end there would still have to go on average."""
    depth = np.zeros(tree.node_count)
    for node in range(tree.node_count):  # children come after their parents
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1
    return depth + _average_path(tree.n_node_samples)


def _average_path(rows: NDArray[Any]) -> Scores:
    """Average path of an unsuccessful search in a binary tree of so many rows."""
    many = np.maximum(rows.astype(float), 3)
    paths = 2 * (np.log(many - 1) + _EULER) - 2 * (many - 1) / many
    return np.where(rows > 2, paths, np.where(rows == 2, 1.0, 0.0))
