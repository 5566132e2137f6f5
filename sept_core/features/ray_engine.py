"""A Ray cluster as an embedding engine: Ray Data streams slices of a worklist through encoders.

In: an encoder and slices of a worklist. Out: the same batches, in the same order, as one engine
gives; on CPUs to the last bit. The one process that asked writes the shards, so that they are cut
and named as on one machine. A lost machine's slices are embedded again.
"""

import functools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sept_core import errors
from sept_core.features import engine
from sept_core.ingest import worklists
from sept_core.jobs import ray_cluster

GROUP = 8
"""Number of batches sent together."""


class RayEngine:
    """One `engine.LocalEngine` for each GPU of the cluster, or where it has none for each CPU."""

    def __init__(self, choice: engine.EncoderChoice) -> None:
        self._ray = ray_cluster.connect()
        self._choice = choice
        resources = self._ray.cluster_resources()
        self._gpus, cpus = int(resources.get("GPU", 0)), ray_cluster.processors(self._ray)
        self._workers = self._gpus or cpus
        self._threads = max(1, cpus // self._workers)
        [self.card] = ray_cluster.ordered(_card, [(choice, self._device)])

    @property
    def _device(self) -> str:
        return "cuda" if self._gpus else "cpu"

    def batches(self, worklist: Path, slices: list[np.ndarray]) -> engine.Results:
        """See `engine.Engine`."""
        from ray import data

        context = data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        context.max_errored_blocks = 0
        groups = [slices[low : low + GROUP] for low in range(0, len(slices), GROUP)]
        items = [{"slices": pickle.dumps(group)} for group in groups]
        if not items:
            return
        # Tasks and not actors: those of a lost machine go to another that is at work already.
        stream = data.from_items(items, override_num_blocks=len(items)).map(
            _embed,  # type: ignore[arg-type]  # Ray adds `fn_args`
            fn_args=(self._choice, self._device, self._threads, str(worklist)),
            compute=data.TaskPoolStrategy(size=self._workers),
            num_cpus=self._threads,
            num_gpus=1 if self._gpus else 0,
        )
        for row in stream.iter_rows():
            outcome = pickle.loads(row["batches"])
            if isinstance(outcome, errors.SeptError):
                raise outcome
            yield from outcome

    def close(self) -> None:
        """Do nothing: Ray ends its workers with this process."""


def _embed(
    row: dict[str, Any], choice: engine.EncoderChoice, device: str, threads: int, worklist: str
) -> dict[str, Any]:
    """Embed one group of slices; an error that a user can fix is returned as a value."""
    try:
        local, table = _engine(choice, device, threads), _table(worklist)
        done: Any = list(local.embed(table, pickle.loads(row["slices"])))
    except errors.SeptError as problem:
        done = problem
    return {"batches": pickle.dumps(done)}


# Ray uses its worker processes again, and each keeps what it has loaded.


@functools.lru_cache(maxsize=1)
def _engine(choice: engine.EncoderChoice, device: str, threads: int) -> engine.LocalEngine:
    return engine.LocalEngine(choice, device, threads)


@functools.lru_cache(maxsize=1)
def _table(worklist: str) -> pa.Table:
    return worklists.read(Path(worklist))


def _card(choice: engine.EncoderChoice, device: str) -> dict[str, Any]:
    return engine.LocalEngine(choice, device, 1).card
