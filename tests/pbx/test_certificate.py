"""Tests of the certificate for a connecting PBX: made, kept, renewed, or the administrator's own."""

import asyncio
import hashlib
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from engine.pbx.certificate import (
    RENEWED_BEFORE_END,
    GivenCertificate,
    ListenCertificate,
    OwnCertificate,
    listen_names,
)
from engine.pbx.errors import ListenCertificateUnusable
from engine.pbx.events import LinkDown, Listening
from engine.pbx.server import CERTIFICATE_LOOKED_AT, PbxListener
from engine.settings.model import PbxSettings
from engine.tls.self_signed import LIFETIME
from tests.pbx.support import PASSWORD, Heard
from tests.pbx.test_server import listen_settings
from tests.support.clock import ManualClock
from tests.support.eventually import eventually

NOW = datetime(2026, 3, 2, tzinfo=UTC)
NAMES = ("sync.example.com", "192.0.2.7", "fd00::7")


def server_context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def in_file(directory: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((directory / "pbx-listen.pem").read_bytes())


def test_a_certificate_is_made_for_the_names_and_kept(tmp_path: Path) -> None:
    presented = OwnCertificate(tmp_path, NAMES).load(server_context(), NOW)
    made = in_file(tmp_path)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["sync.example.com"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.7", "fd00::7"]
    assert made.not_valid_before_utc < NOW < made.not_valid_after_utc == NOW + LIFETIME
    digest = hashlib.sha256(made.public_bytes(Encoding.DER)).hexdigest().upper()
    assert presented.fingerprint.replace(":", "") == digest
    assert presented.fingerprint[2] == ":"
    assert presented.ends == made.not_valid_after_utc
    assert stat.S_IMODE((tmp_path / "pbx-listen.pem").stat().st_mode) == 0o600
    assert OwnCertificate(tmp_path, NAMES).load(server_context(), NOW + timedelta(days=600)) == presented


@pytest.mark.slow
def test_it_is_made_anew_before_it_ends_when_names_change_and_when_it_is_damaged(tmp_path: Path) -> None:
    own = OwnCertificate(tmp_path, NAMES)
    shown = [own.load(server_context(), NOW)]
    shown.append(own.load(server_context(), NOW + LIFETIME - RENEWED_BEFORE_END))
    shown.append(OwnCertificate(tmp_path, ("other.example.com",)).load(server_context(), NOW))
    (tmp_path / "pbx-listen.pem").write_text("damaged")
    shown.append(OwnCertificate(tmp_path, ("other.example.com",)).load(server_context(), NOW))
    assert len(set(shown)) == 4


def test_a_directory_that_cannot_be_written_is_a_named_failure(tmp_path: Path) -> None:
    with pytest.raises(ListenCertificateUnusable, match=r"pbx-listen\.new|pbx-listen\.pem"):
        OwnCertificate(tmp_path / "missing", NAMES).load(server_context(), NOW)


def test_the_administrators_certificate_is_shown_with_its_key_apart_or_in_the_same_file(tmp_path: Path) -> None:
    expected = OwnCertificate(tmp_path, NAMES).load(server_context(), NOW)
    both = tmp_path / "pbx-listen.pem"
    assert GivenCertificate(both, None).load(server_context(), NOW) == expected
    key, certificate = both.read_text().split("-----BEGIN CERTIFICATE-----")
    (tmp_path / "key.pem").write_text(key)
    (tmp_path / "cert.pem").write_text("-----BEGIN CERTIFICATE-----" + certificate)
    assert GivenCertificate(tmp_path / "cert.pem", tmp_path / "key.pem").load(server_context(), NOW) == expected


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    OwnCertificate(tmp_path, NAMES).load(server_context(), NOW)
    (tmp_path / "other").mkdir()
    OwnCertificate(tmp_path / "other", NAMES).load(server_context(), NOW)
    certificate, foreign_key = tmp_path / "pbx-listen.pem", tmp_path / "other" / "pbx-listen.pem"
    (tmp_path / "empty.pem").write_text("")
    key = load_pem_private_key(certificate.read_bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase"))
    (tmp_path / "locked.pem").write_bytes(locked)
    for given in (
        GivenCertificate(certificate, foreign_key),
        GivenCertificate(certificate, tmp_path / "locked.pem"),
        GivenCertificate(certificate, tmp_path / "missing.pem"),
        GivenCertificate(tmp_path / "missing.pem", None),
        GivenCertificate(tmp_path / "empty.pem", None),
    ):
        with pytest.raises(ListenCertificateUnusable, match=str(tmp_path)):
            given.load(server_context(), NOW)


def test_a_name_that_no_certificate_can_hold_is_a_named_failure(tmp_path: Path) -> None:
    with pytest.raises(ListenCertificateUnusable):
        OwnCertificate(tmp_path, ("a" * 64,)).load(server_context(), NOW)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"listen_names": ("a.example.com", "192.0.2.7")}, ("a.example.com", "192.0.2.7")),
        ({"listen_address": "192.0.2.7"}, ("192.0.2.7",)),
        ({"listen_address": "[::1]"}, ("::1",)),
    ],
)
def test_the_names_come_from_the_settings(settings: dict[str, object], names: tuple[str, ...]) -> None:
    assert listen_names(PbxSettings(master="master", **settings)) == names  # type: ignore[arg-type]


def test_without_names_in_the_settings_the_host_name_is_taken() -> None:
    (name,) = listen_names(PbxSettings(master="master"))
    assert name


async def presented(port: int) -> str:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return hashlib.sha256(certificate).digest().hex(":").upper()


async def test_it_is_rotated_while_listening_and_the_new_fingerprint_told(tmp_path: Path) -> None:
    clock, heard = ManualClock(NOW), Heard()
    certificate: ListenCertificate = OwnCertificate(tmp_path, NAMES)
    listener = PbxListener(listen_settings(), PASSWORD, clock, heard, certificate=certificate)
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(listener.run())
        first = await heard.first(Listening)
        port = int(first.url.split(":")[2].partition("/")[0])
        assert await presented(port) == first.fingerprint

        (tmp_path / "pbx-listen.pem").unlink()
        await clock.advance(CERTIFICATE_LOOKED_AT.total_seconds())
        second = await heard.first(Listening, after=1)
        assert second.fingerprint != first.fingerprint
        assert await presented(port) == second.fingerprint
        run.cancel()


async def test_a_certificate_that_goes_bad_while_listening_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    OwnCertificate(tmp_path, NAMES).load(server_context(), NOW)
    clock, heard = ManualClock(NOW), Heard()
    file = tmp_path / "pbx-listen.pem"
    listener = PbxListener(listen_settings(), PASSWORD, clock, heard, certificate=GivenCertificate(file, None))
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(listener.run())
        told = await heard.first(Listening)
        port = int(told.url.split(":")[2].partition("/")[0])
        assert await presented(port) == told.fingerprint
        file.write_text("damaged")
        await clock.advance(CERTIFICATE_LOOKED_AT.total_seconds())
        await eventually(lambda: "certificate" in caplog.text)
        assert await presented(port) == told.fingerprint
        run.cancel()


async def test_without_a_usable_certificate_nobody_is_listening(tmp_path: Path) -> None:
    clock, heard = ManualClock(NOW), Heard()
    certificate = GivenCertificate(tmp_path / "missing.pem", None)
    listener = PbxListener(listen_settings(), PASSWORD, clock, heard, certificate=certificate)
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(listener.run())
        down = await heard.first(LinkDown)
        assert isinstance(down.failure, ListenCertificateUnusable)
        assert heard.of(Listening) == []
        run.cancel()
