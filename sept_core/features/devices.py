"""Several GPUs: the same engine in one process each, batches dealt out in turn.

In: an encoder and slices of a worklist. Out: the same batches, in the same order, as one
engine gives.
"""

import multiprocessing
import os
import queue
import threading
from pathlib import Path
from typing import Any

import numpy as np

from sept_core import errors
from sept_core.features import engine


class DeviceEngines:
    """One `engine.LocalEngine` in its own process on each device; batches are dealt out in turn."""

    def __init__(self, choice: engine.EncoderChoice, devices: list[str], threads: int) -> None:
        # CUDA does not survive a fork of this process; the server has loaded only the modules.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["sept_core.features.engine"])
        self._inboxes = [context.Queue() for _ in devices]
        self._outboxes = [context.Queue(maxsize=2 * threads) for _ in devices]
        self._processes = [
            context.Process(target=_serve, args=(choice, device, threads, *boxes), daemon=True)
            for device, *boxes in zip(devices, self._inboxes, self._outboxes, strict=True)
        ]
        for process in self._processes:
            process.start()
        self._finished = True
        cards = [self._take(i) for i in range(len(devices))]
        self.card = cards[0]
        if any(card["identity"] != self.card["identity"] for card in cards):
            self.close()
            raise errors.EncoderError(
                f"{choice.spec} gives different encoders on {', '.join(devices)}; use devices of "
                "the same kind, or set the precision."
            )

    def batches(self, worklist: Path, slices: list[np.ndarray]) -> engine.Results:
        """See `engine.Engine`; batch i is computed by device i modulo their number."""
        count = len(self._processes)
        self._finished = False
        for first, inbox in enumerate(self._inboxes):
            inbox.put((worklist, slices[first::count]))
        for i in range(len(slices)):
            yield self._take(i % count)
        self._finished = True

    def close(self) -> None:
        """Let idle processes exit; stop those that are still working."""
        for process, inbox in zip(self._processes, self._inboxes, strict=True):
            if self._finished:
                inbox.put(None)
            else:
                inbox.cancel_join_thread()  # the rest will not be read
                process.terminate()
            process.join()

    def _take(self, i: int) -> Any:
        """Return the next message from process i; raise its error here."""
        while True:
            try:
                message = self._outboxes[i].get(timeout=1)
                break
            except queue.Empty:
                if not self._processes[i].is_alive():
                    code = self._processes[i].exitcode
                    message = errors.JobError(
                        f"An embedding process exited unexpectedly (exit code {code}); embed again."
                    )
                    break
        if isinstance(message, Exception):
            self._finished = False
            self.close()
            raise message
        return message


def _serve(
    choice: engine.EncoderChoice, device: str, threads: int, inbox: Any, outbox: Any
) -> None:
    """Run one device's process: send the card, then the batches of every task."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        local = engine.LocalEngine(choice, device, threads)
        outbox.put(local.card)
        for worklist, slices in iter(inbox.get, None):
            for batch in local.batches(worklist, slices):
                outbox.put(batch)
    except Exception as problem:  # a worker's border: the parent raises and records it
        outbox.put(problem)


def _end_with_parent() -> None:
    """End this process when its parent is killed, since a killed parent cannot stop it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
