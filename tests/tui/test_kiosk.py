"""The terminal program as all that an account can do: no shell, one directory, and an end when idle."""

import asyncio
import getpass
import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from calendar_tui import kiosk
from calendar_tui.kiosk import CommandRefused, arguments_of_shell, is_of_service
from calendar_tui.private_files import write_privately
from engine.api.paths import instance_socket
from tests.support.eventually import PATIENCE
from tests.support.ports import free_port
from tests.support.pty import PseudoTerminal, on_terminal
from tests.support.served_engine import people, served_engine

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], []),
        (["--read-only"], ["--read-only"]),
        (["-c", "/usr/bin/calendar-tui --kiosk"], ["--kiosk"]),
        (["-c", "calendar-tui --kiosk --instance branch"], ["--kiosk", "--instance", "branch"]),
    ],
)
def test_a_shell_is_given_its_own_command(arguments: list[str], expected: list[str]) -> None:
    assert arguments_of_shell(arguments) == expected


@pytest.mark.parametrize(
    "command",
    ["", "id", "calendar-tui", "/bin/sh --kiosk", "calendar-tui --kiosk 'x", "sh -c calendar-tui --kiosk", "scp -t /"],
)
def test_a_shell_runs_nothing_else(command: str) -> None:
    with pytest.raises(CommandRefused):
        arguments_of_shell(["-c", command])


def test_only_sockets_of_the_service_are_its_own(tmp_path: Path) -> None:
    assert is_of_service(instance_socket("branch"))
    assert not is_of_service(tmp_path / "engine.sock")
    assert not is_of_service(Path("/run/user/1000/calendar-engine/engine.sock"))


def test_a_link_is_never_written_through(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="symbolic links"):
        write_privately(tmp_path / "link", b"data")
    assert not (tmp_path / "target").exists()


CONFINED = """
import json, os, pwd, resource, sys
from calendar_tui import kiosk
entry = pwd.struct_passwd(("anna", "x", 1, 1, "", sys.argv[1], "/usr/bin/calendar-tui"))
pwd.getpwuid = lambda uid: entry
kiosk.confine()
print(json.dumps([dict(os.environ), os.getcwd(), resource.getrlimit(resource.RLIMIT_CORE)[1], kiosk.is_shell()]))
"""


@pytest.mark.process
@pytest.mark.parametrize("has_directory", [True, False])
def test_nothing_of_the_environment_is_left_that_starts_or_writes_something(
    tmp_path: Path, has_directory: bool
) -> None:
    if has_directory:
        (tmp_path / kiosk.FILES).mkdir()
    kept = {"TERM": "xterm", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    others = {"TEXTUAL_LOG": "x", "TEXTUAL_DRIVER": "a:b", "PAGER": "sh", "PYTHONSTARTUP": "x", "COLUMNS": "9"}
    ended = subprocess.run(
        [sys.executable, "-c", CONFINED, str(tmp_path)], env=kept | others, check=True, stdout=subprocess.PIPE
    )
    environment, directory, core, is_shell = json.loads(ended.stdout)
    assert environment == kept
    assert directory == (str(tmp_path / kiosk.FILES) if has_directory else "/")
    assert (core, is_shell) == (0, True)


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("options", [["-c", "id"], ["--kiosk", "--demo"]])
def test_other_commands_and_engines_are_refused(options: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "calendar_tui.main", *options], check=False, stderr=subprocess.PIPE, text=True
    )
    assert ended.returncode != 0
    assert "runs no other command" in ended.stderr or "--instance names another one" in ended.stderr


