"""A prompt is interrupted by Ctrl+C whenever that comes."""

import ctypes
import operator
import os
import signal
import threading
from functools import partial

import pytest

from engine.daemon.signals import interruptible
from tests.support.eventually import PATIENCE


def test_ctrl_c_right_before_the_prompt_reads_interrupts_it() -> None:
    """Nothing of Python runs between the signal and read(2), which would notice it."""
    reading, writing = os.pipe()
    given_up = threading.Timer(PATIENCE, partial(os.write, writing, b"x"))
    given_up.start()
    send, read = partial(ctypes.CDLL(None)["raise"], signal.SIGINT), partial(os.read, reading, 1)

    def ask(_: str) -> str:
        return str(list(map(operator.call, (send, read))))

    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyboardInterrupt):
        interruptible(ask)("?")
    assert given_up.is_alive(), "it has waited for an answer"
    given_up.cancel()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)) == handlers
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    os.close(reading)
    os.close(writing)
