"""An own encoder, the first step of the paper (docs/method.md §1): train it on a random part of the
pool, then embed the whole pool with it.

In: a pool that has been embedded once, with any encoder. Out: a pre-training run; when it is done,
`chain.advance` embeds with its checkpoint.
"""

from typing import Any

from sept_core import errors
from sept_core.jobs.job_folder import JobFolder
from sept_core.pretrain.launch import HERE, Launch
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import selections
from sept_core.services.curate.requests import Request
from sept_core.services.data import chain, collections
from sept_core.services.project.project import Project
from sept_core.services.train import pretraining


def start(
    project: Project,
    images: int,
    method: str,
    backbone: str,
    changes: dict[str, Any],
    where: Launch = HERE,
) -> JobFolder:
    """Draw a random part of the pool and launch training on it; `chain.advance` does the rest.

    Near-duplicates of held-out target images are excluded, and review decisions are ignored.

    Args:
        project: the open project, embedded and prepared with any encoder.
        images: number of images to train on; the whole pool if it has fewer.
        method, backbone, changes: see `pretraining.plan`.
        where: number of processes, and what starts them.

    Raises:
        InputError: there is no target set, the pool is not prepared, or a setting is invalid.
        NotFoundError: nothing is embedded.
        LeakError: see `selections.select`.
    """
    targets = tuple(collections.names(project, "target"))
    if not targets:
        raise errors.InputError(
            "Add a target set first: its test images are kept out of the encoder's training."
        )
    drawn = SelectionSettings(strategy="random", budget=images, seed=changes.get("seed", 0))
    made = selections.select(project, Request(targets, drawn, decisions=False))
    name = pretraining.free_name(project.paths, f"encoder-{method}-{backbone}")
    job = pretraining.start_selection(
        project, made["selection"], name, method, backbone, changes, where
    )
    chain.embed_with(project, name)
    return job
