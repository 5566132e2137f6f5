"""Everything that runs on a cluster, on a real one of two nodes: `python FILE FOLDER`.

The second node is taken away while images are embedded.
"""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.cluster_utils import Cluster

from sept_core.features import feature_store, worker
from sept_core.index import graph, search, sharded
from sept_core.jobs import job_folder
from sept_core.retrieval import scoring
from sept_core.storage import atomic


def main(folder: Path) -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    head = {"num_cpus": 1, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args=head)
    second = nodes.add_node(num_cpus=1)
    package = str(Path(feature_store.__file__).parents[1])
    os.environ["RAY_ADDRESS"] = nodes.address
    ray.init(nodes.address, runtime_env={"env_vars": {"PYTHONPATH": package}}, log_to_driver=False)
    job = job_folder.JobFolder(folder / "job")
    _lose(nodes, second)
    result = worker.main(job)
    found = _walk(Path(job.settings()["features_root"]) / result["encoder_id"] / "pool", folder)
    np.savez(folder / "found.npz", **found)
    atomic.write_json(folder / "nodes.json", {"lost": not second.any_processes_alive()})
    ray.shutdown()
    nodes.shutdown()


def _lose(nodes: Cluster, node: object) -> None:
    """Take the machine away when the first shard is written, with others in work."""
    write_shard = feature_store.write_shard

    def writing(*values: Any) -> None:
        feature_store.write_shard = write_shard
        nodes.remove_node(node, allow_graceful=False)
        write_shard(*values)

    feature_store.write_shard = writing


def _walk(pool: Path, folder: Path) -> dict[str, np.ndarray]:
    """Search, scores, clusters and graph, all of them over parts of a few shards."""
    sharded.PART_VALUES = 1
    store = feature_store.FeatureStore(pool)
    assert len(sharded.parts(store)) == len(store.shards) > 2
    return everything(store, "ray", folder)


def everything(
    store: feature_store.FeatureStore, device: str, folder: Path
) -> dict[str, np.ndarray]:
    """Return the result to compare with that of one machine."""
    queries = store.gather(np.arange(0, len(store), 7))
    allowed = np.arange(len(store)) % 5 > 0
    lists = search.nearest(store, queries, 4, allowed, device=device)
    background = scoring.background_sample(store, 0, 20)
    scores = [
        function(store, queries, background, device=device).values
        for function in (scoring.hub_corrected, scoring.classifier)
    ]
    clusters = scoring.kmeans(store, 5, 0, device=device)
    linked = [
        graph.build(
            store,
            graph.Settings(str(store.folder), str(folder), 3, exact_limit=limit, device=device),
            lambda done: None,
        )
        for limit in (10**6, 0)
    ]
    return {
        "rows": lists.rows, "uids": lists.uids, "similarity": lists.similarity,
        "hub": scores[0], "classifier": scores[1], "clusters": clusters.assignment,
        "exact_graph": linked[0].neighbours, "index_graph": linked[1].neighbours,
        "recall": np.array(linked[1].recall),
    }  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
