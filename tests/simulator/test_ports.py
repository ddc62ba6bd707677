"""The ports of simulators, which no other program gets while they refuse connections."""

import socket

import pytest

from engine.simulator.ports import LOOPBACK, port_of, reserve


def refuses(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex((LOOPBACK, port)) != 0


def test_a_port_is_reserved_while_a_server_still_listens_there() -> None:
    with reserve(0) as first:
        first.listen()
        port = port_of(first)
        with reserve(port) as second:
            for _ in range(20):  # none of them comes to the one that does not listen
                assert not refuses(port)
            first.close()
            assert refuses(port)
            with socket.socket() as another, pytest.raises(OSError, match="in use"):
                another.bind((LOOPBACK, port))
            second.listen()
            assert not refuses(port)


def test_no_free_port_is_one_that_is_reserved() -> None:
    reserved = [reserve(0) for _ in range(200)]
    try:
        assert len({port_of(each) for each in reserved}) == 200
    finally:
        for each in reserved:
            each.close()
