"""A process that is killed while it works."""

import contextlib
import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.support.eventually import PATIENCE

Work = Callable[[Path, "Connection[int, Any]"], None]


def killed_at_work(work: Work, directory: Path, enough: int) -> int:
    """Run `work` in a separate process, and kill it (SIGKILL) after it has reported some progress.

    Through the connection it tells how much it has done so far; returns the last that it told.
    """
    receiver, sender = multiprocessing.Pipe(duplex=False)
    worker = multiprocessing.get_context("spawn").Process(target=work, args=(directory, sender), daemon=True)
    worker.start()
    sender.close()
    done = 0
    with receiver:
        while done < enough:
            assert receiver.poll(PATIENCE), "nothing is heard of it"
            done = receiver.recv()
        worker.kill()
        with contextlib.suppress(EOFError):
            while True:
                done = receiver.recv()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL
    return done
