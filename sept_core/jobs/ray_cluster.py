"""A Ray cluster, for work that needs more than one machine; Ray is an optional package.

In: functions and items. Out: their results in the order of the items; Ray repeats the tasks of a
lost machine. The cluster is that of the environment variable RAY_ADDRESS ("auto" on one of its
machines); without it, a cluster of only this machine is started. Every machine must see the
project's folder at the same path.
"""

import collections
import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.compat import ray_options

DEVICE = "ray"

LOCAL = "local"
"""Address that makes Ray start a cluster; without one it would search files that an earlier cluster
may have left, and wait for it.
    """
"""Device name that stands for the cluster."""


def imported(module: str, what: str, extra: str) -> Any:
    """Import an optional package.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise errors.InputError(
            f"{what} needs the package {module}; install it with: pip install 'sept[{extra}]'."
        ) from None


def connect(address: str | None = None, *, logs: bool = False) -> Any:
    """Join a cluster, once per process; return the module `ray`.

    Args:
        address: address of the cluster; None uses RAY_ADDRESS, or starts one on this machine.
        logs: print the output of its workers here.

    Raises:
        InputError: Ray is not installed.
        JobError: no cluster was found at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no usage reports
    ray = imported("ray", "Ray", "ray")
    if ray.is_initialized():
        return ray
    given = address or os.environ.get("RAY_ADDRESS") or LOCAL
    package = str(Path(__file__).parents[2])
    try:
        ray.init(
            given,
            runtime_env={"env_vars": {"PYTHONPATH": package}},
            log_to_driver=logs,
            **(ray_options.ONLY_HERE if given == LOCAL else {}),
        )
    except ConnectionError as problem:
        raise errors.JobError(f"No Ray cluster was found at {given}: {problem}") from None
    return ray


def processors(ray: Any) -> int:
    """Return the number of CPUs of the cluster's running machines."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def ordered(function: Callable[..., Any], items: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
    """Yield the results of a function called with each item's values on a CPU of the cluster.

    Args:
        function: a module-level function, so that every machine finds it.
        items: consumed on demand: two per CPU are running or waiting.

    Raises:
        SeptError: raised by the function.
        JobError: a task was lost more often than Ray retries.
    """
    ray = connect()
    remote = ray.remote(num_cpus=1, max_retries=5)(function)
    most = 2 * processors(ray)
    waiting: collections.deque[Any] = collections.deque()
    for item in items:
        if len(waiting) == most:
            yield _result(ray, waiting.popleft())
        waiting.append(remote.remote(*item))
    while waiting:
        yield _result(ray, waiting.popleft())


def _result(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as problem:
        if isinstance(problem.cause, errors.SeptError):
            raise problem.cause from None
        raise
    except ray.exceptions.RayError as problem:
        raise errors.JobError(f"The Ray cluster lost a task permanently: {problem}") from None
