"""A support bundle: one zip file with all that somebody needs who cannot look at the engine himself."""

import io
import platform
import sqlite3
import ssl
import sys
import zipfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

LIBRARIES = ("aiohttp", "cryptography", "httpx2", "lxml", "msal", "msgspec", "pyspnego", "tzdata", "zstandard")
_OWNER_ONLY = 0o600 << 16
_EPOCH = (1980, 1, 1, 0, 0, 0)


def bundle(files: Mapping[str, bytes]) -> bytes:
    """Return the zip file; its members can be read by their owner alone."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(f"calendar-engine/{name}", _EPOCH)
            member.external_attr = _OWNER_ONLY
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return whole.getvalue()


def versions() -> dict[str, str]:
    """Return what runs here."""
    found = {
        "calendar-engine": version("calendar-tui"),
        "python": sys.version.split()[0],
        "system": platform.platform(),
        "openssl": ssl.OPENSSL_VERSION,
        "sqlite": sqlite3.sqlite_version,
    }
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not there"
    return found
