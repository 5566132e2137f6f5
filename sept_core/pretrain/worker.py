"""One pre-training run, by one process or by each of a group; `launch` is the job around it.

In (job settings): `manifest` (path), `roots` (source name → folder), `run` (folder),
`pretrain` (see `settings`), `probe_worklist` (path or null). Out, in the run folder:

    settings.json      the settings, with the manifest's hash; a resumed run must match
    metrics.jsonl      one line every few steps
    checkpoint.pt      while it runs: all that is needed to continue exactly
    early/STEP/        backbones kept along the way, if asked for
    best/              while a run with `patience` trains: the backbone of its best probe
    backbone.safetensors, card.json, load.py    see `encoders.checkpoint`
    run.json           the header, written last: the run is complete
"""

import dataclasses
import importlib.metadata
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sept_core import errors
from sept_core.encoders import backbones, checkpoint, numerics
from sept_core.jobs import job_folder
from sept_core.manifest import image_reader, manifest
from sept_core.pretrain import augment, data, flops, initial, loop, meter, probe, teachers
from sept_core.pretrain import settings as pretrain_settings
from sept_core.pretrain import state as states
from sept_core.pretrain.group import ALONE, Group
from sept_core.pretrain.settings import PretrainSettings
from sept_core.storage import atomic, project_paths

FORMAT = 1


def main(job: job_folder.JobFolder, group: Group = ALONE) -> dict[str, Any]:
    """Train, resume, or return the result of a complete run.

    Args:
        job: the job with the settings, which receives the progress.
        group: the processes that train together, all of which call this.

    Raises:
        InputError: the settings are invalid, or the folder holds another run.
        ManifestError: the manifest or one of its images has changed.
        JobError: the training failed (see `loop.train`).
    """
    asked = job.settings()
    folder, probe_worklist = Path(asked["run"]), asked.get("probe_worklist")
    settings = pretrain_settings.from_dict(asked["pretrain"])
    subset = manifest.read(Path(asked["manifest"]))
    pretrain_settings.validate(settings, len(subset), group.size)
    backbone = build_backbone(settings)
    group.first(lambda: _claim(folder, settings, subset))
    if (folder / project_paths.RUN_HEADER).exists():
        finished: dict[str, Any] = atomic.read_json(folder / project_paths.RUN_HEADER)
        return finished
    target = _probe(probe_worklist, settings, subset)
    roots = {name: Path(root) for name, root in asked["roots"].items()}
    teacher = teachers.load(settings, folder.parents[1] / "encoders")

    facts = {"manifest": subset.content_hash, "images": len(subset)} | dataclasses.asdict(settings)

    def keep(kept: nn.Module, place: Path) -> None:
        described = card(settings, subset.content_hash, _last_metrics(folder))
        checkpoint.save(place, kept, described)

    with image_reader.ImageReader(subset, roots) as reader:
        found: list[data.ImageSet] = []
        group.first(lambda: found.append(_load_images(subset, reader, folder, settings, job)))
        # the others use its cache
        images = found[0] if found else _load_images(subset, reader, folder, settings, job)
        if not (folder / loop.CHECKPOINT).exists():  # a resumed run has weights in its checkpoint
            initial.start_from(backbone, settings, folder.parents[1] / "encoders")
        trained = loop.train(
            folder,
            images,
            len(subset),
            backbone,
            settings,
            job,
            target,
            group,
            keep,
            teacher,
            facts,
        )
    # on all processes: losses gather
    cost = flops.per_image(build_backbone(settings), settings, teacher)
    known = {
        "processes": group.size,
        "image_flops": cost,
        "teacher": teacher.encoder.id if teacher else None,
    }
    group.first(lambda: _leave(folder, trained, settings, subset, known))
    header: dict[str, Any] = atomic.read_json(folder / project_paths.RUN_HEADER)
    return header


def _probe(
    worklist: str | None, settings: PretrainSettings, subset: manifest.Manifest
) -> probe.Probe | None:
    """Load the labelled training images of the target; None for a run without them."""
    if worklist is not None:
        return probe.load(Path(worklist), settings.embed_size, settings.seed, subset.value_ranges)
    if settings.patience:
        raise errors.InputError(
            f"pre-training settings: patience {settings.patience} needs labelled training images "
            "of a target set for the probe, which this run does not have; set patience to 0."
        )
    return None


def _load_images(
    subset: manifest.Manifest,
    reader: image_reader.ImageReader,
    folder: Path,
    settings: PretrainSettings,
    job: job_folder.JobFolder,
) -> data.ImageSet:
    return data.load(
        sorted(subset.rows["uid"].to_pylist()),  # independent of the order of rows and files
        reader.read,
        size=settings.cache_size,
        folder=folder,
        content_hash=subset.content_hash,
        device=numerics.choose_device("auto"),
        progress=lambda done, total: job.progress(done, total, "images", "decoding"),
        ranges=subset.value_ranges,
        bands=reader.bands,
    )


