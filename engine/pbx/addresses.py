"""Addresses that PBXs have logged in from, so that strangers cannot take up their connections to the port."""

import ipaddress
import os
from pathlib import Path

MOST_KNOWN = 16
"""Number of addresses remembered; no engine has more PBXs than that."""


def machine_of(address: str) -> str:
    """Return the key of one machine: its IPv4 address, or its /64 network for IPv6."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    mapped = ip.ipv4_mapped
    return str(mapped) if mapped is not None else str(ipaddress.ip_network((ip, 64), strict=False))


class KnownAddresses:
    """The machines that a PBX logged in from, the latest last; kept in `file`, if one is given.

    `load` and `save` read and write it, so they must not be called on the event loop's thread. Without the file, or
    with a damaged one, no machine is known until a PBX logs in.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._machines: dict[str, None] = {}

    def __contains__(self, machine: str) -> bool:
        return machine in self._machines

    def add(self, machine: str) -> bool:
        """Remember a machine; return whether it is new."""
        is_new = self._machines.pop(machine, 0) is not None
        self._machines[machine] = None
        while len(self._machines) > MOST_KNOWN:
            del self._machines[next(iter(self._machines))]
        return is_new

    def load(self) -> None:
        """Read the known machines from the file."""
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
