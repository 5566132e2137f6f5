"""Features: start the worker that reads every image once, and adopt its results."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from sept_core import errors
from sept_core import targets as target_layout
from sept_core.catalogue import settings, source_table, work_table
from sept_core.encoders import families, registry
from sept_core.encoders.families import Facts
from sept_core.features import feature_store
from sept_core.features.retrying import DELAYS
from sept_core.imaging import decoders, pixel_values
from sept_core.ingest import worklists
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.services.data import collections, scaling
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import hashing

DEFAULT = families.DEFAULT
"""Default encoder."""

ROLES = tuple(source_table.ROLES)


@dataclass(frozen=True)
class EmbedSettings:
    """The user's choices; the rest follows from the encoder and the machine.

    `retry_delays` are the seconds before each retry of files that cannot be read.
    """

    encoder: str = DEFAULT
    precision: str = "auto"
    device: str = "auto"
    batch_size: int | None = None
    shard_size: int = 4096
    seed: int = 0
    retry_delays: Sequence[float] = DELAYS


def start(
    project: Project,
    chosen: EmbedSettings,
    roles: Sequence[str] = ROLES,
    renew: str | None = None,
    *,
    value_range: Sequence[str] = (),
    rebuild: bool = False,
) -> JobFolder:
    """Launch a job that embeds what `chosen.encoder` has not embedded yet: pool and targets.

    Unreadable files, and those that an earlier decoder rejected, are retried. Held-out images go to
    separate stores, which retrieval and selection never open.

    Args:
        project: the open project.
        chosen: the encoder and its settings.
        roles: `pool`, `target` or both.
        renew: see `renew`.
        value_range: new range for images of more than 8 bits; see `scaling.change`.
        rebuild: delete the encoder's features first.

    Raises:
        InputError: there is nothing to embed (the message says why), or existing features were made
            with other value ranges.
        BusyError: another embedding is running.
    """
    for job in launcher.all_jobs(project.paths):
        if job.kind == "embed" and not job.ended:
            raise errors.BusyError(
                f"An embedding is already running as job {job.id}; wait for it, or cancel it."
            )
    for role in roles:
        collections.list_unreadable_again(project, role)
    folder = project.paths.jobs / "worklists" / hashing.fingerprint([asdict(chosen), list(roles)])
    parts = _parts(project, folder, roles)
    if not parts:
        raise errors.InputError(f"There is nothing to embed; {_why_nothing(project, roles)}")
    pixel_values.parse(text for text in value_range if text != scaling.AUTO)
    if rebuild:
        projects.check_idle(project.paths.root)
        scaling.remove_features(project, chosen.encoder)
    scaling.change(project, value_range, chosen.encoder)
    fit = folder / "fit.parquet"
    pool_ids = [record.id for record in source_table.every(project.db, "pool")]
    worklists.write(
        fit, work_table.fitting_sample(project.db, pool_ids, registry.FIT_IMAGES, chosen.seed)
    )
    request = asdict(chosen) | {
        "encoders_folder": str(project.paths.encoders),
        "features_root": str(project.paths.root / "features"),
        "parts": parts,
        "fit_worklist": str(fit),
        "renew": renew,
        "value_ranges": scaling.current(project).to_json(),
    }
    what = "Renewing the features of" if renew else "Embedding with"
    return launcher.launch(project.paths, "embed", request, f"{what} {chosen.encoder}")


def retry_delays(seconds: float) -> tuple[float, ...]:
    """Return the delays of three retries within this many seconds."""
    return tuple(delay / sum(DELAYS) * seconds for delay in DELAYS)


def retry(project: Project, role: str, delays: Sequence[float] = DELAYS) -> JobFolder:
    """Launch a job that retries the unreadable files of a role with the last embedding's settings.

    Raises:
        InputError: there are none.
        BusyError: another embedding is running.
    """
    if not collections.unreadable(project, role).num_rows:
        raise errors.InputError("All files could be read; there is nothing to retry.")
    return start(project, replace(_last_settings(project), retry_delays=delays), (role,))


def _last_settings(project: Project) -> EmbedSettings:
    names = EmbedSettings.__dataclass_fields__
    for job in launcher.all_jobs(project.paths):
        if job.kind == "embed":
            asked = JobFolder(project.paths.job(job.id)).settings()
            return EmbedSettings(**{name: asked[name] for name in names if name in asked})
    return EmbedSettings()


def renew(project: Project, encoder: str | None = None) -> JobFolder:
    """Launch a job that replaces the features of an earlier decoder version.

    Images that cannot be read now keep their features; all do if the job fails.

    Raises:
        NotFoundError: nothing is embedded with the encoder.
        InputError: all features were made with the current decoder.
        BusyError: another embedding is running.
    """
    record = projects.find_encoder_record(project, encoder)
    begun = (project.paths.root / feature_store.RENEWAL / record["id"]).exists()
    if not record["older_decoder"] and not begun:
        raise errors.InputError(
            f"All features of {record['spec']} were made with the current decoder, "
            f"{decoders.version()}; there is nothing to renew."
        )
    chosen = EmbedSettings(record["spec"], record["precision"])
    return start(project, chosen, renew=str(record["id"]))


def _parts(project: Project, folder: Path, roles: Sequence[str]) -> list[dict[str, Any]]:
    """Return one worklist for the pool and two for each target set, without empty ones."""
    db = project.db
    wanted: list[tuple[str, pa.Table]] = []
    pool_ids = [record.id for record in source_table.every(db, "pool")]
    if "pool" in roles and pool_ids:
        wanted.append(("pool", work_table.worklist(db, pool_ids)))
    split_sets = {"search": target_layout.SEARCH_SPLITS, "heldout": target_layout.HELDOUT_SPLITS}
    for target in source_table.every(db, "target") if "target" in roles else ():
        for part, splits in split_sets.items():
            wanted.append(
                (f"targets/{target.id}/{part}", work_table.worklist(db, [target.id], splits))
            )
    parts = []
    for collection, rows in wanted:
        if rows.num_rows:
            path = folder / f"{collection.replace('/', '-')}.parquet"
            worklists.write(path, rows)
            parts.append({"worklist": str(path), "collection": collection})
    return parts


def _why_nothing(project: Project, roles: Sequence[str]) -> str:
    """Explain why there is no file to embed, and the remedy."""
    records = [record for role in roles for record in source_table.every(project.db, role)]
    if not records:
        return "add a source first (Pool page, or sept pool add)."
    counts = [source_table.counts(project.db, record.id) for record in records]
    unreadable, rejected, known = (
        sum(count[state] for count in counts) for state in ("unreadable", "rejected", "ok")
    )
    if unreadable:
        return f"{_files(unreadable)} cannot be read now (sept pool status lists the reasons)."
    if rejected:
        return f"all {_files(rejected)} were rejected (sept pool status lists the reasons)."
    if known:
        return "all images are known by imported features only; add a source of image files."
    return "the sources no longer hold files; list them again."


def _files(count: int) -> str:
    return f"{count:,} file{'s' if count != 1 else ''}"


COUNTED = ("ok", "no_features", "rejected", "unreadable", "duplicates", "already_done")
"""Counts of the worker for each collection."""


@dataclass(frozen=True)
class Summary:
    """Summary of an embedding for the user.

    Attributes:
        parts: the worker's counts, by display name of the collection.
        sentence: all counts.
        failure: why it is not a success (unreadable files, or none gave features), or None.
    """

    parts: dict[str, dict[str, Any]]
    sentence: str
    failure: str | None


def summary(project: Project, result: Mapping[str, Any]) -> Summary:
    """Summarise the result of an embedding job, and the files still waiting in the project."""
    names = {record.id: record.name for record in source_table.every(project.db, "target")}
    parts = {_named(part["collection"], names): part for part in result["parts"]}
    ok, featureless, rejected, unread, _, before = (
        sum(part[word] for part in parts.values()) for word in COUNTED
    )
    handled = ok + featureless + rejected + unread
    if not handled:
        sentence = f"There was nothing new to embed: {_files(before)} had been embedded before."
        return Summary(parts, sentence, _failure(project, 0, 0, 0, 0))
    clauses = [f"Embedded {ok:,} of {_files(handled)}"]
    clauses += [f"{rejected:,} rejected"] if rejected else []
    clauses += [f"{featureless:,} without features"] if featureless else []
    clauses += [f"{unread:,} unreadable"] if unread else []
    failure = _failure(project, ok, featureless, rejected, unread)
    return Summary(parts, "; ".join(clauses) + ".", failure)


def _named(collection: str, targets: dict[str, str]) -> str:
    """Return `pool`, or the name of a target set and its part."""
    if "/" not in collection:
        return collection
    _, ident, part = collection.split("/")
    return f"{targets.get(ident, ident)} ({part})"


def _failure(project: Project, ok: int, featureless: int, rejected: int, unread: int) -> str | None:
    waiting = [row for role in ROLES for row in collections.unreadable(project, role).to_pylist()]
    count = max(unread, len(waiting))
    if count:
        first = f" (first: {waiting[0]['rel_path']}: {waiting[0]['reason']})" if waiting else ""
        return (
            f"{_files(count)} could not be read and wait{'s' if count == 1 else ''} to be "
            f"retried{first}; restore them, then run sept embed or sept pool retry."
        )
    if not ok and rejected:
        return f"All {_files(rejected)} were rejected; sept pool status lists the reasons."
    if not ok and featureless:
        return f"The encoder gave none of {_files(featureless)} features; choose another encoder."
    return None


TRIAL_IMAGES = 128


def try_speed(project: Project, encoder: str, precision: str = "auto") -> JobFolder:
    """Launch a job that measures the speed of an encoder on some images of the pool.

    Raises:
        InputError: the pool is empty.
    """
    pool_ids = [record.id for record in source_table.every(project.db, "pool")]
    sample = work_table.fitting_sample(project.db, pool_ids, TRIAL_IMAGES, seed=2)
    if not sample.num_rows:
        raise errors.InputError("The pool holds no images to try; add a source first.")
    worklist = project.paths.jobs / "worklists" / f"speed-{hashing.fingerprint(encoder)}.parquet"
    worklists.write(worklist, sample)
    request = {
        "encoder": encoder,
        "encoders_folder": str(project.paths.encoders),
        "precision": precision,
        "worklist": str(worklist),
        "value_ranges": scaling.current(project).to_json(),
    }
    return launcher.launch(project.paths, "speed", request, f"Trying {encoder}")


def measured_speed(project: Project, encoder: str) -> float | None:
    """Return images per second of the latest trial of an encoder on this machine, if any."""
    for status in launcher.all_jobs(project.paths):
        if status.kind != "speed" or status.state != "done":
            continue
        job = JobFolder(project.paths.job(status.id))
        if job.settings()["encoder"] == encoder:
            return float(job.result()["images_per_second"])
    return None


def about(encoder: str) -> Facts:
    """Describe an encoder without its weights; see `encoders.registry.describe`.

    Raises:
        EncoderError: there is no such encoder.
    """
    if encoder in families.RECOMMENDED:
        return families.RECOMMENDED[encoder]
    return registry.describe(encoder)  # imports torch, which takes seconds


def finish(project: Project, job_id: str) -> dict[str, Any]:
    """Adopt the result of an embedding job and make its encoder the project's current one.

    An encoder that gave no pool image features does not replace one that did.

    Raises:
        JobError: it failed, was cancelled or was lost; finished parts are kept.
    """
    projects.adopt(project)
    result = launcher.finish(project.paths, job_id)
    encoder_id = result["encoder_id"]
    has_features = len(feature_store.FeatureStore(project.paths.pool_features(encoder_id))) > 0
    if has_features or settings.get(project.db, "encoder") is None:
        settings.put(project.db, "encoder", encoder_id)
    return result
