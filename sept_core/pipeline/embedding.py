"""Features: start the worker that reads every image once, take over what it leaves."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sept_core import errors, files, jobs
from sept_core import sources as readers
from sept_core import targets as target_layout
from sept_core.catalogue import images, settings, sources
from sept_core.encoders import menu
from sept_core.jobfolder import JobFolder
from sept_core.pipeline import projects
from sept_core.pipeline.projects import Project

FITTING_SAMPLE = 5000
"""Pool images on which an encoder that needs it (`classic`) is fitted."""


DEFAULT = next(iter(menu.RECOMMENDED))
"""The encoder that is taken where none is named: the best that needs no download (docs/log.md)."""


@dataclass(frozen=True)
class EmbedSettings:
    """What the user chooses; the rest follows from the encoder and the machine."""

    encoder: str = DEFAULT
    precision: str = "auto"
    device: str = "auto"
    batch_size: int | None = None
    shard_size: int = 4096
    seed: int = 0
    refit: bool = False
    """Fit the encoder to the pool again, though there is a fit; only for one that is fitted."""


def start(project: Project, chosen: EmbedSettings) -> JobFolder:
    """Launch a job that embeds what `chosen.encoder` has not embedded yet: pool and targets.

    Held-out images go to stores of their own, which retrieval and selection never open.

    Raises:
        InputError: there is nothing to embed, or the encoder cannot be fitted again.
        BusyError: another embedding is under way.
    """
    for job in jobs.all_jobs(project.paths):
        if job.kind == "embed" and not job.ended:
            raise errors.BusyError(f"Embedding already runs as job {job.id}; wait or cancel it.")
    if chosen.refit and chosen.encoder not in menu.FITTED:
        raise errors.InputError(
            f"{chosen.encoder} comes with its weights and is never fitted; leave --refit out."
        )
    folder = project.paths.jobs / "worklists" / files.fingerprint(asdict(chosen))
    parts = _parts(project, folder)
    if not parts:
        raise errors.InputError(
            "There is nothing to embed; add a source first (Pool page, or sept pool add)."
        )
    fit = folder / "fit.parquet"
    pool_ids = [record.id for record in sources.every(project.db, "pool")]
    readers.write_worklist(
        fit, images.fitting_sample(project.db, pool_ids, FITTING_SAMPLE, chosen.seed)
    )
    request = asdict(chosen) | {
        "encoders_folder": str(project.paths.encoders),
        "features_root": str(project.paths.root / "features"),
        "parts": parts,
        "fit_worklist": str(fit),
    }
    return jobs.launch(project.paths, "embed", request, f"Embedding with {chosen.encoder}")


def _parts(project: Project, folder: Path) -> list[dict[str, Any]]:
    """One worklist for the pool and two for each target set, those that hold anything."""
    db = project.db
    pool_ids = [record.id for record in sources.every(db, "pool")]
    wanted = [("pool", images.worklist(db, pool_ids) if pool_ids else None)]
    for target in sources.every(db, "target"):
        split_sets = {
            "search": target_layout.SEARCH_SPLITS,
            "heldout": target_layout.HELDOUT_SPLITS,
        }
        for part, splits in split_sets.items():
            wanted.append((f"targets/{target.id}/{part}", images.worklist(db, [target.id], splits)))
    parts = []
    for collection, rows in wanted:
        if rows is not None and rows.num_rows:
            path = folder / f"{collection.replace('/', '-')}.parquet"
            readers.write_worklist(path, rows)
            parts.append({"worklist": str(path), "collection": collection})
    return parts


TRIAL_IMAGES = 128


def try_speed(project: Project, encoder: str, precision: str = "auto") -> JobFolder:
    """Launch a job that measures how fast an encoder embeds some images of the pool here.

    Raises:
        InputError: the pool is empty.
    """
    pool_ids = [record.id for record in sources.every(project.db, "pool")]
    sample = images.fitting_sample(project.db, pool_ids, TRIAL_IMAGES, seed=2)
    if not sample.num_rows:
        raise errors.InputError("The pool holds no images to try; add a source first.")
    worklist = project.paths.jobs / "worklists" / f"speed-{files.fingerprint(encoder)}.parquet"
    readers.write_worklist(worklist, sample)
    request = {
        "encoder": encoder,
        "encoders_folder": str(project.paths.encoders),
        "precision": precision,
        "worklist": str(worklist),
    }
    return jobs.launch(project.paths, "speed", request, f"Trying {encoder}")


def measured_speed(project: Project, encoder: str) -> float | None:
    """Images a second of the latest trial of an encoder on this machine, if there was one."""
    for status in jobs.all_jobs(project.paths):
        if status.kind != "speed" or status.state != "done":
            continue
        job = JobFolder(project.paths.job(status.id))
        if job.settings()["encoder"] == encoder:
            return float(job.result()["images_per_second"])
    return None


def about(project: Project, encoder: str) -> dict[str, Any]:
    """What is known of an encoder without its weights; see `encoders.registry.describe`.

    Raises:
        EncoderError: there is no such encoder.
    """
    if encoder in menu.RECOMMENDED:
        return menu.RECOMMENDED[encoder]
    from sept_core.encoders import registry  # brings torch, which takes seconds

    return registry.describe(encoder, project.paths.encoders)


def finish(project: Project, job_id: str) -> dict[str, Any]:
    """Take over what an embedding job made and make its encoder the project's current one.

    Raises:
        JobError: it did not end well; what it had finished is kept all the same.
    """
    projects.adopt(project)
    result = jobs.finish(project.paths, job_id)
    settings.put(project.db, "encoder", result["encoder_id"])
    return result
