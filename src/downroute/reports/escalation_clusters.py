"""Requests that are about the same, by their words: TF-IDF and k-means, blind to what escalated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans  # type: ignore[import-untyped]
from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]

FEWEST_CALLS = 100
PER_CLUSTER = 50
"""Calls a cluster has on average at least."""
MOST_CLUSTERS = 12
LEARNT_FROM = 5_000
NAMED_BY = 3
"""Words a cluster is called by."""


def clusters(asked: Sequence[frozenset[str] | None]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Each cluster's name and its calls. Calls without words are in none."""
    place = np.array([i for i, words in enumerate(asked) if words], dtype=int)
    said = [sorted(words) for words in asked if words]
    if len(said) < FEWEST_CALLS:
        return
    vectorizer = TfidfVectorizer(
        analyzer=_as_they_are, min_df=5, max_df=0.9, max_features=2_000, dtype=np.float32
    )
    step = -(-len(said) // LEARNT_FROM)
    try:
        vectorizer.fit(said[::step])
    except ValueError:
        # No word is in several requests and missing in others: there is nothing to tell apart.
        return
    rows = vectorizer.transform(said)
    count = min(MOST_CLUSTERS, len(said) // PER_CLUSTER)
    means = MiniBatchKMeans(n_clusters=count, random_state=0, n_init=3, batch_size=1024)
    means.fit(rows[::step])
    labels = means.predict(rows)
    names = vectorizer.get_feature_names_out()
    for label in range(count):
        best = np.argsort(-means.cluster_centers_[label], kind="stable")[:NAMED_BY]
        holds = np.zeros(len(asked), dtype=bool)
        holds[place[labels == label]] = True
        yield ", ".join(str(names[i]) for i in best), holds


def _as_they_are(words: list[str]) -> list[str]:
    return words
