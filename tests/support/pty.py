"""A program on a real pseudo-terminal, and its screen."""

import asyncio
import contextlib
import fcntl
import os
import struct
import sys
import termios
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pyte

from tests.support.eventually import eventually, patience

OF_THIS_TERMINAL = {"NO_COLOR", "COLUMNS", "LINES", "LC_ALL", "PYTHONIOENCODING", "PYTHONUTF8"}
MODERN = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}


class PseudoTerminal:
    """The administrator's side of the pseudo-terminal."""

    def __init__(self, master: int, columns: int, rows: int, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.received = bytearray()
        self.first_frame: float | None = None
        self.answer: float | None = None
        self.processor_time = 0.0
        self._master = master
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._loop = asyncio.get_running_loop()
        self.started = self._pressed = self._loop.time()

    def read(self) -> None:
        """Process the output of the program."""
        with contextlib.suppress(BlockingIOError):
            try:
                data = os.read(self._master, 65536)
            except OSError:  # the program has closed its end
                self._loop.remove_reader(self._master)
                return
            self.received += data
            if self.answer is None:
                self.answer = self._loop.time() - self._pressed
            self._stream.feed(_readable(data))
            if self.first_frame is None and self.text().strip():
                self.first_frame = self._loop.time() - self.started
                self.processor_time = self._processor_time()

    def text(self) -> str:
        """The text on the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def press(self, keys: str) -> None:
        """Press keys; `answer` is how many seconds later something comes back."""
        self._pressed, self.answer = self._loop.time(), None
        os.write(self._master, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)
        _set_size(self._master, columns, rows)
        self.process.send_signal(28)  # SIGWINCH

    def clear(self) -> None:
        """Clear the screen, as another program may that writes to the terminal."""
        self._screen.reset()

    def hang_up(self) -> None:
        """Hang up, like a lost connection."""
        if self._master < 0:
            return
        self._loop.remove_reader(self._master)
        os.close(self._master)
        self._master = -1

    async def shows(self, text: str) -> None:
        await eventually(lambda: text in self.text(), lambda: f"{text!r} is not in\n{self.text()}")

    async def quiet(self, seconds: float = 0.7) -> None:
        """Return when the program has waited and written nothing for so long; to be kept waiting itself is no rest."""
        loop = asyncio.get_running_loop()
        async with patience():
            before, since = -1, loop.time()
            while loop.time() < since + seconds:
                if before != len(self.received) or not self._is_waiting():
                    before, since = len(self.received), loop.time()
                await asyncio.sleep(0.02)

    def _is_waiting(self) -> bool:
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        try:
            return all(thread.read_text().rpartition(")")[2].split()[0] == "S" for thread in threads)
        except OSError:  # one of them has just ended
            return False

    def is_in_order(self) -> bool:
        """Return whether the terminal echoes and edits lines again, and shows its previous content."""
        modes = termios.tcgetattr(self._master)[3]
        is_own_picture = self.received.rfind(b"\x1b[?1049h") > self.received.rfind(b"\x1b[?1049l")
        return bool(modes & termios.ECHO and modes & termios.ICANON) and not is_own_picture

    def _processor_time(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def children(self) -> list[int]:
        """The child processes of the program that still exist."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(child) for child in listed.split()]

    def memory(self) -> int:
        """Bytes of the program's resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


@asynccontextmanager
async def on_terminal(
    *arguments: str,
    size: tuple[int, int] = (80, 24),
    environment: Mapping[str, str] | None = None,
    program: tuple[str, str] = ("-m", "calendar_tui.main"),
) -> AsyncIterator[PseudoTerminal]:
    """Run `calendar-tui`, or another program in Python, with these arguments."""
    columns, rows = size
    master, slave = os.openpty()
    _set_size(slave, columns, rows)
    os.set_blocking(master, False)
    loop = asyncio.get_running_loop()
    inherited = {name: value for name, value in os.environ.items() if name not in OF_THIS_TERMINAL}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *program,
        *arguments,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=inherited | MODERN | dict(environment or {}),
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(slave)
    terminal = PseudoTerminal(master, columns, rows, process)
    loop.add_reader(master, terminal.read)
    try:
        yield terminal
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        terminal.hang_up()


def is_running(process: int) -> bool:
    """Return whether there is such a process."""
    return Path(f"/proc/{process}").exists()


def _take_terminal() -> None:
    """Make standard input the controlling terminal of this process."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _readable(data: bytes) -> bytes:
    """Remove what pyte does not support: it would draw the keyboard protocol of kitty as text."""
    for unknown in (b"\x1b[>1u", b"\x1b[<u", b"\x1b[?2026$p", b"\x1b[?2048$p"):
        data = data.replace(unknown, b"")
    return data


def _set_size(descriptor: int, columns: int, rows: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
