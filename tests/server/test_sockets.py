"""The sockets: their rights, files in their way, and sockets passed by systemd."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

from engine.api.client import reachable_socket
from engine.api.paths import SERVICE_SOCKET, instance_socket, read_only_twin, socket_path, usual_sockets
from engine.cli.commands import make_parser
from engine.server import sockets
from engine.server.errors import (
    SocketDirectoryExposed,
    SocketGroupUnusable,
    SocketInUse,
    SocketPathTaken,
    SocketsGivenUnusable,
    SocketUnusable,
)
from engine.server.sockets import open_sockets


def listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


def test_both_sockets_are_for_owner_and_group_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "run" / "engine.sock"
    before = os.umask(0)
    try:
        with open_sockets(path, None, {}) as sockets:
            assert sockets.main == path
            modes = [stat.S_IMODE(each.path.stat().st_mode) for each in sockets.sockets]
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        assert os.umask(before) == 0
    assert modes == [0o660, 0o660]
    assert not path.exists()
    assert not read_only_twin(path).exists()


def test_a_socket_is_never_changed_in_mode_and_listens_only_with_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "_group_id", lambda group: os.getgid())
    refused: list[bool] = []

    def chown(path: Path, uid: int, gid: int, **options: bool) -> None:
        assert (uid, gid, options) == (-1, os.getgid(), {"follow_symlinks": False})
        with socket.socket(socket.AF_UNIX) as early:
            refused.append(early.connect_ex(str(path)) != 0)

    monkeypatch.setattr(os, "chown", chown)
    monkeypatch.setattr(os, "chmod", None)
    with open_sockets(tmp_path / "engine.sock", "telephony", {}):
        assert refused == [True]


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    listening(path).close()
    assert path.is_socket()
    with open_sockets(path, None, {}), socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(path))


def test_a_socket_that_somebody_listens_on_is_left_alone(tmp_path: Path) -> None:
    twin = tmp_path / "engine-ro.sock"
    with listening(twin), pytest.raises(SocketInUse, match=r"engine-ro\.sock"):
        open_sockets(tmp_path / "engine.sock", None, {})
    assert twin.exists()
    assert not (tmp_path / "engine.sock").exists()


def test_a_socket_with_a_full_backlog_counts_as_in_use(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with listening(path) as listener:
        listener.listen(0)
        waiting = []
        for _ in range(3):
            waiting.append(socket.socket(socket.AF_UNIX))
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(str(path))
        with pytest.raises(SocketInUse):
            open_sockets(path, None, {})
        assert reachable_socket([path], "change") == path
        for each in waiting:
            each.close()


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    path.write_text("precious")
    with pytest.raises(SocketPathTaken):
        open_sockets(path, None, {})
    assert path.read_text() == "precious"


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SocketPathTaken):
        open_sockets(path, None, {})


def test_the_socket_of_a_successor_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with open_sockets(path, None, {}):
        path.unlink()
        successor = listening(path)
    assert path.is_socket()
    successor.close()


def test_places_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(SocketUnusable, match="too long"):
        open_sockets(tmp_path / ("x" * 120), None, {})
    (tmp_path / "file").write_text("")
    with pytest.raises(SocketUnusable):
        open_sockets(tmp_path / "file" / "engine.sock", None, {})
    with pytest.raises(SocketGroupUnusable, match="no group"):
        open_sockets(tmp_path / "engine.sock", "no-such-group-here", {})
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file"]


def test_no_command_asks_an_engine_of_somebody_else_in_place_of_our_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    directory = tmp_path / "calendar-engine"
    monkeypatch.setattr(platformdirs, "user_runtime_path", lambda *_, **__: directory)
    ours = (directory / "engine.sock", SERVICE_SOCKET)
    assert usual_sockets() == ours
    tmp_path.chmod(0o1777)  # as /tmp: anybody may make the directory
    assert usual_sockets() == (SERVICE_SOCKET,)
    directory.mkdir(mode=0o700)
    assert usual_sockets() == ours
    directory.chmod(0o1777)
    assert usual_sockets() == (SERVICE_SOCKET,)
    directory.chmod(0o700)
    tmp_path.chmod(0o777)  # anybody may move it out of the way
    assert usual_sockets() == (SERVICE_SOCKET,)
    tmp_path.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(directory, 65534, -1)
        assert usual_sockets() == (SERVICE_SOCKET,)


def test_a_runtime_directory_of_somebody_else_ends_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Path:
        raise PermissionError("runtime directory is owned by somebody else")

    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setattr(platformdirs, "user_runtime_path", refuse)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"runtime-{os.getuid()}").mkdir(mode=0o777)
    (tmp_path / f"runtime-{os.getuid()}").chmod(0o777)
    assert usual_sockets() == (SERVICE_SOCKET,)
    with pytest.raises(SocketDirectoryExposed):
        open_sockets(socket_path(None), None, {})


def test_a_directory_that_everybody_may_write_to_is_refused(tmp_path: Path) -> None:
    exposed = tmp_path / "exposed"
    exposed.mkdir()
    exposed.chmod(0o777)
    with pytest.raises(SocketDirectoryExposed, match="0777"):
        open_sockets(exposed / "engine.sock", None, {})
    exposed.chmod(0o1777)
    with open_sockets(exposed / "engine.sock", None, {}):
        pass


GIVEN = """
import os, sys
from engine.server.sockets import open_sockets
for wanted, given in enumerate(map(int, sys.argv[1:]), start=3):
    os.dup2(given, wanted)
environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(sys.argv) - 1)}
with open_sockets(None, None, environment) as sockets:
    for each in sockets.sockets:
        print(each.path.name, each.may_change, os.get_inheritable(each.listener.fileno()))
    print(sockets.main.name)
"""


def take(*given: socket.socket) -> subprocess.CompletedProcess[str]:
    # Away from 3 and up, so that putting them there overwrites none of them.
    descriptors = [os.dup2(each.fileno(), number) for number, each in enumerate(given, start=60)]
    try:
        command = [sys.executable, "-c", GIVEN, *map(str, descriptors)]
        return subprocess.run(command, capture_output=True, text=True, pass_fds=descriptors, check=False)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


@pytest.mark.process
def test_sockets_from_systemd_are_served_and_stay(tmp_path: Path) -> None:
    twin, main = listening(tmp_path / "engine-ro.sock"), listening(tmp_path / "engine.sock")
    with twin, main:
        ended = take(twin, main)
    assert ended.stdout.splitlines() == ["engine-ro.sock False False", "engine.sock True False", "engine.sock"]
    assert (tmp_path / "engine.sock").is_socket()


@pytest.mark.process
def test_sockets_from_systemd_that_cannot_be_served(tmp_path: Path) -> None:
    with listening(tmp_path / "a.sock") as first, listening(tmp_path / "b.sock") as second:
        assert SocketsGivenUnusable.__name__ in take(first, second).stderr
    with socket.socket() as internet:
        assert SocketsGivenUnusable.__name__ in take(internet).stderr


def test_sockets_meant_for_another_process_are_not_taken(tmp_path: Path) -> None:
    with open_sockets(tmp_path / "engine.sock", None, {"LISTEN_PID": "1", "LISTEN_FDS": "2"}) as sockets:
        assert sockets.main == tmp_path / "engine.sock"


def test_an_instance_of_the_service_has_a_socket_of_its_own() -> None:
    assert instance_socket("branch") == Path("/run/calendar-engine@branch/engine.sock")
    for name in ("", "../etc", "a/b", "a b", "x" * 65):
        with pytest.raises(ValueError, match="not the name of an instance"):
            instance_socket(name)
    with pytest.raises(SystemExit):
        make_parser().parse_args(["status", "--instance", "a/b"])
    assert make_parser().parse_args(["setup", "--instance", "b"]).socket == instance_socket("b")
