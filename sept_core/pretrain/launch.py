"""The job that pre-trains: `python -m sept_core.pretrain.launch JOB_FOLDER`.

In (job settings): those of `worker`, and `launch`: the number of processes and what starts them.
Out: the run folder. A single process trains in this one; several are started by torchrun on this
machine, by Slurm (through `submitit`) or by Ray Train on others, which must see the project's
folder at the same path. This process follows them: their progress is the job's, a cancelled job
stops them after a checkpoint, and a resumed one continues from it.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sept_core import errors
from sept_core.jobs import job_folder, ray_cluster
from sept_core.pretrain import rendezvous
from sept_core.storage import atomic, project_paths

POLL = 0.5
LEAVE = 60.0
"""Seconds that members have to write their last checkpoint after a stop request."""
PLACES = {
    "here": "this machine",
    "slurm": "Slurm",
    "ray": "a Ray cluster",
}
"""Display names of what starts the processes."""


@dataclass(frozen=True)
class Launch:
    """Number of processes of a run, and what starts them."""

    on: str = "here"
    processes: int = 1
    """Processes on each node, usually one per GPU."""
    nodes: int = 1
    options: dict[str, Any] = field(default_factory=dict)
    """For Slurm the parameters of submitit's AutoExecutor (slurm_partition, timeout_min,
    gpus_per_node, …), for Ray `address`, `gpu` (0 for CPUs) and `retries`.
