"""Files of arrays (`.npy`), written whole or not at all.

In: a path and an array. Out: the file; see `atomic` for how it is written.
"""

from pathlib import Path

import numpy as np

from sept_core.storage import atomic


def write(path: Path, array: np.ndarray) -> None:
    """Write a `.npy` file whole or not at all."""
    with atomic.write_then_rename(path) as temporary:
        save(temporary, array)


def save(path: Path, array: np.ndarray) -> None:
    """Write a `.npy` file under any name; numpy alone would add a suffix."""
    with path.open("wb") as out:
        np.save(out, array, allow_pickle=False)
