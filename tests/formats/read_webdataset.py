"""webdataset reads the shards of the webdataset export."""

from importlib.metadata import version

import truth
import webdataset


def main() -> None:
    known = truth.opened()
    shards = sorted(str(path) for path in (known.folder / "webdataset").rglob("*.tar"))
    pixels = {}
    for sample in webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"):
        (kind,) = set(sample) & {"jpg", "png"}
        assert sample["__key__"] == sample["json"]["uid"]
        pixels[sample["__key__"]] = sample[kind]
    known.check(f"webdataset {version('webdataset')} reads webdataset", pixels)


main()
