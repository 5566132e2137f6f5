"""WebDataset export: `jpg/00000.tar`, … with `UID.jpg` and `UID.json`, original bytes.

One set of tars for each image extension, because readers infer the pattern of all samples from the
first of the first tar. A uid contains no dot, so everything after the first dot of a member's name
is its extension. Equal selections give equal tars, byte for byte.
"""

import contextlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.export import subset

IMAGES_PER_SHARD = 10_000


def webdataset(chosen: subset.Subset, out: Path) -> None:
    """Write the tars; each json holds the image's manifest row, `uid` included."""
    per_shard = chosen.options.get("images_per_shard", IMAGES_PER_SHARD)
    if not isinstance(per_shard, int) or per_shard < 1:
        raise errors.InputError(f"images_per_shard must be 1 or more, not {per_shard!r}.")
    out.mkdir()
    with contextlib.ExitStack() as stack:
        sets: dict[str, _Shards] = {}
        for row, (uid, (_, data)) in zip(chosen.rows(), chosen.images(chosen.uids()), strict=True):
            kind = subset.extension(data).removeprefix(".")
            if kind not in sets:
                sets[kind] = stack.enter_context(_Shards(out / kind, per_shard))
            sets[kind].add({f"{uid}.{kind}": data, f"{uid}.json": _json(row)})
            chosen.counts["copied"] += 1
    chosen.expect(sum(_samples(out / kind, kind) for kind in sets), "samples")


def _samples(folder: Path, kind: str) -> int:
    """Yield the keys in one set of tars that have an image and a json, as a reader finds them."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()):
        with tarfile.open(path, "r:") as tar:
            for name in tar.getnames():
                key, _, extension = name.partition(".")
                found.setdefault(key, []).append(extension)
    return sum(extensions == [kind, "json"] for extensions in found.values())


def _json(row: dict[str, Any]) -> bytes:
    return json.dumps(row, allow_nan=False).encode()


class _Shards:
    """One set of numbered tars, opened one after the other."""

    def __init__(self, folder: Path, per_shard: int) -> None:
        folder.mkdir()
        self._folder, self._per_shard, self._samples = folder, per_shard, 0
        self._tar: tarfile.TarFile | None = None

    def __enter__(self) -> "_Shards":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._tar:
            self._tar.close()

    def add(self, members: dict[str, bytes]) -> None:
        """Append one sample; its members are adjacent, as readers require."""
        if self._samples % self._per_shard == 0:
            self.__exit__()
            number = self._samples // self._per_shard
            path = self._folder / f"{number:05d}.tar"
            self._tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
        assert self._tar
        self._samples += 1
        for name, data in members.items():
            member = tarfile.TarInfo(name)  # owner and time are 0 on every machine
            member.size = len(data)
            self._tar.addfile(member, io.BytesIO(data))