"""

    @property
    def members(self) -> int:
        """Total number of processes."""
        return self.processes * self.nodes


HERE = Launch()
"""One process on this machine."""


def read_options(written: Iterable[str]) -> dict[str, Any]:
    """Parse options from NAME=VALUE, whole numbers as int.

    Raises:
        InputError: one of them has no value.
    """
    pairs = [option.strip().partition("=") for option in written]
    if unclear := [name for name, given, _ in pairs if not given]:
        raise errors.InputError(
            f"Launch option {unclear[0]!r} has no value; write {unclear[0]}=VALUE."
        )
    return {name: int(value) if value.isdecimal() else value for name, _, value in pairs}


def validate(chosen: Launch) -> None:
    """Refuse settings that cannot be started.

    Raises:
        InputError: the message says what to use.
    """
    if chosen.on not in PLACES:
        raise errors.InputError(f"Runs start on {', '.join(PLACES)}, not on {chosen.on!r}.")
    if min(chosen.processes, chosen.nodes) < 1:
        raise errors.InputError("A run needs at least one process and one node.")
    if chosen.on == "here" and chosen.nodes > 1:
        raise errors.InputError(
            "This machine is one node; use Slurm or Ray for more (docs/clusters.md)."
        )
    if chosen.on == "here" and chosen.options:
        raise errors.InputError(
            f"Runs on this machine have no option {next(iter(chosen.options))!r}."
        )


def main(job: job_folder.JobFolder) -> dict[str, Any]:
    """Train here, or start other processes and follow them.

    Raises:
        SeptError: raised by `worker.main`, here or in a member.
        JobError: a member was lost, or cannot be started.
    """
    asked = job.settings()
    chosen = Launch(**asked.get("launch", {}))
    validate(chosen)
    if chosen == HERE:
        from sept_core.pretrain import worker  # only members need torch

        return worker.main(job)
    run = Path(asked["run"])
    if not (run / project_paths.RUN_HEADER).exists():
        _follow(job, chosen, _members_folder(run, asked))
    header: dict[str, Any] = atomic.read_json(run / project_paths.RUN_HEADER)
    return header


def _members_folder(run: Path, asked: dict[str, Any]) -> job_folder.JobFolder:
    members = job_folder.JobFolder(run / rendezvous.MEMBERS)
    members.path.mkdir(parents=True, exist_ok=True)
    atomic.write_json(members.path / job_folder.SETTINGS, asked)
    return members


class Target(Protocol):
    """Protocol of what starts the members and knows whether they run."""

    def start(self) -> None:
        """Start the members."""

    def attach(self) -> bool:
        """Return True if members that an earlier launcher started still run."""
        ...

    def ended(self) -> bool:
        """Return True if no member runs any more."""
        ...

    def stop(self) -> None:
        """Terminate the members."""

    def outcome(self) -> str:
        """Describe how the members ended."""
        ...


def _follow(job: job_folder.JobFolder, chosen: Launch, members: job_folder.JobFolder) -> None:
    """Start the members, or attach to running ones, and wait for their end.

    Raises:
        Cancelled: the job was cancelled; the members have ended.
        JobError: they ended without completing the run.
    """
    target = TARGETS[chosen.on](chosen, members)
    with contextlib.ExitStack() as held:
        if not target.attach():
            # Members need a moment to notice that their launcher was killed.
            with job_folder.locked(members.path / rendezvous.WORKING, job.check_cancelled):
                _forget(members)
            if chosen.on == "here":
                held.enter_context(job_folder.locked(members.path / rendezvous.TIED))
            target.start()
        try:
            _relay(job, members, target)
        except (job_folder.Cancelled, KeyboardInterrupt):
            (members.path / "cancel").touch()
            _wait_for_end(target)
            raise
    if not (members.path.parent / project_paths.RUN_HEADER).exists():
        _raise_their_reason(members, target)


def _forget(members: job_folder.JobFolder) -> None:
    """Remove the files of the last launch."""
    for name in ("cancel", job_folder.PROGRESS, rendezvous.TIED):
        (members.path / name).unlink(missing_ok=True)
    atomic.write_json(members.path / job_folder.STATUS, {"state": "running"})


def _relay(job: job_folder.JobFolder, members: job_folder.JobFolder, target: Target) -> None:
    """Report the members' progress as the job's until they have ended."""
    path, unit = members.path / job_folder.PROGRESS, None
    while not target.ended():
        job.check_cancelled()
        if path.exists():
            seen = atomic.read_json(path)
            if seen["unit"] != unit:
                unit = seen["unit"]
                job.new_phase()
            job.progress(seen["done"], seen["total"], seen["unit"], seen["note"])
        time.sleep(POLL)


def _wait_for_end(target: Target) -> None:
    deadline = time.monotonic() + LEAVE
    while not target.ended() and time.monotonic() < deadline:
        time.sleep(POLL)
    target.stop()


def _raise_their_reason(members: job_folder.JobFolder, target: Target) -> None:
    status = members.status()
    if status["state"] == "cancelled":
        raise job_folder.Cancelled
    raise errors.JobError(
        status.get("reason")
        or f"The training processes exited unexpectedly ({target.outcome()}); see the job's log, "
        "then resume the job to continue from the last checkpoint."
    )


class Torchrun:
    """Processes on this machine."""

    def __init__(self, chosen: Launch, members: job_folder.JobFolder) -> None:
        self._chosen, self._members = chosen, members
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """See `Target`."""
        import joblib  # respects the limits of containers

        threads = str(max(1, joblib.cpu_count() // self._chosen.processes))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", "--standalone",
             "--local-addr", "127.0.0.1", "--nproc-per-node", str(self._chosen.processes),
             "-m", "sept_core.pretrain.member", str(self._members.path)],
            stdin=subprocess.DEVNULL, env={"OMP_NUM_THREADS": threads} | os.environ,
        )  # fmt: skip

    def attach(self) -> bool:
        """Return False: they end with their launcher."""
        return False

    def ended(self) -> bool:
        """See `Target`."""
        return self._process is None or self._process.poll() is not None

    def stop(self) -> None:
        """See `Target`."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def outcome(self) -> str:
        """See `Target`."""
        return f"torchrun's exit code {self._process and self._process.returncode}"


