"""DataComp's rule: which samples of the pool's shards its resharder would keep.

The resharder asks for the dtype "u8,u8", reads the uid of each sample's json, and keeps the
sample as many times as a binary search in the sorted file finds it.
"""

import numpy as np
import truth
import webdataset

DTYPE = np.dtype("u8,u8")


def main() -> None:
    known = truth.opened()
    subset = np.load(known.folder / "datacomp", mmap_mode="r")
    assert subset.dtype == DTYPE
    of_theirs = {theirs: uid for uid, theirs in known.source_uids.items()}
    shards = sorted(str(path) for path in (known.folder / "data" / "shards").glob("*.tar"))
    pixels, twice = {}, 0
    for sample in webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"):
        times = kept(subset, sample["json"]["uid"])
        twice += times > 1
        if times:
            pixels[of_theirs.get(sample["json"]["uid"], "strange")] = sample["jpg"]
    known.check("DataComp's rule on the pool's shards", pixels, wanted=list(known.source_uids))
    ours = [kept(subset, uid) for uid in known.uids if uid not in known.source_uids]
    right = not twice and set(ours) == {1} and len(subset) == len(known.uids)
    truth.finish(right, f"DataComp's rule: {len(subset)} ids, {len(ours)} of them SEPT's own")


def kept(subset: np.ndarray, uid: str) -> int:
    key = np.array([divmod(int(uid, 16), 2**64)], DTYPE)[0]
    left = np.searchsorted(subset, key, "left")
    return int(np.searchsorted(subset, key, "right") - left)


main()