@pytest.mark.pty
@pytest.mark.slow
async def test_an_idle_kiosk_ends_and_keys_lead_nowhere_else(tmp_path: Path) -> None:
    log = tmp_path / "textual.log"
    async with served_engine(tmp_path, people(3)) as served:
        await served.settled()
        options = ("--kiosk", "--idle", "3", "--socket", str(served.socket))
        async with on_terminal(*options, environment={"TEXTUAL_LOG": str(log)}) as seen:
            await seen.shows("3 users")
            seen.press("\x1a\x1c\x10!")
            assert await asyncio.wait_for(seen.process.wait(), PATIENCE) == 0
            assert seen.is_in_order()
    assert not log.exists()


@dataclass(frozen=True)
class SshHost:
    """An sshd on loopback on which this account has a kiosk."""

    options: tuple[str, ...]
    target: str
    port: int

    async def run(self, program: str, *arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            program,
            *self.options,
            *arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        return process.returncode, output.decode()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[PseudoTerminal]:
        starter = ("-c", "import os, sys; os.execvp('ssh', ['ssh', *sys.argv[1:]])")
        async with on_terminal(*self.options, "-tt", self.target, program=starter) as seen:
            yield seen


@asynccontextmanager
async def ssh_host(directory: Path, command: str) -> AsyncIterator[SshHost]:
    """Run the sshd of docs/kiosk.md, with keys of its own."""
    assert SSHD is not None
    port = free_port()
    for key in ("host", "client"):
        making = ("-q", "-t", "ed25519", "-N", "", "-f", str(directory / key))
        assert await (await asyncio.create_subprocess_exec("ssh-keygen", *making)).wait() == 0
    config = directory / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {directory}/host\nPidFile none\nStrictModes no\n"
        f"PermitRootLogin yes\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
        f"Match User {getpass.getuser()}\n\tForceCommand {command}\n\tAuthorizedKeysFile {directory}/client.pub\n"
        "\tDisableForwarding yes\n\tPermitTTY yes\n\tPermitUserRC no\n\tMaxSessions 1\n\tAcceptEnv LANG\n"
    )
    sshd = await asyncio.create_subprocess_exec(SSHD, "-D", "-e", "-f", config, stderr=subprocess.PIPE)
    assert sshd.stderr is not None
    try:
        said = (await asyncio.wait_for(sshd.stderr.readline(), PATIENCE)).decode()
        if "listening" not in said:
            pytest.skip(f"sshd cannot run here: {said}")
        options = ("-F", "none", "-i", f"{directory}/client", "-o", f"Port={port}", "-o", "BatchMode=yes")
        checks = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")
        yield SshHost((*options, *checks), f"{getpass.getuser()}@127.0.0.1", port)
    finally:
        with suppress(ProcessLookupError):
            sshd.terminate()
        await sshd.communicate()


@pytest.mark.pty
@pytest.mark.slow
@pytest.mark.skipif(SSHD is None, reason="sshd is not installed")
@pytest.mark.skipif(
    os.geteuid() == 0 and "sshd" not in {each.pw_name for each in pwd.getpwall()}, reason="sshd has no account"
)
async def test_through_a_real_sshd_there_is_nothing_but_the_program(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush")
    async with served_engine(tmp_path / "engine", people(3)) as served:
        await served.settled()
        command = f"{sys.executable} -m calendar_tui.main --kiosk --socket {served.socket}"
        async with ssh_host(tmp_path, command) as host:
            status, output = await host.run("ssh", host.target, "id")
            assert (status, "This is not a terminal" in output, "uid=" in output) == (69, True, False), output
            status, _ = await host.run("scp", f"{host.target}:{tmp_path}/secret", str(tmp_path / "copied"))
            assert (status != 0, (tmp_path / "copied").exists()) == (True, False)
            status, output = await host.run("ssh", "-W", f"127.0.0.1:{host.port}", host.target)
            assert (status, "SSH-2.0" in output) == (255, False), output  # it would greet through the tunnel
            async with host.session() as first, host.session() as second:
                for seen in (first, second):
                    await seen.shows("3 users")
                    seen.press("\x1a\x1cq")
                    assert await asyncio.wait_for(seen.process.wait(), PATIENCE) == 0
