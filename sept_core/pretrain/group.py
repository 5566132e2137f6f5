"""The processes that train one run together, each on its share of every batch.

In: the environment set by torchrun, Slurm or Ray (RANK, WORLD_SIZE, MASTER_ADDR, …). Out: a
`Group`. A single process is a group of one, so that the loop has no special case.
"""

import contextlib
import datetime
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from sept_core import errors
from sept_core.jobs import job_folder

BACKEND = "cpu:gloo,cuda:nccl"
"""Backends: tensors on GPUs are exchanged over NCCL, stop requests over gloo."""
PATIENCE = datetime.timedelta(days=1)
"""Long, because one process decodes the images while the others wait; the launcher detects dead
ones.
        """


@dataclass(frozen=True)
class Group:
    """Membership of one process in the group that trains a run."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """True if this process writes the run's files."""
        return self.rank == 0

    def share(self, batch_size: int, accumulate: int) -> Tensor:
        """Return (batch_size / size,) int64: this process's rows of a batch, by micro-batch.

        Every micro-batch is divided, so that the gathered negatives are those of a single process.
        """
        places = torch.arange(batch_size).view(accumulate, self.size, -1)
        return places[:, self.rank].reshape(-1)

    def first(self, work: Callable[[], object]) -> None:
        """Run work on the leader while the others wait; its failure ends them all.

        Raises:
            SeptError, Cancelled: raised by the work; the others are cancelled.
        """
        problem: Exception | None = None
        if self.leads:
            try:
                work()
            except (errors.SeptError, job_folder.Cancelled) as raised:
                problem = raised
        if self.any(problem is not None):
            raise problem or job_folder.Cancelled

    def any(self, wish: bool) -> bool:
        """Return True on all processes if the value is true on any."""
        if self.size == 1:
            return wish
        wishes = torch.tensor(int(wish))
        dist.all_reduce(wishes, dist.ReduceOp.MAX)
        return bool(wishes)

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a tensor of any shape over the group."""
        if self.size == 1:
            return value
        total = value.clone()
        dist.all_reduce(total)
        return total / self.size

    def gather(self, rows: Tensor) -> Tensor:
        """Return (size × n, D): the rows (n, D) of all processes, by rank."""
        if self.size == 1:
            return rows
        parts = [torch.empty_like(rows) for _ in range(self.size)]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    def averaging(self, network: nn.Module) -> nn.Module:
        """Wrap the network so that the backward pass averages gradients over the group.

        On GPUs batch norm sees the whole micro-batch; CPUs do not support that, and each process
        uses the statistics of its own share.
        """
        if self.size == 1:
            return network
        return DistributedDataParallel(network)

    def unaveraged(self, network: nn.Module) -> contextlib.AbstractContextManager[None]:
        """Return a context in which gradients accumulate in each process."""
        if isinstance(network, DistributedDataParallel):
            return network.no_sync()
        return contextlib.nullcontext()

    def synchronise(self, network: nn.Module) -> None:
        """Make batch norm inside the network use the group's batch, if the device supports it."""
        if self.size > 1 and torch.cuda.is_available():
            nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]


ALONE = Group()


@contextlib.contextmanager
def joined() -> Iterator[Group]:
    """Join the processes that the launcher has started; on GPUs, each uses its own."""
    ours = not dist.is_initialized()  # Ray has initialised the process group already
    if ours:
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        dist.init_process_group(BACKEND if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    try:
        yield Group(dist.get_rank(), dist.get_world_size())
    finally:
        if ours:
            dist.destroy_process_group()
