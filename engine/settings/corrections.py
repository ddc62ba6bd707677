"""Corrects what is typed into a setting where it is clear what is meant, such as a URL where a host is wanted."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from engine.settings.keys import KEYS
from engine.settings.parsers import InvalidValue

Corrected = str | int | bool

_PATHS: Mapping[str, str] = MappingProxyType(
    {"exchange.ews_url": "/EWS/Exchange.asmx", "exchange.autodiscover_url": "/autodiscover/autodiscover.xml"}
)
_ENDINGS = (".asmx", ".xml", ".svc")
_PORTS: Mapping[str, int] = MappingProxyType({"https": 443, "wss": 443, "http": 80, "ws": 80})
_ENCRYPTED = ("https", "wss")


def correction(key: str, typed: str) -> Mapping[str, Corrected] | None:
    """Return the settings that are meant by a text that is no valid value of `key`, None if that is not clear.

    A URL or host:port in pbx.host gives pbx.port, and a scheme pbx.tls; a host or another path in exchange.ews_url
    gives the URL of EWS there.
    """
    text = typed.strip().strip("\"'<>").strip()
    if key not in ("pbx.host", *_PATHS) or _is_valid(key, typed):
        return None
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        meant = _pbx(parts) if key == "pbx.host" else {key: _url(parts, key)}
    except ValueError:
        return None
    return meant if all(_is_valid(name, value) for name, value in meant.items()) else None


def _pbx(parts: SplitResult) -> dict[str, Corrected]:
    meant: dict[str, Corrected] = {"pbx.host": parts.hostname or ""}
    port = parts.port or _PORTS.get(parts.scheme)
    if port is not None:
        meant["pbx.port"] = port
    if parts.scheme:
        meant["pbx.tls"] = parts.scheme in _ENCRYPTED
    return meant


def _url(parts: SplitResult, key: str) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    place = f"{host}:{parts.port}" if parts.port and parts.port not in _PORTS.values() else host
    path, usual = parts.path, _PATHS[key]
    return f"https://{place}{path if path.casefold().endswith(_ENDINGS) else usual}"


def _is_valid(key: str, value: Corrected) -> bool:
    return not isinstance(KEYS[key].parse(value), InvalidValue)
