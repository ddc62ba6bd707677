"""Where PBXs have logged in from: their addresses are known, and no stranger can take their places at the port."""

import ipaddress
import os
from pathlib import Path

MOST_KNOWN = 16
"""Addresses remembered; more PBXs than that do not connect to one engine."""


def machine_of(address: str) -> str:
    """Return what stands for one machine: an IPv4 address, or the /64 network that one machine has of IPv6."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    mapped = ip.ipv4_mapped
    return str(mapped) if mapped is not None else str(ipaddress.ip_network((ip, 64), strict=False))


class KnownAddresses:
    """The machines that a PBX logged in from, the latest last; kept in `file`, where one is given.

    `load` and `save` read and write it: not for the loop's own thread. Without the file, or with a damaged one, there
    is nobody known until somebody logs in.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._machines: dict[str, None] = {}

    def __contains__(self, machine: str) -> bool:
        return machine in self._machines

    def add(self, machine: str) -> bool:
        """Remember a machine; return whether it was not known."""
        is_new = self._machines.pop(machine, 0) is not None
        self._machines[machine] = None
        while len(self._machines) > MOST_KNOWN:
            del self._machines[next(iter(self._machines))]
        return is_new

    def load(self) -> None:
        """Take in what the file says."""
        if self._file is None:
            return
        try:
            lines = self._file.read_text("ascii", "replace").splitlines()
        except OSError:
            return
        for line in lines[:MOST_KNOWN]:
            self.add(machine_of(line.strip()) if "/" not in line else line.strip())

    def save(self) -> None:
        """Write the file, whole or not at all. Raises OSError."""
        if self._file is None:
            return
        temporary = self._file.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.writelines(f"{machine}\n" for machine in self._machines)
        temporary.replace(self._file)
