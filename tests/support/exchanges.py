"""Records of requests as the HTTP client reports them, and of messages as the PBX link does."""

from typing import Any

from msgspec.structs import replace

from engine.core.http_record import HttpRecord
from engine.core.pbx_record import PbxRecord

_USUAL = HttpRecord(
    request_id="4f2a7c1e-0000-4000-8000-000000000001",
    method="POST",
    url="https://mail.corp.example/EWS/Exchange.asmx",
    request_headers={"Content-Type": "text/xml; charset=utf-8", "X-AnchorMailbox": "user1@corp.example"},
    request=b"<m:Envelope><m:PrimarySmtpAddress>user1@corp.example</m:PrimarySmtpAddress><m:Body><m:FindItem/></m:Body>"
    b"</m:Envelope>",
    lane="mail.corp.example 1",
    attempt=1,
    status=200,
    response_headers={"Content-Type": "text/xml; charset=utf-8", "X-FEServer": "EXCHANGE01"},
    response=b"<m:Envelope><m:ResponseCode>NoError</m:ResponseCode></m:Envelope>",
    failure="",
    seconds=0.25,
    phases={"send": 0.01, "wait": 0.2, "receive": 0.04},
)


def traced(**changes: Any) -> HttpRecord:
    """Return a record of a request, with some fields replaced."""
    return replace(_USUAL, **changes)


def answered(
    code: str, *, mailbox: str = "user1@corp.example", operation: str = "FindItem", **changes: Any
) -> HttpRecord:
    """Return a record of a request for a mailbox ("" for none), answered with a response code."""
    about = f"<m:PrimarySmtpAddress>{mailbox}</m:PrimarySmtpAddress>" if mailbox else ""
    request = f"<m:Envelope>{about}<m:Body><m:{operation}/></m:Body></m:Envelope>".encode()
    response = f"<m:Envelope><m:ResponseCode>{code}</m:ResponseCode></m:Envelope>".encode()
    return traced(**{"request": request, "response": response} | changes)


WRITE = '{"api":"PbxApi","mt":"SetPresence","guid":"0f","activity":"busy","note":"Busy: Steuerprüfung","src":"1"}'
WRITTEN = '{"api":"PbxApi","mt":"SetPresenceResult","src":"1"}'


def said(operation: str = "SetPresence", **changed: object) -> PbxRecord:
    """Return a request to the PBX with its answer; the given fields replace the defaults."""
    record = PbxRecord(
        connection="pbx-1",
        url="wss://pbx.corp.example:443/PBX0/APPS/websocket",
        operation=operation,
        asked=WRITE,
        answered=WRITTEN,
        by_pbx=False,
        seconds=0.012,
        failure="",
        reason="",
        about="0f",
        quiet=False,
        proved=True,
    )
    return replace(record, **changed)