def _leave(
    folder: Path,
    trained: states.State,
    settings: PretrainSettings,
    subset: manifest.Manifest,
    known: dict[str, Any],
) -> None:
    """Write the backbone with its card, then the header; delete the files for resuming."""
    total = settings.total_steps(len(subset))
    backbone, metrics = trained.method.backbone, _last_metrics(folder)
    if trained.step < total:
        backbone, described = checkpoint.load_backbone(folder / loop.BEST)
        metrics = described["metrics"]
    checkpoint.save(folder, backbone, card(settings, subset.content_hash, metrics))
    images_seen = trained.step * settings.batch_size
    header = {
        "format": FORMAT,
        "manifest": subset.content_hash,
        "subset": len(subset),
        "settings": dataclasses.asdict(settings),
        "steps": trained.step,
        "stopped": _stopped(folder, trained.step) if trained.step < total else None,
        "early": [step for step in settings.early_steps(total) if step <= trained.step],
        "images_seen": images_seen,
        "flops": images_seen * known["image_flops"],
        "seconds": round(trained.seconds, 1),
        "device": device_name(),
        "processes": known["processes"],
        "teacher": known["teacher"],
        "metrics": metrics,
        "software": {
            name: importlib.metadata.version(name) for name in ("torch", "timm", "lightly")
        },
        "sha256": {
            name: atomic.sha256_file(folder / name)
            for name in (checkpoint.WEIGHTS, checkpoint.CARD, checkpoint.SNIPPET)
        },
    }
    atomic.write_json(folder / project_paths.RUN_HEADER, header)
    (folder / loop.CHECKPOINT).unlink(missing_ok=True)
    shutil.rmtree(folder / loop.BEST, ignore_errors=True)
    data.remove_cache(folder)


def _stopped(folder: Path, step: int) -> dict[str, Any]:
    """Describe why a run ended early: its backbone is the one of the best probe."""
    best = meter.MetricsFile(folder / loop.METRICS).best_probe()
    assert best is not None, "only a probe ends a run early"
    return {
        "by": "patience",
        "step": step,
        "best_step": best.step,
        "best_probe": best.accuracy,
        "probes_since": best.since,
    }


def build_backbone(settings: PretrainSettings) -> nn.Module:
    """Build the network of the settings, with random weights from their seed."""
    torch.manual_seed(augment.generator(settings.seed, "backbone").initial_seed())
    return backbones.build(backbone_spec(settings))


def backbone_spec(settings: PretrainSettings) -> dict[str, Any]:
    """Return the JSON from which `encoders.backbones` rebuilds the network."""
    spec: dict[str, Any] = {"name": settings.backbone, "stem": settings.stem}
    if "vit" in settings.backbone:
        spec["arguments"] = {"img_size": settings.image_size}
    return spec


def card(settings: PretrainSettings, content_hash: str, metrics: dict[str, Any]) -> dict[str, Any]:
    """Return the card of the weights, with which they can be loaded and judged."""
    return {
        "backbone": backbone_spec(settings),
        "image_size": settings.embed_size,
        "mean": list(augment.MEAN),
        "std": list(augment.STD),
        "method": settings.method,
        "settings": dataclasses.asdict(settings),
        "manifest": content_hash,
        "metrics": metrics,
        "kind": initial.kind(settings),
    }


def _claim(folder: Path, settings: PretrainSettings, subset: manifest.Manifest) -> None:
    """Record the run in its folder, or check that the folder belongs to it.

    Raises:
        InputError: the folder holds another run.
    """
    values = dataclasses.asdict(settings)
    wanted = {"pretrain": values, "manifest": subset.content_hash}
    if scaled := subset.value_ranges.ends():
        wanted["value_ranges"] = scaled
    path = folder / project_paths.RUN_SETTINGS
    if not path.exists():
        atomic.write_json(path, wanted)
        return
    held = atomic.read_json(path)
    held["pretrain"] = dataclasses.asdict(pretrain_settings.from_dict(held["pretrain"]))
    if held != wanted:
        names = [k for k, v in values.items() if held["pretrain"][k] != v]
        raise errors.InputError(
            f"{folder} holds a run with a different {names[0] if names else 'manifest'}; "
            "use the same settings to resume it, or choose another folder."
        )


def _last_metrics(folder: Path) -> dict[str, Any]:
    """Return the last value of each metric."""
    merged: dict[str, Any] = {}
    for line in meter.MetricsFile(folder / loop.METRICS).lines():
        merged |= line
    return merged


def device_name() -> str:
    """Return the name of the training device."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads"
