"""How many voices there are among speaker embeddings, and which is whose: agglomerative clustering by average linkage.

The mean dot product of two clusters' members is the dot product of their mean vectors, so a cluster is its sum and
its size and nothing else: no table of all pairs, and clusters of clusters are exact.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
"""Shape (n, d), each of length 1."""

BLOCK = 1000
"""Vectors that are compared with each other at once; those of a quarter of an hour. The time goes with its square."""


@dataclass
class _Cluster:
    total: npt.NDArray[np.float32]
    members: list[int]


def cluster(vectors: Vectors, alike: float) -> list[int]:
    """A cluster number per vector, counted in order of first appearance.

    Clusters are joined while the mean similarity (dot product) of their members is at least ``alike``. Longer input is
    clustered block by block, then the clusters of the blocks.
    """
    clusters: list[_Cluster] = []
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
        clusters += _join([_Cluster(vector, [start + place]) for place, vector in enumerate(block)], alike)
    if len(vectors) > BLOCK:
        clusters = _join(clusters, alike)
    labels = [0] * len(vectors)
    for number, found in enumerate(sorted(clusters, key=lambda one: min(one.members))):
        for member in found.members:
            labels[member] = number
    return labels


def _join(clusters: list[_Cluster], alike: float) -> list[_Cluster]:
    """Average linkage by chains of nearest neighbours (Murtagh, 1983): each is nearer to its successor than to any
    other, so the last two, when nearest to each other, may be joined at once. One whose nearest is not alike enough
    never will be joined: no cluster is more similar to it than the most similar of its parts."""
    waiting = dict(enumerate(clusters))
    means = np.stack([c.total / len(c.members) for c in clusters]) if clusters else np.zeros((0, 1), np.float32)
    open_ = np.ones(len(clusters), bool)
    done: list[_Cluster] = []
    chain: list[int] = []
    while waiting:
        tip = chain[-1] if chain else next(iter(waiting))
        if not chain:
            chain.append(tip)
        open_[tip] = False
        similarity = np.where(open_, means @ means[tip], -np.inf)
        open_[tip] = True
        nearest = int(np.argmax(similarity))
        if len(chain) > 1 and similarity[chain[-2]] >= similarity[nearest]:
            nearest = chain[-2]  # of equals the one before, or the chain might go in circles
        if similarity[nearest] < alike:
            open_[tip] = False
            done.append(waiting.pop(chain.pop()))
        elif len(chain) > 1 and nearest == chain[-2]:
            del chain[-2:]
            one, other = waiting[nearest], waiting.pop(tip)
            one.total = one.total + other.total
            one.members += other.members
            means[nearest] = one.total / len(one.members)
            open_[tip] = False
        else:
            chain.append(nearest)
    return done
