"""One of the processes that train a run together: `python -m sept_core.pretrain.member FOLDER`.

In: the members' folder, a job folder inside the run folder (see `launch`), and the environment of
torchrun, Slurm or Ray. Out: the run folder of `worker`; in the members' folder their progress and,
if they ended early, the reason.
"""

import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.jobs import job_folder
from sept_core.pretrain import group, rendezvous, worker

FAILED, CANCELLED = 1, 3


class Members(job_folder.JobFolder):
    """The members' folder as members see it: they stop if their launcher died."""

    def cancel_requested(self) -> bool:
        """Return True if the user cancelled the job or the launcher died."""
        tied = self.path / rendezvous.TIED
        return super().cancel_requested() or (tied.exists() and not job_folder.is_locked(tied))


def main(folder: Path) -> int:
    """Train as a member of the group; return 0 if the run is complete, else an exit code."""
    members = Members(folder)
    with group.joined() as own, _only_writer(members, own):
        try:
            worker.main(members, own)
        except job_folder.Cancelled:
            if own.leads:
                members.update_status(state="cancelled")
            return CANCELLED
        except errors.SeptError as problem:
            # Whoever fails first says why: torchrun then ends the others, the leader included.
            members.update_status(state="failed", reason=str(problem))
            return FAILED
    return 0


def _only_writer(members: Members, own: group.Group) -> contextlib.AbstractContextManager[None]:
    lock = members.path / rendezvous.WORKING
    return job_folder.locked(lock) if own.leads else contextlib.nullcontext()


class SlurmTask:
    """Task that Slurm runs, once per process; a preempted or timed-out one is requeued."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self) -> int:
        """Join the other tasks and train."""
        import submitit

        submitit.helpers.TorchDistributedEnvironment().export(set_cuda_visible_devices=False)
        _log_to_stderr()
        return main(Path(self.folder))

    def checkpoint(self) -> Any:
        """Requeue from the last checkpoint; called by submitit before Slurm ends the job."""
        import submitit

        return submitit.helpers.DelayedSubmission(SlurmTask(self.folder))


def ray_loop(asked: dict[str, Any]) -> None:
    """Train in a worker of Ray Train, which restarts all workers when a machine is lost."""
    _log_to_stderr()
    main(Path(asked["folder"]))


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")


if __name__ == "__main__":
    _log_to_stderr()
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(code)  # an interrupted process group may hang in its destructors
