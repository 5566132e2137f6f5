"""Exports that are folders of images: flat, ImageFolder, FiftyOne."""

import re
from collections.abc import Iterable
from pathlib import Path

from sept_core.export import subset, tables
from sept_core.storage import atomic, hashing

UNLABELLED = "_unlabeled"
"""The class folder of images that no labelled target owns (FiftyOne's term)."""

TORCHVISION_READS = (".jpg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".webp")
"""Of `subset.EXTENSIONS` those that `torchvision.datasets.ImageFolder` lists; it silently skips the
others.
"""

LABEL = "target_label"
"""Field of the label of the target image that brought an image in: where the image comes from,
not what it shows."""

FIFTYONE_FIELDS = {
    LABEL: "label",
    "uid": "text",
    "target_uid": "text",
    "target_rank": "int",
    "similarity": "float",
    "n_targets": "int",
    "phase": "text",
    "decision": "text",
    "width": "int",
    "height": "int",
}

FIFTYONE_LOADER = '''\
"""Load this export: python load.py (needs `pip install fiftyone`)."""

from pathlib import Path

import fiftyone as fo

here = str(Path(__file__).parent)


def text(cell):
    return cell.removeprefix("'")  # set before what a spreadsheet would run as a formula


def label(cell):
    return fo.Classification(label=text(cell))


# CSV columns are strings unless they are given a type.
fields = {fields}
dataset = fo.Dataset.from_dir(
    dataset_dir=here, dataset_type=fo.types.CSVDataset, fields=fields
)
# The labels alone:
# fo.Dataset.from_dir(
#     dataset_dir=here,
#     dataset_type=fo.types.FiftyOneImageClassificationDataset,
#     label_field="{label}",
# )
print(dataset)
'''


def flat(chosen: subset.Subset, out: Path) -> None:
    """Write all images into one folder and nothing else."""
    chosen.place(out)


def imagefolder(chosen: subset.Subset, out: Path) -> None:
    """Write a folder for each class if the targets have labels, else 256 folders by uid.

    `classes.json` next to them maps each folder to its label.
    """
    if labels := labels_of(chosen):
        folders = class_folders(labels.values())
        names = chosen.place(out, lambda uid, end: f"{folders[labels[uid]]}/{uid}{end}")
        classes = {folder: label for label, folder in folders.items() if label is not None}
        atomic.write_json(out / "classes.json", classes)
    else:
        names = chosen.place(out, subset.tree_name)
    skipped = [name for name in names if not name.endswith(TORCHVISION_READS)]
    if skipped:
        kinds = ", ".join(sorted({Path(name).suffix for name in skipped}))
        chosen.notes.append(
            f"torchvision's ImageFolder will skip {len(skipped):,} of {len(names):,} images by "
            f"their suffix ({kinds})."
        )


def fiftyone(chosen: subset.Subset, out: Path) -> None:
    """Write `data/` with `labels.json` (image classification) and `labels.csv` (provenance)."""
    names = chosen.place(out / "data")
    labels = labels_of(chosen) or dict.fromkeys(chosen.uids())
    classes = sorted({label for label in labels.values() if label is not None})
    number = {label: index for index, label in enumerate(classes)}
    targets = {uid: None if label is None else number[label] for uid, label in labels.items()}
    atomic.write_json(out / "labels.json", {"classes": classes, "labels": targets})
    chosen.expect(len(targets), "labels")
    columns = ("filepath", *FIFTYONE_FIELDS)
    rows = (
        {"filepath": name, LABEL: labels[row["uid"]]} | row
        for name, row in zip(names, chosen.rows(), strict=True)
    )
    chosen.expect(tables.write_csv(out / "labels.csv", columns, rows), "rows")
    fields = "".join(f'    "{name}": {kind},\n' for name, kind in FIFTYONE_FIELDS.items())
    loader = FIFTYONE_LOADER.format(fields="{\n" + fields + "}", label=LABEL)
    (out / "load.py").write_text(loader)


def labels_of(chosen: subset.Subset) -> dict[str, str | None]:
    """Return the label of each image's owning target, None if it has none; empty without labels."""
    labels = chosen.options.get("labels", {})
    owners = chosen.opened.rows["target_uid"].to_pylist()
    found = {uid: labels.get(owner) for uid, owner in zip(chosen.uids(), owners, strict=True)}
    return found if any(label is not None for label in found.values()) else {}


def class_folders(labels: Iterable[str | None]) -> dict[str | None, str]:
    """Return a safe folder name for each label, distinct on case-insensitive file systems.

    A label that had to be changed gets a few digits of its hash as a suffix.
    """
    folders: dict[str | None, str] = {None: UNLABELLED}
    taken = {UNLABELLED, "classes.json"}
    for label in sorted({label for label in labels if label is not None}):
        safe = re.sub(r"[^\w .-]+", "_", label).strip(" .")[:60]
        if not safe or safe != label or safe.lower() in taken:
            safe = f"{safe}-{hashing.uid_of(label.encode())[:8]}"
        taken.add(safe.lower())
        folders[label] = safe
    return folders
