"""The commands `cloud certificate` and `cloud tenant`."""

import argparse
from pathlib import Path

from engine.api.resources.cloud import CloudRequests
from engine.api.schema.cloud import CloudCertificates
from engine.cli.client import CommandClient
from engine.cli.errors import NoCertificate
from engine.cli.exit_codes import WELL
from engine.cli.offline import run_beside
from engine.cli.output import put_json, remark, say, show_document, write_new_file
from engine.cli.terminal import room
from engine.daemon.process import protect_memory
from engine.documents.cloud import certificates_document, tenant_document


def run_tenant(options: argparse.Namespace) -> int:
    """Show what is known of the tenant, and return the exit status. Raises a `Failure`."""
    protect_memory()

    async def show(client: CommandClient) -> int:
        found = await CloudRequests(client).tenant()
        show_document(found, lambda this: tenant_document(this, room()), as_json=options.json)
        return WELL

    return run_beside(options, show, changes=False, with_state=True)


def run_certificate(options: argparse.Namespace) -> int:
    """Run one of the actions and return the exit status. Raises a `Failure`."""
    protect_memory()
    changes = options.action != "show"
    return run_beside(options, lambda client: _run(client, options), changes=changes, with_state=True)


async def _run(client: CommandClient, options: argparse.Namespace) -> int:
    requests = CloudRequests(client)
    match options.action:
        case "show":
            found = await requests.certificates()
        case "renew":
            found = await requests.renew()
        case "delete":
            found = await requests.delete()
        case _:
            found = await requests.make()
    if options.out is not None:
        _write(options.out, found)
    if options.json:
        put_json(found)
    else:
        show_certificates(found, options.out)
    return WELL


def show_certificates(found: CloudCertificates, file: Path | None = None) -> None:
    """Print the certificates, where to upload the newest, and its public part, which is in `file` if there is one."""
    in_file = str(file) if file is not None else None
    show_document(found, lambda this: certificates_document(this, room(), in_file), as_json=False)
    if found.certificates:
        say()
        for line in found.certificates[-1].pem.splitlines():
            say(line)


def _write(file: Path, found: CloudCertificates) -> None:
    """Write the public part of the newest certificate, which everybody may read."""
    if not found.certificates:
        raise NoCertificate
    write_new_file(file, found.certificates[-1].pem.encode("ascii"), 0o644)
    remark(f"{file}: the certificate until {found.certificates[-1].ends:%Y-%m-%d}")
