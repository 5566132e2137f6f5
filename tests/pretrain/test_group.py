"""Several processes that train one run: two real ones, over gloo."""

import subprocess
import sys

import group_steps
import pytest
import torch
from torch import Tensor

from sept_core.pretrain import group
from sept_core.pretrain.methods import registry

Trained = dict[str, dict[str, Tensor]]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, Trained]:
    """Return the results of the two members, by method and number of micro-batches."""
    out = tmp_path_factory.mktemp("group")
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr",
         "127.0.0.1", "--nproc-per-node", "2", group_steps.__file__, str(out)],
        capture_output=True, text=True, timeout=300, check=False,
        env={"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (torch.load(out / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    return first, second


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("method", ["simclr", "moco", "dino", "dinov2", "lejepa", "distil"])
def test_two_processes_train_as_one_does(
    both: tuple[Trained, Trained], method: str, accumulate: int
) -> None:
    """Methods and backbone without statistics of the batch; negatives are gathered."""
    alone = group_steps.steps(method, group.ALONE, accumulate)
    for name, tensor in both[0][f"{method}-{accumulate}"].items():
        torch.testing.assert_close(tensor, alone[name], rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("method", registry.METHODS)
def test_members_end_with_the_same_weights(both: tuple[Trained, Trained], method: str) -> None:
    for accumulate in (1, 2):
        first, second = (trained[f"{method}-{accumulate}"] for trained in both)
        assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
        assert all(tensor.isfinite().all() for tensor in first.values())


def test_shares_make_up_each_micro_batch() -> None:
    shares = [group.Group(rank, 2).share(12, 3) for rank in range(2)]
    assert [s.tolist() for s in shares] == [[0, 1, 4, 5, 8, 9], [2, 3, 6, 7, 10, 11]]
    assert group.ALONE.share(6, 2).tolist() == list(range(6))
