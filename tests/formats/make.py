"""Make a small project, export one selection of it in every format, write down the truth.

    python tests/formats/make.py FOLDER

The truth (`truth.json`, `truth.npz`) comes from the files that this script wrote, not from what
SEPT read of them.
"""

import hashlib
import io
import json
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from small_project import picture, png, sept

FORMATS = ("huggingface", "webdataset", "fiftyone", "datacomp", "ssl-data-curation",
           "lightly-train", "txt", "imagefolder")  # fmt: skip
FAMILIES = ("red", "green", "blue", "grey")
BUDGET = 60


def main(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pool, source_uids = make_pool(folder / "data")
    targets = make_targets(folder / "data" / "target")
    project = make_project(folder)
    asked = ("--target", "toys", "--budget", BUDGET, "--fill", "--floor", 99, "--json")
    selection = json.loads(run("select", project, *asked))["selection"]
    for name in FORMATS:
        run("export", project, selection, "--format", name, "--out", folder / name)
    run("export", project, selection, "--format", "jsonl", "--out", folder / "rows.jsonl")
    run("export", project, selection, "--format", "huggingface", "--option", "metadata=jsonl",
        "--out", folder / "huggingface-jsonl")  # fmt: skip
    run("export", project, selection, "--format", "huggingface", "--option", "layout=parquet",
        "--out", folder / "huggingface-parquet")  # fmt: skip
    write_truth(folder, pool, source_uids, targets)


def uid_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92)
    return out.getvalue()


def make_pool(folder: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """A folder of PNGs and JPEGs, a zip, and shards as DataComp has them; bytes by uid."""
    images: dict[str, bytes] = {}
    source_uids: dict[str, str] = {}
    for number, family in enumerate(FAMILIES):
        place = folder / "photos" / family
        place.mkdir(parents=True)
        for index in range(24):
            image = picture(family, index)
            data = jpeg(image) if index % 3 else png(image)
            (place / f"{index:02d} v1.0{'.jpg' if index % 3 else '.png'}").write_bytes(data)
            images[uid_of(data)] = data
        with zipfile.ZipFile(folder / f"{family}.zip", "w") as archive:
            for index in range(100, 108):
                data = png(picture(family, index))
                archive.writestr(f"{index}.png", data)
                images[uid_of(data)] = data
        write_shard(folder / "shards" / f"{number:08d}.tar", family, images, source_uids)
    return images, source_uids


def write_shard(
    path: Path, family: str, images: dict[str, bytes], source_uids: dict[str, str]
) -> None:
    """Samples with DataComp's own uid in their json."""
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for index in range(200, 208):
            data = jpeg(picture(family, index))
            theirs = hashlib.md5(f"{family}{index}".encode()).hexdigest()
            images[uid_of(data)] = data
            source_uids[uid_of(data)] = theirs
            key = f"{index:012d}"
            caption = json.dumps({"uid": theirs, "caption": f"a {family} thing"}).encode()
            for name, content in ((f"{key}.jpg", data), (f"{key}.json", caption)):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def make_targets(folder: Path) -> dict[str, str]:
    """Two classes with a test split; the class of each image by uid."""
    labels = {}
    for family, label in (("red", "=warm, or so"), ("blue", "cool")):
        for split, first, count in (("train", 1000, 6), ("test", 2000, 4)):
            place = folder / split / label
            place.mkdir(parents=True)
            for number in range(first, first + count):
                data = png(picture(family, number))
                (place / f"{number}.png").write_bytes(data)
                labels[uid_of(data)] = label
    return labels


def make_project(folder: Path) -> Path:
    project, data = folder / "project", folder / "data"
    run("init", project)
    run("pool", "add", project, "photos", data / "photos")
    for family in FAMILIES:
        run("pool", "add", project, f"zip-{family}", data / f"{family}.zip")
    run("pool", "add", project, "shards", data / "shards")
    run("target", "add", project, "toys", data / "target")
    run("embed", project)
    run("prepare", project)
    return project


def write_truth(
    folder: Path,
    pool: dict[str, bytes],
    source_uids: dict[str, str],
    targets: dict[str, str],
) -> None:
    lines = (folder / "rows.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    uids = [row["uid"] for row in rows]
    known = {
        "uids": uids,
        "labels": {row["uid"]: targets.get(row["target_uid"]) for row in rows},
        "source_uids": {uid: source_uids[uid] for uid in uids if uid in source_uids},
        "pool": sorted(pool),
    }
    (folder / "truth.json").write_text(json.dumps(known))
    decoded = {uid: np.asarray(Image.open(io.BytesIO(pool[uid])).convert("RGB")) for uid in uids}
    np.savez(folder / "truth.npz", **decoded)


def run(*words: object) -> str:
    done = sept(*words)
    if done.returncode:
        sys.exit(f"sept {' '.join(map(str, words))}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
