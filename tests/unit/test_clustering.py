import tracemalloc

import numpy as np
import pytest

from izwi import clustering
from izwi.clustering import cluster


def around(directions: list[int], spread: float, seed: int = 0) -> np.ndarray:
    source = np.random.default_rng(seed)
    vectors = np.eye(32)[directions] + source.normal(0, spread, (len(directions), 32))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def brute_force(vectors: np.ndarray, alike: float) -> list[int]:
    """Average linkage by its definition: the two most similar clusters, again and again."""
    clusters = [[place] for place in range(len(vectors))]
    table = vectors @ vectors.T
    while len(clusters) > 1:
        pairs = [(i, j) for i in range(len(clusters)) for j in range(i)]
        i, j = max(pairs, key=lambda p: table[np.ix_(clusters[p[0]], clusters[p[1]])].mean())
        if table[np.ix_(clusters[i], clusters[j])].mean() < alike:
            break
        clusters[j] += clusters.pop(i)
    labels = [0] * len(vectors)
    for number, members in enumerate(sorted(clusters, key=min)):
        for member in members:
            labels[member] = number
    return labels


def test_three_voices() -> None:
    order = [4, 4, 9, 4, 1, 9, 1, 1, 4]
    assert cluster(around(order, 0.05), 0.5) == [0, 0, 1, 0, 2, 1, 2, 2, 0]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("alike", [0.2, 0.4, 0.7])
def test_it_is_average_linkage(seed: int, alike: float) -> None:
    directions = np.random.default_rng(seed).integers(0, 4, 30).tolist()
    vectors = around(directions, 0.2, seed)
    assert cluster(vectors, alike) == brute_force(vectors, alike)


@pytest.mark.parametrize("seed", range(4))
def test_blocks_find_the_same_voices(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    directions = np.random.default_rng(seed).integers(0, 3, 200).tolist()
    vectors = around(directions, 0.08, seed)
    whole = cluster(vectors, 0.5)
    monkeypatch.setattr(clustering, "BLOCK", 30)
    assert cluster(vectors, 0.5) == whole


def test_few_and_equal_vectors() -> None:
    assert cluster(np.zeros((0, 4), np.float32), 0.5) == []
    assert cluster(np.eye(1, 4, dtype=np.float32), 0.5) == [0]
    assert cluster(np.tile(np.eye(1, 4, dtype=np.float32), (9, 1)), 0.5) == [0] * 9
    assert cluster(np.eye(4, dtype=np.float32), 0.5) == [0, 1, 2, 3]
    assert cluster(np.eye(4, dtype=np.float32), 0.0) == [0] * 4


def test_an_hour_of_windows_takes_no_table_of_all_pairs() -> None:
    directions = np.random.default_rng(0).integers(0, 6, 7_200).tolist()
    vectors = around(directions, 0.1)
    tracemalloc.start()
    found = cluster(vectors, 0.4)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(set(found)) == 6
    assert peak < len(vectors) ** 2  # bytes; the table would take four for each pair
