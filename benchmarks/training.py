"""Compare the cost of a training step with its network alone (issue 4).

    python -m benchmarks.training $SEPT_DATA/pool

`resnet10-narrow`, 32-px views of 64-px images, SimCLR, 128 pairs, one thread, CPU-seconds. Steps
alternate with their parts, so that both meet the same machine: forward and backward on ready
views, augmentation alone, decoding alone (from a tar and from plain files). Streams decode ahead
in threads. Prints a table in Markdown: medians, and ratios of a step to the sum of its parts.
"""

import argparse
import os
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from sept_core.pretrain import augment, data, loop, meter, worker
from sept_core.pretrain import settings as pretrain_settings
from sept_core.pretrain import state as states
from sept_core.storage import hashing

IMAGES = 2048
CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pool", type=Path, help="folder with WebDataset shards")
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = pretrain_settings.choose(
        "simclr", "resnet10-narrow", IMAGES, {"steps": 1000, "threads": 1}, image_side=64
    )
    shard = sorted(options.pool.glob("*.tar"))[0]
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(settings, shard, Path(name))
        print("| images from | step s | its parts s | ratio | parts |")
        print("| --- | --- | --- | --- | --- |")
        for source, parts in bench.sources.items():
            bench.measure(source, parts, options.rounds)


class Bench:
    """A network under training, and the ways to its images."""

    def __init__(
        self, settings: pretrain_settings.PretrainSettings, shard: Path, folder: Path
    ) -> None:
        self.settings = settings
        self.run = states.create(worker.build_backbone(settings), settings, CPU, "fp32")
        self.run.method.train()
        with tarfile.open(shard) as archive:
            self.members = archive.getmembers()[:IMAGES]
            for member in self.members:
                content = archive.extractfile(member)
                assert content is not None
                (folder / member.name).write_bytes(content.read())
        self.folder = folder
        self.shard = shard.open("rb")
        self.uids = [member.name for member in self.members]
        self.by_name = {member.name: member for member in self.members}
        packed = data.load(
            self.uids, self.from_folder, size=settings.cache_size, folder=folder,
            content_hash=hashing.fingerprint(self.uids), device=CPU, progress=lambda d, t: None,
        )  # fmt: skip
        self.sources: dict[str, tuple[data.ImageSet, Callable[[str], bytes] | None]] = {
            "packed cache": (packed, None),
            "folder": (self.streamed(self.from_folder), self.from_folder),
            "tar": (self.streamed(self.from_tar), self.from_tar),
        }

    def streamed(self, read: Callable[[str], bytes]) -> data.StreamedImages:
        return data.StreamedImages(self.uids, read, self.settings.cache_size, CPU)

    def from_folder(self, uid: str) -> bytes:
        return (self.folder / uid).read_bytes()

    def from_tar(self, uid: str) -> bytes:
        member = self.by_name[uid]
        return os.pread(self.shard.fileno(), member.size, member.offset_data)  # threads share it

    def batches(self, images: data.ImageSet) -> Iterator[data.Batch]:
        rows = data.row_batches(IMAGES, self.settings.batch_size, 0, 0, 10**9)
        return images.batches(rows)

    def measure(
        self, name: str, source: tuple[data.ImageSet, Callable[[str], bytes] | None], rounds: int
    ) -> None:
        images, read = source
        batches = self.batches(images)
        batch = next(batches)
        seconds: dict[str, list[float]] = {"step": [], "network": [], "augment": [], "decode": []}
        for number in range(rounds + 3):
            taken = {"step": timed(lambda: self.step(next(batches)))}
            views = self.views(batch, number)
            taken["network"] = timed(lambda views=views: self.network(views))
            taken["augment"] = timed(lambda number=number: self.views(batch, number))
            taken["decode"] = timed(lambda: self.decode(read)) if read else 0.0
            if number >= 3:  # allocations, and what was decoded ahead
                for part, value in taken.items():
                    seconds[part].append(value)
        middle = {part: statistics.median(values) for part, values in seconds.items()}
        step = middle.pop("step")
        # The packed cache is compared with the network alone, streams with all they have to do.
        parts = sum(middle.values()) if read else middle["network"]
        told = ", ".join(f"{part} {value:.3f}" for part, value in middle.items())
        print(f"| {name} | {step:.3f} | {parts:.3f} | {step / parts:.2f} | {told} |", flush=True)

    def step(self, batch: data.Batch) -> None:
        clock = meter.Clock(CPU)
        loop.train_step(self.run, batch, self.settings, 1e-3, "fp32", clock)

    def views(self, batch: data.Batch, number: int) -> list[torch.Tensor]:
        numbers = augment.generator(0, number)
        pixels = batch.images.float()
        return [
            augment.apply(
                pixels,
                augment.draw(self.settings.augment, batch.aspect, numbers),
                self.settings.image_size,
            )
            for _ in range(self.run.method.views)
        ]

    def network(self, views: list[torch.Tensor]) -> None:
        """Forward, backward and the optimiser's step, as a bare loop has them."""
        loss, _ = self.run.method(views)
        loss.backward()
        self.run.optimizer.step()
        self.run.optimizer.zero_grad(set_to_none=True)

    def decode(self, read: Callable[[str], bytes]) -> None:
        size = self.settings.cache_size
        rows = np.random.default_rng(0).integers(0, IMAGES, self.settings.batch_size)
        for row in rows:
            data._decode(self.uids[row], read, size)


def timed(work: Callable[[], None]) -> float:
    """CPU-seconds of this process, threads that decode ahead included."""
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
