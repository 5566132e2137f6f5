"""Export as a data set folder for Hugging Face: a card, and an imagefolder or parquet files.

In: a subset. Out: a folder that `datasets.load_dataset` reads and that `hf upload` publishes as it
is. The labels of the targets are a `ClassLabel`. Reviewers are not named unless they are asked for.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sept_core import errors
from sept_core.export import dataset_card, folders, subset, tables

LAYOUTS = ("imagefolder", "parquet")
METADATA = ("parquet", "jsonl")
REVIEWERS = ("decided_by", "decided_at")
"""Columns of the manifest about people and times."""

SHARD_BYTES = 400_000_000
GROUP_ROWS = 100
"""Rows of a row group, so that a viewer fetches little for one page."""

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def huggingface(chosen: subset.Subset, out: Path) -> None:
    """Write the folder; options: `layout`, `metadata`, `names`."""
    layout = _option(chosen, "layout", LAYOUTS)
    kind = _option(chosen, "metadata", METADATA)
    with_names = _option(chosen, "names", ("no", "yes")) == "yes"
    rows = chosen.opened.rows
    rows = rows if with_names else rows.drop_columns(list(REVIEWERS))
    found = folders.labels_of(chosen)
    labels = [found[uid] for uid in chosen.uids()] if found else []
    classes = sorted({label for label in labels if label is not None})
    if layout == "parquet":
        files = _parquet(chosen, out, _labelled(rows, labels, classes), classes)
    else:
        files = _imagefolder(chosen, out, rows, labels, classes, kind)
    card = dataset_card.text(chosen.opened, files, classes)
    (out / "README.md").write_text(card, encoding="utf-8")


def _option(chosen: subset.Subset, name: str, known: tuple[str, ...]) -> str:
    given = str(chosen.options.get(name, known[0]))
    if given not in known:
        raise errors.InputError(f"{name} is {' or '.join(known)}, not {given!r}.")
    return given


def _imagefolder(
    chosen: subset.Subset,
    out: Path,
    rows: pa.Table,
    labels: list[str | None],
    classes: list[str],
    kind: str,
) -> list[str]:
    """Write `images/…` and a metadata file with relative `file_name`; return the files' patterns.

    Labels are text in jsonl, which has no types.
    """
    names = [f"images/{name}" for name in chosen.place(out / "images", subset.tree_name)]
    rows = rows.add_column(0, "file_name", pa.array(names, pa.string()))
    if kind == "parquet":
        table = _typed(_labelled(rows, labels, classes), _class_feature(classes))
        pq.write_table(table, out / "metadata.parquet")
        chosen.expect(pq.read_metadata(out / "metadata.parquet").num_rows, "rows of metadata")
        return ["images/**", "metadata.parquet"]
    if labels:
        rows = rows.append_column(folders.LABEL, pa.array(labels, pa.string()))
    chosen.expect(tables.write_jsonl(out / "metadata.jsonl", subset.rows_of(rows)), "rows")
    return ["images/**", "metadata.jsonl"]


def _parquet(chosen: subset.Subset, out: Path, rows: pa.Table, classes: list[str]) -> list[str]:
    """Write `data/train-…` with the images inside; return the files' pattern."""
    (out / "data").mkdir(parents=True)
    features = {"image": {"_type": "Image"}, **_class_feature(classes)}
    written: list[Path] = []
    for table in _shards(chosen, rows):
        written.append(out / "data" / f"{len(written):05d}.parquet")
        pq.write_table(_typed(table, features), written[-1], row_group_size=GROUP_ROWS)
    count = sum(pq.read_metadata(path).num_rows for path in written)
    chosen.expect(count, "rows of images")
    for number, path in enumerate(written):
        path.rename(path.with_name(f"train-{number:05d}-of-{len(written):05d}.parquet"))
    if chosen.link != "copy":
        chosen.notes.append(
            "Parquet files hold copies of all images; the link mode does not apply."
        )
    return ["data/train-*.parquet"]


def _shards(chosen: subset.Subset, rows: pa.Table) -> Iterator[pa.Table]:
    """Yield the rows with their images, some at a time in memory."""
    held: list[dict[str, Any]] = []
    first, size = 0, 0

    def shard() -> pa.Table:
        part = rows.slice(first, len(held))
        return part.add_column(0, "image", pa.array(held, IMAGE))

    for uid, (_, data) in chosen.images(chosen.uids()):
        if held and size + len(data) > SHARD_BYTES:
            yield shard()
            first, size = first + len(held), 0
            held.clear()
        held.append({"bytes": data, "path": f"{uid}{subset.extension(data)}"})
        size += len(data)
        chosen.counts["copied"] += 1
    yield shard()


def _labelled(rows: pa.Table, labels: list[str | None], classes: list[str]) -> pa.Table:
    """Add the numbers of the classes; an image without a label has none."""
    if not labels:
        return rows
    number = {name: place for place, name in enumerate(classes)}
    values = [None if label is None else number[label] for label in labels]
    return rows.append_column(folders.LABEL, pa.array(values, pa.int64()))


def _class_feature(classes: list[str]) -> dict[str, Any]:
    return {folders.LABEL: {"names": classes, "_type": "ClassLabel"}} if classes else {}


def _typed(table: pa.Table, features: dict[str, Any]) -> pa.Table:
    """Store features in the schema, where `datasets` looks for them."""
    if not features:
        return table
    about = json.dumps({"info": {"features": features}})
    return table.replace_schema_metadata({"huggingface": about})
