"""Value ranges of a project: the current ones, set by a user or fitted, and their warnings.

In: the ranges that a user set, which the catalogue keeps, and those that embedding fitted. Out:
`ValueRanges` for decoding images of more than 8 bits, and sentences for status and pages.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.catalogue import adopting, revision, settings
from sept_core.encoders import fits, registry
from sept_core.features import feature_store, value_ranges
from sept_core.imaging import pixel_values
from sept_core.imaging.pixel_values import ValueRange, ValueRanges
from sept_core.services.project.project import Project
from sept_core.storage import atomic

SETTING = "value_ranges"
"""Catalogue setting with the ranges that a user set, as `pixel_values.parse` reads them."""

AUTO = "auto"
"""Instead of ranges: discard those that were set or fitted, and fit them again."""


def current(project: Project) -> ValueRanges:
    """Return the current ranges: those set, and for other kinds those that were fitted.

    If the fits were deleted, they are those that the features were made with.
    """
    return pixel_values.merged(_fitted(project), _set(project))


def change(project: Project, texts: Sequence[str], spec: str) -> None:
    """Set ranges, or with `AUTO` discard all of them; other kinds keep theirs.

    Args:
        project: the open project.
        texts: as `pixel_values.parse` reads them, or `AUTO` alone; empty for no change.
        spec: the encoder that will use them.

    Raises:
        InputError: a text is not a range, or features of `spec` were made with another range;
            nothing is changed.
    """
    if AUTO in texts:
        _forget(project, spec)
        return
    wanted = pixel_values.merged(_set(project), pixel_values.parse(texts))
    _refuse_outdated(project, pixel_values.merged(_fitted(project), wanted), spec)
    if texts:
        settings.put(project.db, SETTING, [found.option for found in wanted])


def remove_features(project: Project, spec: str) -> None:
    """Delete an encoder's features and its fit, so that all images are embedded again.

    No job may be running in the project.
    """
    found = [card.parent for card, record in _cards(project) if record["spec"] == spec]
    if (family := registry.family_of(spec)) and family.fit:
        found += fits.folders(project.paths.encoders, family.fit)
    for folder in found:
        # Renamed first, because a partly deleted folder must not look like a store.
        trash = Path(tempfile.mkdtemp(dir=project.paths.root, prefix=".removed."))
        folder.rename(trash / folder.name)
        shutil.rmtree(trash)
        adopting.forget_adopted(project.db, folder.relative_to(project.paths.root).as_posix())
    if settings.get(project.db, "encoder") in {folder.name for folder in found}:
        settings.remove(project.db, "encoder")
    revision.renew(project.db)


def describe(project: Project) -> list[dict[str, Any]]:
    """Describe the range of each pixel kind of more than 8 bits found or set in the project.

    Returns:
        For each the fields of `ValueRange`, `embedded`, `clipped` and `flattened` (files under the
        current encoder), `summary` (a sentence) and `warnings` (sentences).
    """
    ranges, every = current(project), _known_uses(project)
    encoder = settings.get(project.db, "encoder")
    kinds = {found.kind for found in ranges} | {one.use.range.kind for one in every}
    if kinds - {pixel_values.ANY}:
        kinds -= {pixel_values.ANY}
    return [
        _description(
            ranges.find(kind) or pixel_values.default(kind),
            kind,
            [one for one in every if one.use.range.kind == kind],
            encoder,
        )
        for kind in sorted(kinds)
    ]


@dataclass(frozen=True)
class _EncoderUse:
    """Range that an encoder's images of one kind were scaled from; `spec` as in `sept embed`."""

    encoder: str
    spec: str
    use: value_ranges.Use


def _set(project: Project) -> ValueRanges:
    return pixel_values.parse(settings.get(project.db, SETTING, []))


def _fitted(project: Project) -> ValueRanges:
    if (project.paths.encoders / pixel_values.FILE).exists():
        return value_ranges.fitted(project.paths.encoders)
    return ValueRanges().updated(one.use.range for one in _known_uses(project))


