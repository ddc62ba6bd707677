"""A minimal client with hand-written requests, so that the simulator is not tested by the product."""

import ssl
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from lxml import etree

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.server import ACCOUNTS, ExchangeSimulator
from tests.support.routed_transport import RoutedTransport

SCHEMA = Path(__file__).parents[2] / "fixtures" / "ews-schema" / "messages.xsd"
NAMESPACES = {
    "s": "http://schemas.xmlsoap.org/soap/envelope/",
    "m": "http://schemas.microsoft.com/exchange/services/2006/messages",
    "t": "http://schemas.microsoft.com/exchange/services/2006/types",
    "e": "http://schemas.microsoft.com/exchange/services/2006/errors",
}
EWS = "https://mail.corp.example/EWS/Exchange.asmx"
((ACCOUNT, PASSWORD),) = ACCOUNTS.items()
NOTHING: Mapping[str, str] = {}

ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
    xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"
    xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">
  <s:Header><t:RequestServerVersion Version="Exchange2013_SP1"/>{impersonation}</s:Header>
  <s:Body>{body}</s:Body>
</s:Envelope>"""
IMPERSONATION = (
    "<t:ExchangeImpersonation><t:ConnectingSID><t:{kind}>{name}</t:{kind}></t:ConnectingSID></t:ExchangeImpersonation>"
)
FIND_ITEM = """<m:FindItem Traversal="Shallow">
  <m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>
    <t:AdditionalProperties>{fields}</t:AdditionalProperties></m:ItemShape>
  <m:CalendarView {most} StartDate="{start}" EndDate="{end}"/>
  <m:ParentFolderIds><t:DistinguishedFolderId Id="{folder}"/></m:ParentFolderIds>
</m:FindItem>"""
RESOLVE_NAMES = """<m:ResolveNames ReturnFullContactData="false" SearchScope="ActiveDirectory">
  <m:UnresolvedEntry>{entry}</m:UnresolvedEntry></m:ResolveNames>"""
GET_ITEM = """<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>
  <t:AdditionalProperties>{fields}</t:AdditionalProperties></m:ItemShape>
  <m:ItemIds><t:ItemId Id="{id}"/></m:ItemIds></m:GetItem>"""
ITEM_FIELDS = ("ItemClass", "Subject", "Sensitivity", "HasAttachments", "LastModifiedTime")
CALENDAR_FIELDS = (
    *("UID", "Start", "End", "IsAllDayEvent", "LegacyFreeBusyStatus", "Location", "IsMeeting", "IsCancelled"),
    *("IsRecurring", "CalendarItemType", "MyResponseType", "Organizer", "StartTimeZone", "EndTimeZone"),
    *("StartTimeZoneId", "EndTimeZoneId"),
)
ALL_FIELDS = (*(f"item:{name}" for name in ITEM_FIELDS), *(f"calendar:{name}" for name in CALENDAR_FIELDS))
DAY = ("2026-03-02T00:00:00+01:00", "2026-03-03T00:00:00+01:00")


def field_uris(names: tuple[str, ...]) -> str:
    return "".join(f'<t:FieldURI FieldURI="{name}"/>' for name in names)


class PlainClient:
    """Sends hand-written SOAP and checks every answer of EWS against the schema; `http` is the client beneath."""

    def __init__(self, http: httpx.AsyncClient, schema: etree.XMLSchema) -> None:
        self.http = http
        self._schema = schema

    async def post(
        self, body: str, *, as_mailbox: str = "", kind: str = "PrimarySmtpAddress", headers: Mapping[str, str] = NOTHING
    ) -> httpx.Response:
        impersonation = IMPERSONATION.format(kind=kind, name=as_mailbox) if as_mailbox else ""
        envelope = ENVELOPE.format(impersonation=impersonation, body=body)
        usual = {
            "Content-Type": "text/xml; charset=utf-8",
            "User-Agent": "plain-client/1.0",
            "X-AnchorMailbox": as_mailbox,
            "client-request-id": str(uuid.uuid4()),
            "return-client-request-id": "true",
        }
        merged = {name: value for name, value in {**usual, **headers}.items() if value}
        response = await self.http.post(EWS, content=envelope.encode(), headers=merged)
        if b"Envelope" in response.content:
            self._check(response)
        return response

    def _check(self, response: httpx.Response) -> None:
        root = root_of(response)
        for part in (*root.iterfind("s:Header/*", NAMESPACES), *root.iterfind("s:Body/*", NAMESPACES)):
            if part.tag != f"{{{NAMESPACES['s']}}}Fault":
                self._schema.assertValid(etree.fromstring(etree.tostring(part)))

    async def find_item(
        self,
        mailbox: str,
        start: str = DAY[0],
        end: str = DAY[1],
        *,
        fields: tuple[str, ...] = ALL_FIELDS,
        most: int | None = None,
        folder: str = "calendar",
        **more: Any,
    ) -> httpx.Response:
        limit = f'MaxEntriesReturned="{most}"' if most is not None else ""
        body = FIND_ITEM.format(fields=field_uris(fields), start=start, end=end, most=limit, folder=folder)
        return await self.post(body, as_mailbox=mailbox, **more)

    async def get_item(self, mailbox: str, item_id: str) -> httpx.Response:
        return await self.post(GET_ITEM.format(fields=field_uris(ALL_FIELDS), id=item_id), as_mailbox=mailbox)

    async def resolve(self, entry: str, **more: Any) -> httpx.Response:
        return await self.post(RESOLVE_NAMES.format(entry=entry), **more)


@asynccontextmanager
async def plain_client(
    simulator: ExchangeSimulator,
    authority: CertificateAuthority,
    schema: etree.XMLSchema,
    auth: httpx.Auth | tuple[str, str] | None = (ACCOUNT, PASSWORD),
) -> AsyncIterator[PlainClient]:
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    transport = RoutedTransport(httpx.AsyncHTTPTransport(verify=trust), simulator.routes)
    async with httpx.AsyncClient(transport=transport, auth=auth) as http:
        yield PlainClient(http, schema)


def root_of(response: httpx.Response) -> etree._Element:
    return etree.fromstring(response.content, etree.XMLParser(recover=True, resolve_entities=False))


def texts(response: httpx.Response, path: str) -> list[str]:
    return [element.text or "" for element in root_of(response).iterfind(path, NAMESPACES)]


def code_of(response: httpx.Response) -> str:
    """The first response code, of a fault (HTTP 500) or of a response message (200)."""
    path = ".//e:ResponseCode" if response.status_code == 500 else ".//m:ResponseCode"
    (code, *_) = texts(response, path)
    return code
