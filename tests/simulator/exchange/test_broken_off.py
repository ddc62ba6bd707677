"""Clients that disconnect during a request cause no error."""

import asyncio
import logging

import pytest

from engine.simulator.exchange.server import ExchangeSimulator
from tests.support.quiescence import quiescence


async def test_a_request_that_is_broken_off_is_passed_over(
    simulator: ExchangeSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    _, writer = await asyncio.open_connection("127.0.0.1", simulator.http_port)
    writer.write(
        b"POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: corp.example\r\nContent-Length: 99\r\n\r\nhalf"
    )
    await writer.drain()
    await quiescence()
    writer.transport.abort()
    await quiescence()
    assert caplog.records == []
