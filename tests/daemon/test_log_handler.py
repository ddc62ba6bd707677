"""The log has one clean line per record, and no received data in the records of libraries."""

import asyncio
import io
import logging
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import EngineMistake
from engine.daemon.log_formats import text_on
from engine.daemon.log_handler import LONGEST, LogHandler, start_logging
from tests.support.hostile import HOSTILE, NAME, harm_in

PASSWORD = "hunter2-in-a-header"


class Log:
    """A handler whose time is moved by hand, and what it wrote."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.seconds = 0.0
        self.handler = LogHandler(text_on(self.stream), now=lambda: self.seconds)

    def write(self, name: str, message: object, *arguments: object, error: BaseException | None = None) -> None:
        exc_info = (type(error), error, error.__traceback__) if error else None
        self.handler.handle(
            logging.LogRecord(name, logging.ERROR, "/lib/aiohttp/web_protocol.py", 1, message, arguments, exc_info)
        )

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().removesuffix("\n").split("\n") if self.stream.getvalue() else []


@pytest.fixture
def log() -> Log:
    return Log()


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


@given(st.text(st.characters(codec=None, categories=None)) | st.just(HOSTILE))
def test_a_record_is_one_clean_line(text: str) -> None:
    log = Log()
    log.write("engine.sync", "%s: presence set", text)
    assert len(log.lines) == 1
    assert not harm_in(log.lines[0])


def test_a_record_is_bounded(log: Log) -> None:
    log.write("engine.sync", "%s", "x" * 1_000_000)
    assert len(log.lines[0]) < LONGEST + 20


def test_a_traceback_of_ours_has_places_and_no_texts(log: Log) -> None:
    log.write("engine.server", "answering %s", NAME, error=raised(ValueError(f"{PASSWORD}\nERROR forged")))
    first, *rest = log.lines
    assert not harm_in(first)
    assert rest
    assert all(line.startswith("  ") and not harm_in(line) for line in rest)
    assert "ValueError" in rest[0]
    assert any("test_log_handler.py" in line for line in rest)
    assert PASSWORD not in "\n".join(rest)


def test_failures_of_ours_are_told_in_their_words(log: Log) -> None:
    log.write("engine.server", "answering", error=raised(EngineMistake("this\x1b one")))
    assert "An internal error of the engine affects this user: this␛ one" in log.lines[1]


@pytest.mark.parametrize("name", ["aiohttp.server", "asyncio", "httpx", "msal.oauth2", "spnego", "urllib3", "root"])
def test_no_library_shows_what_was_sent(log: Log, name: str) -> None:
    log.write(name, "Error handling request from %s", PASSWORD, error=raised(ValueError(PASSWORD)))
    log.write(name, f"Exception in callback Transport.write(b'{PASSWORD}')\nhandle: <{PASSWORD}>")
    log.write(name, ValueError(PASSWORD))
    assert PASSWORD not in "\n".join(log.lines)
    assert "ValueError at " in log.lines[0]
    assert all(name in line for line in log.lines)


def test_what_asyncio_says_stays(log: Log) -> None:
    log.write("asyncio", f"Task exception was never retrieved\nfuture: <Task exception=ValueError('{PASSWORD}')>")
    assert "asyncio: Task exception was never retrieved (" in log.lines[0]


@pytest.mark.slow
def test_the_same_of_a_library_is_counted(log: Log) -> None:
    for _ in range(5000):
        log.write("aiohttp.server", "Error handling request from %s", "somebody", error=raised(ValueError(PASSWORD)))
    assert len(log.lines) == 1
    log.seconds = 61.0
    log.write("aiohttp.server", "Error handling request from %s", "somebody", error=raised(ValueError(PASSWORD)))
    assert "(4999 more of these since the last such line)" in log.lines[1]


def test_what_is_ours_is_never_left_out(log: Log) -> None:
    for _ in range(5):
        log.write("engine.sync", "PBX: working")
    assert len(log.lines) == 5


def test_what_libraries_say_takes_bounded_memory(log: Log) -> None:
    for number in range(1000):
        log.handler.handle(logging.LogRecord(f"library{number}", logging.ERROR, "x.py", 1, "m", (), None))
    assert log.handler.lines_counted <= 200


@pytest.fixture
def root() -> io.StringIO:
    """The log of a whole process, until the test ends."""
    stream = io.StringIO()
    start_logging(logging.INFO, text_on(stream))
    return stream


async def test_nothing_of_a_process_goes_another_way(root: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(PASSWORD, stacklevel=1)
    asyncio.get_running_loop().call_exception_handler({"message": "lost", "exception": ValueError(PASSWORD)})
    logging.getLogger("aiohttp.access").info(PASSWORD)
    logging.getLogger("engine.cli").info("all %s", "well")
    lines = root.getvalue().splitlines()
    assert PASSWORD not in root.getvalue()
    assert ["py.warnings" in lines[0], "asyncio: lost" in lines[1], lines[2:]] == [True, True, ["INFO all well"]]


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [Full(), closed()])
def test_a_log_that_cannot_be_written_ends_nothing(stream: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    handler = LogHandler(text_on(stream))
    handler.handle(logging.LogRecord("engine", logging.ERROR, "x.py", 1, "m", (), None))
    assert capsys.readouterr() == ("", "")
