"""Tests of memory protection and file descriptor limits, in a separate process."""

import json
import resource
import subprocess
import sys

import pytest

from engine.daemon.process import MOST_FILES
from tests.support.eventually import PATIENCE

PROGRAM = """
import ctypes, gc, json, os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
from engine.daemon.process import allow_many_files, keep_for_good, protect_memory, take_turns_quickly
protect_memory()
allow_many_files()
take_turns_quickly()
keep_for_good()
print(json.dumps({
    "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    "open": len(os.listdir("/proc/self/fd")),
    "switch": sys.getswitchinterval(),
    "for_good": gc.get_freeze_count(),
    "looked_at": len(gc.get_objects()),
}))
"""


@pytest.mark.process
def test_memory_is_no_file_and_of_no_other_program() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    seen = json.loads(ended.stdout)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert (seen["dumpable"], seen["core"]) == (0, [0, 0])
    assert seen["files"] == (MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard))
    assert seen["open"] >= 3
    assert seen["switch"] < 0.001
    assert seen["for_good"] > 10 * seen["looked_at"], "what was loaded is looked at in every full collection"
