"""Hugging Face datasets reads the huggingface export, and the shards of the webdataset export."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import datasets
import truth


def main() -> None:
    known = truth.opened()
    datasets.disable_progress_bars()
    name = f"datasets {datasets.__version__}"
    cache = str(known.folder / "cache")
    for export in ("huggingface", "huggingface-jsonl", "huggingface-parquet"):
        rows = datasets.load_dataset(str(known.folder / export), split="train", cache_dir=cache)
        encoded = rows
        if not isinstance(rows.features["target_label"], datasets.ClassLabel):  # jsonl: text
            encoded = rows.class_encode_column("target_label")
        names = encoded.features["target_label"].names
        known.check(
            f"{name} reads {export}",
            {row["uid"]: truth.rgb(row["image"]) for row in rows},
            {row["uid"]: named(names, row["target_label"]) for row in encoded},
        )
    pixels = {}
    for kind in sorted(path.name for path in (known.folder / "webdataset").iterdir()):
        shards = str(known.folder / "webdataset" / kind / "*.tar")
        rows = datasets.load_dataset(
            "webdataset", data_files=shards, split="train", cache_dir=cache
        )
        pixels |= {row["json"]["uid"]: truth.rgb(row[kind]) for row in rows}
    known.check(f"{name} reads webdataset", pixels)


def named(names: list[str], number: int | None) -> str | None:
    return None if number is None else names[number]


main()
