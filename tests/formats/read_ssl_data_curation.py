"""ssl-data-curation's rule: its indices are int64 rows of the pool, each taken at most once."""

import numpy as np
import truth


def main() -> None:
    known = truth.opened()
    rows = np.load(known.folder / "ssl-data-curation" / "indices.npy")
    keys = np.load(known.folder / "ssl-data-curation" / "keys.npy").astype(str)
    same = int((keys[rows] == known.uids).sum())
    right = (
        rows.dtype == np.int64
        and same == len(known.uids) == len(np.unique(rows))
        and sorted(keys.tolist()) == known.pool
    )
    told = f"{same} of {len(known.uids)} rows, in selected order, of {len(keys)} keys"
    truth.finish(right, f"ssl-data-curation's rule: {told}")


main()
