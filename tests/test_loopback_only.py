"""The guard in conftest.py stops tests that connect beyond loopback."""

import socket

import pytest


def test_a_connection_to_the_outside_is_refused() -> None:
    with socket.socket() as outside, pytest.raises(RuntimeError, match="tried to reach"):
        outside.connect(("192.0.2.1", 9))
