"""Every reader of foreign files, as a function of a path that returns what it read.

In: a path from the corpus. Out: `Taken`: what could be read, what was listed with a reason; or one
of SEPT's own errors. Anything else that is raised is a defect.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.hostile.corpus import EITHER, LISTED, READ, REFUSED, Case
from sept_core import errors
from sept_core.catalogue import decision_table, filters
from sept_core.encoders import checkpoint, registry, timm_models
from sept_core.encoders.families import Spec
from sept_core.features import feature_store, importer
from sept_core.imaging import images
from sept_core.ingest import sources
from sept_core.manifest import image_reader, manifest, verification
from sept_core.services.curate import groups, selections
from sept_core.services.project import backups, projects


@dataclass(frozen=True)
class Taken:
    """The number of items read, and the reasons why others were not."""

    good: int
    reasons: list[str]


def image(path: Path) -> Taken:
    """Decode an image, whole and reduced."""
    data = path.read_bytes()
    try:
        decoded = images.decode(data)
        images.decode(data, 64)
        images.thumbnail(data, 64)
        images.describe_all([decoded.image])
    except images.UnusableFile as problem:
        return Taken(0, [problem.reason])
    return Taken(1, [])


def source(path: Path) -> Taken:
    """List a source and read and decode all that can be."""
    spec = sources.detect("pool", path)
    good, reasons = 0, list[str]()
    entries = list(sources.scan(spec))
    if not entries:
        raise errors.SourceError("It holds no files.")  # as `collections.add` says
    with sources.ByteReader({"pool": spec.root}) as reader:
        for entry in entries:
            if entry.problem is not None:
                reasons.append(entry.problem)
                continue
            try:
                data = reader.read("pool", entry.rel_path, entry.member, entry.offset, entry.size)
                images.decode(data)
                good += 1
            except images.UnusableFile as problem:
                reasons.append(problem.reason)
    return Taken(good, reasons)


def imported(path: Path) -> Taken:
    """Import features into a store beside them."""
    found = importer.read(path)
    uids = importer.features_only_uids(found.keys, "pool")
    folder = path.parent / "store"
    counts = importer.write_store(found, uids, folder, "imported-x", "pool")
    vectors = [np.asarray(block.vectors) for block in feature_store.FeatureStore(folder).blocks()]
    assert all(np.isfinite(block.astype(np.float32)).all() for block in vectors)
    return Taken(counts.stored, ["unusable vector"] * counts.rejected)


def trained(path: Path) -> Taken:
    """Load a checkpoint of our own trainer."""
    checkpoint.load_backbone(path)
    return Taken(1, [])


def weights(path: Path) -> Taken:
    """Load a file of weights into a timm model."""
    spec = Spec("timm:x", "timm", "resnet10t", path)
    timm_models.load(spec, path.parent, "cpu", "fp32")
    return Taken(1, [])


def opened_manifest(path: Path) -> Taken:
    """Read a manifest and all its images."""
    opened = manifest.read(path)
    good, reasons = 0, list[str]()
    with image_reader.ImageReader(opened) as reader:
        for uid in opened.rows["uid"].to_pylist():
            try:
                reader.read(uid)
                good += 1
            except errors.SeptError as problem:
                reasons.append(str(problem))
    verification.verify(opened.folder)
    return Taken(good, reasons)


def store(path: Path) -> Taken:
    """Open a feature store and walk it."""
    opened = feature_store.FeatureStore(path.parent)
    return Taken(sum(len(block.uids) for block in opened.blocks()), [])


def restored(path: Path) -> Taken:
    """Make a project of a backup and look at what is in it."""
    folder = path.parent / "restored"
    try:
        told = backups.restore(folder, path)
        with projects.opened(folder) as project:
            selections.every(project)
            shown = [groups.members(project, name) for name in groups.names(project)]
            _ = decision_table.log_of(project.db, ["s1", "s2"]).state
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Taken(sum(told.values()) + len(shown), [])


def filtered(path: Path) -> Taken:
    """Turn a filter into SQL; values are bound, never part of the text."""
    text, _ = filters.to_sql(filters.parse(path.read_text(errors="replace")))
    assert "DROP" not in text and "OR 1=1" not in text, text
    return Taken(1, [])


def pool(path: Path) -> Taken:
    """Fit the encoder to a folder of images, and encode these and some unlike them."""
    pictures, reasons = [], list[str]()
    for each in sorted(path.iterdir()):
        try:
            pictures.append(images.decode(each.read_bytes()).image)
        except images.RejectedImage as problem:
            reasons.append(problem.reason)
    unlike = [Image.new("RGB", (9, 5), colour) for colour in ("black", "white", "red")]
    with tempfile.TemporaryDirectory() as name:
        registry.fit("classic", pictures, Path(name), 0, lambda done, total: None)
        encoder = registry.load("classic", folder=Path(name), device="cpu")
        batch = torch.stack([encoder.preprocess(each) for each in (*pictures, *unlike)])
        lengths = encoder.encode(batch).half().float().norm(dim=1)
    assert ((lengths - 1).abs() < feature_store.NORM_TOLERANCE).all(), lengths
    return Taken(len(pictures), reasons)


READERS: dict[str, Callable[[Path], Taken]] = {
    "pool": pool,
    "image": image,
    "source": source,
    "features": imported,
    "checkpoint": trained,
    "weights": weights,
    "manifest": opened_manifest,
    "store": store,
    "backup": restored,
    "filter": filtered,
}


def take(reader: str, path: Path) -> Taken | None:
    """Return a reader's result for a path; None if it refused the path in a sentence.

    Raises:
        Exception: a reader crashed.
    """
    try:
        return READERS[reader](path)
    except errors.SeptError as problem:
        if not str(problem):
            raise
        return None


def judge(case: Case, path: Path) -> str | None:
    """Return what is wrong with the outcome of a case, or None.

    Raises:
        Exception: a reader crashed.
    """
    try:
        taken = READERS[case.reader](path)
    except errors.SeptError as problem:
        text = str(problem)
        if not text or "Traceback" in text or "\n\n" in text:
            return f"no sentence: {text!r}"
        return None if case.verdict in (REFUSED, EITHER, LISTED) else f"refused: {text}"
    if any(not reason for reason in taken.reasons):
        return "listed without a reason"
    if case.verdict == REFUSED:
        return f"taken: {taken}"
    if case.verdict == READ and (taken.good == 0 or taken.reasons):
        return f"not read: {taken}"
    if case.verdict == LISTED and not taken.reasons:
        return f"nothing listed: {taken}"
    return None


def seen(folder: Path) -> set[str]:
    """Return every path below a folder, to check that a reader adds none outside its own."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