def _known_uses(project: Project) -> list[_EncoderUse]:
    """Return `_uses`, read once for each state of the files."""
    return revision.once(project.db, "value_ranges", lambda: list(_uses(project)))


def _uses(project: Project, spec: str | None = None) -> Iterator[_EncoderUse]:
    """Yield the uses of all encoders, or of one; imported features have none."""
    for card, record in _cards(project):
        if record["kind"] == "imported" or spec not in (None, record["spec"]):
            continue
        for folder in sorted({path.parent for path in card.parent.glob("**/[0-9]*.json")}):
            for use in value_ranges.uses(feature_store.FeatureStore(folder)):
                yield _EncoderUse(card.parent.name, record["spec"], use)


def _cards(project: Project) -> list[tuple[Path, dict[str, Any]]]:
    cards = project.paths.cards()
    return [(card, atomic.read_json(card)) for card in cards]


def _forget(project: Project, spec: str) -> None:
    for one in _uses(project, spec):
        raise errors.InputError(
            f"Features of {one.encoder} were made with {one.use.range.kind} images scaled from "
            f"{one.use.range.text}; add --rebuild to fit the range again and embed all images "
            "again."
        )
    settings.remove(project.db, SETTING)
    value_ranges.save(project.paths.encoders, ValueRanges())


def _refuse_outdated(project: Project, ranges: ValueRanges, spec: str) -> None:
    for one in _uses(project, spec):
        now = ranges.find(one.use.range.kind)
        if now and now.ends != one.use.range.ends:
            raise errors.InputError(
                f"Features of {one.encoder} were made with {one.use.range.kind} images scaled "
                f"from {one.use.range.text}, not {now.text}; add --rebuild to embed all images "
                f"again, or keep the first range with --value-range {one.use.range.option}."
            )


def _description(
    found: ValueRange, kind: str, uses: list[_EncoderUse], encoder: str | None
) -> dict[str, Any]:
    """Describe one kind; `uses` are those of this kind."""
    own = [one.use for one in uses if one.encoder == encoder]
    counts = {name: sum(getattr(use, name) for use in own) for name in value_ranges.COUNTS}
    return found.fields() | {
        "kind": kind,
        **counts,
        "summary": f"{_title(kind)} are scaled from {found.text} ({_origin(found)}).",
        "warnings": [*_unsuited(kind, counts), *_labels(found, kind), *_outdated(found, uses)],
    }


def _title(kind: str) -> str:
    return "Images of more than 8 bits" if kind == pixel_values.ANY else f"{kind} images"


def _origin(found: ValueRange) -> str:
    if found.given:
        return "set by the user"
    if not found.images:
        return "the default: there were no images to fit it on"
    return f"fitted on {found.images:,} image{'s' if found.images > 1 else ''}"


def _unsuited(kind: str, counts: dict[str, int]) -> Iterator[str]:
    remedy = f"set another range (--value-range {kind}=LOW:HIGH, or {AUTO} to fit it again)"
    if counts["clipped"]:
        yield (
            f"{counts['clipped']:,} of {counts['embedded']:,} {kind} files lie mostly outside "
            f"this range and turn black or white; {remedy}."
        )
    if counts["flattened"]:
        yield (
            f"{counts['flattened']:,} of {counts['embedded']:,} {kind} files use so little of "
            f"this range that they lose contrast; {remedy}."
        )


def _labels(found: ValueRange, kind: str) -> Iterator[str]:
    if found.label_images:
        yield (
            f"{found.label_images:,} of the {found.images:,} {kind} images that the range was "
            f"fitted on look like label masks ({found.most_labels} distinct values at most); "
            "remove masks from the pool, their values are class ids."
        )


def _outdated(found: ValueRange, uses: list[_EncoderUse]) -> Iterator[str]:
    older = {(one.encoder, one.spec, one.use.range.text): one for one in uses}
    for (encoder, spec, text), one in older.items():
        if one.use.range.ends != found.ends:
            yield (
                f"Features of {encoder} were made with another range ({text}); embed again with "
                f"--encoder {spec} --rebuild."
            )
