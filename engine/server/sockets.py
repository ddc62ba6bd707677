"""The two sockets of the local API: created with their final owner and mode, or taken from systemd."""

import grp
import os
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from engine.api.paths import READ_ONLY_SUFFIX, exposure, read_only_twin
from engine.server.errors import (
    SocketDirectoryExposed,
    SocketGroupUnusable,
    SocketInUse,
    SocketPathTaken,
    SocketsGivenUnusable,
    SocketUnusable,
)

UMASK = 0o117
"""Umask that gives a socket mode 0660."""

BACKLOG = 128
FIRST_GIVEN = 3
"""SD_LISTEN_FDS_START, see sd_listen_fds(3)."""


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """A listening socket and its rights. `made` is the file's device and inode if the engine must remove it."""

    listener: socket.socket
    path: Path
    may_change: bool
    made: tuple[int, int] | None = None


class ListeningSockets:
    """Context manager of the sockets. On exit they are closed, and those created here are removed."""

    def __init__(self, sockets: tuple[ListeningSocket, ...]) -> None:
        self.sockets = sockets

    @property
    def main(self) -> Path:
        """The path of the socket with the most rights."""
        return max(self.sockets, key=lambda listening_socket: listening_socket.may_change).path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for listening_socket in self.sockets:
            _remove(listening_socket)


def open_sockets(path: Path, group: str | None, environment: Mapping[str, str]) -> ListeningSockets:
    """Return the sockets passed by systemd (LISTEN_FDS), or create them: at `path`, and a read-only one beside it.

    The first one gets `group`; the read-only one keeps the group of this process. Raises one of the socket failures
    of `engine.server.errors`; nothing is left behind then.
    """
    given = _given(environment)
    if given:
        return ListeningSockets(given)
    _make_directory(path.parent)
    first = _make(path, _group_id(group), may_change=True)
    try:
        return ListeningSockets((first, _make(read_only_twin(path), None, may_change=False)))
    except BaseException:
        _remove(first)
        raise


def _given(environment: Mapping[str, str]) -> tuple[ListeningSocket, ...]:
    """Take the sockets of sd_listen_fds(3), if they are meant for this process."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return ()
    number = environment.get("LISTEN_FDS", "")
    sockets = [_taken(FIRST_GIVEN + index) for index in range(int(number) if number.isdecimal() else 0)]
    if len({listening_socket.may_change for listening_socket in sockets}) != len(sockets):
        raise SocketsGivenUnusable(", ".join(str(listening_socket.path) for listening_socket in sockets))
    return tuple(sockets)


def _taken(descriptor: int) -> ListeningSocket:
    try:
        os.set_inheritable(descriptor, False)
        listener = socket.socket(fileno=descriptor)
    except OSError as error:
        raise SocketsGivenUnusable(f"file descriptor {descriptor}: {error.strerror}") from error
    name = listener.getsockname()
    listening = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if listener.family != socket.AF_UNIX or listener.type != socket.SOCK_STREAM or not listening or not name:
        raise SocketsGivenUnusable(f"file descriptor {descriptor} is not a listening Unix stream socket with a path")
    path = Path(os.fsdecode(name))
    return ListeningSocket(listener, path, may_change=not path.stem.endswith(READ_ONLY_SUFFIX))


def _make_directory(directory: Path) -> None:
    """Create the directory if needed. Only this account and root may be able to replace it or any above it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        exposed = exposure(directory)
    except OSError as error:
        raise SocketUnusable(f"{directory}: {error.strerror}") from error
    if exposed:
        raise SocketDirectoryExposed(exposed)


def _group_id(group: str | None) -> int | None:
    if group is None:
        return None
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise SocketGroupUnusable(f"there is no group {group}") from error


def _make(path: Path, group: int | None, *, may_change: bool) -> ListeningSocket:
    """Bind under a umask, so that the socket never has another mode, and listen only once it has its group."""
    _clear_the_way(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _umask(UMASK):
            listener.bind(os.fspath(path))
        status = path.stat(follow_symlinks=False)
        listening_socket = ListeningSocket(listener, path, may_change, (status.st_dev, status.st_ino))
    except OSError as error:
        listener.close()
        raise SocketUnusable(f"{path}: {error.strerror or error}") from error
    try:
        if group is not None:
            os.chown(path, -1, group, follow_symlinks=False)
        listener.listen(BACKLOG)
    except OSError as error:
        _remove(listening_socket)
        raise SocketGroupUnusable(f"{path}: {error.strerror}") from error
    return listening_socket


def _clear_the_way(path: Path) -> None:
    """Remove the socket left by an engine that was killed, if nobody listens on it."""
    try:
        mode = path.stat(follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise SocketUnusable(f"{path}: {error.strerror}") from error
    if not stat.S_ISSOCK(mode):
        raise SocketPathTaken(str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
        knocking.setblocking(False)  # a full backlog must not block
        try:
            knocking.connect(os.fspath(path))
        except ConnectionRefusedError:
            with suppress(FileNotFoundError):
                path.unlink()
            return
        except FileNotFoundError:
            return
        except BlockingIOError:
            pass
        except OSError as error:
            raise SocketUnusable(f"{path}: {error.strerror}") from error
    raise SocketInUse(str(path))


def _remove(listening_socket: ListeningSocket) -> None:
    listening_socket.listener.close()
    if listening_socket.made is None:
        return
    with suppress(OSError):
        status = listening_socket.path.stat(follow_symlinks=False)
        if (status.st_dev, status.st_ino) == listening_socket.made:
            listening_socket.path.unlink()


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