class Slurm:
    """A Slurm job, through submitit; it continues if its launcher dies, and can be attached to."""

    def __init__(self, chosen: Launch, members: job_folder.JobFolder) -> None:
        self._submitit = ray_cluster.imported("submitit", "Slurm", "slurm")
        self._chosen, self._folder = chosen, members.path
        self._job: Any = None

    def start(self) -> None:
        """Submit the job.

        Raises:
            InputError: submitit does not know an option.
            JobError: Slurm rejects it or is not installed.
        """
        from sept_core.pretrain import member

        options = {"gpus_per_node": self._chosen.processes, "timeout_min": 24 * 60}
        options |= self._chosen.options
        manager = options.pop("cluster", "slurm")
        try:
            executor = self._submitit.AutoExecutor(self._logs(), cluster=manager)
            executor.update_parameters(
                name="sept-pretrain", nodes=self._chosen.nodes,
                tasks_per_node=self._chosen.processes, **options,
            )  # fmt: skip
            self._job = executor.submit(member.SlurmTask(str(self._folder)))
        except (NameError, ValueError, TypeError) as problem:
            raise errors.InputError(f"Slurm options cannot be used: {problem}") from None
        except (RuntimeError, OSError, self._submitit.core.utils.FailedJobError) as problem:
            raise errors.JobError(f"Slurm rejected the job: {problem}") from None
        known = {"job": self._job.job_id, "cluster": manager, "tasks": self._chosen.members}
        atomic.write_json(self._folder / "slurm.json", known)

    def attach(self) -> bool:
        """See `Target`."""
        record = self._folder / "slurm.json"
        if not record.exists() or atomic.read_json(record)["cluster"] != "slurm":
            return False
        known = atomic.read_json(record)
        self._job = self._submitit.SlurmJob(
            self._logs(), known["job"], tasks=list(range(known["tasks"]))
        )
        return not self.ended()

    def ended(self) -> bool:
        """See `Target`."""
        return bool(self._job.done())

    def stop(self) -> None:
        """See `Target`."""
        self._job.cancel()

    def outcome(self) -> str:
        """See `Target`."""
        return f"job {self._job.job_id}, {self._job.state}; its logs: {self._logs()}"

    def _logs(self) -> Path:
        return self._folder / "slurm"


class Ray:
    """Workers of a Ray cluster, through Ray Train; lost ones are restarted."""

    def __init__(self, chosen: Launch, members: job_folder.JobFolder) -> None:
        self._chosen, self._folder = chosen, members.path
        self._thread: threading.Thread | None = None
        self._problem = ""

    def start(self) -> None:
        """See `Target`."""
        self._thread = threading.Thread(target=self._fit, daemon=True)
        self._thread.start()

    def _fit(self) -> None:
        from ray import train
        from ray.train.torch import TorchConfig, TorchTrainer

        from sept_core.pretrain import group, member

        options = dict(self._chosen.options)
        try:
            ray = ray_cluster.connect(options.pop("address", None), logs=True)
            gpu = bool(options.pop("gpu", "GPU" in ray.cluster_resources()))
            trainer = TorchTrainer(
                member.ray_loop,
                train_loop_config={"folder": str(self._folder)},
                torch_config=TorchConfig(
                    backend=group.BACKEND if gpu else "gloo",
                    timeout_s=int(group.PATIENCE.total_seconds()),
                ),
                scaling_config=train.ScalingConfig(
                    num_workers=self._chosen.members, use_gpu=gpu
                ),
                run_config=train.RunConfig(
                    name="ray", storage_path=str(self._folder),
                    failure_config=train.FailureConfig(max_failures=options.pop("retries", 3)),
                ),
            )  # fmt: skip
            trainer.fit()
        except Exception as problem:  # last resort of the thread: its error must be reported
            self._problem = f"{type(problem).__name__}: {problem}"

    def attach(self) -> bool:
        """Return False: Ray ends a driver's workers with the driver."""
        return False

    def ended(self) -> bool:
        """See `Target`."""
        return self._thread is None or not self._thread.is_alive()

    def stop(self) -> None:
        """See `Target`."""
        ray_cluster.connect().shutdown()

    def outcome(self) -> str:
        """See `Target`."""
        return self._problem or "Ray Train gave no reason"


TARGETS: dict[str, Any] = {"here": Torchrun, "slurm": Slurm, "ray": Ray}


if __name__ == "__main__":
    job_folder.run(main)
