"""The parsers that are fuzzed, with valid samples for each."""

import base64
import contextlib
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

from engine.core.errors import Failure
from engine.core.secret import Secret
from engine.debuglog.entry import kept_of, redacted
from engine.debuglog.filter.parse import chips, parse
from engine.debuglog.pbx import entry_of
from engine.debuglog.pretty_xml import pretty
from engine.debuglog.redaction.secrets import SecretRedactor
from engine.exchange.ews.autodiscover.protocol import pox_reply, soap_reply
from engine.exchange.ews.availability import free_busy
from engine.exchange.ews.client import EwsResponse
from engine.exchange.ews.find_item import found_items
from engine.exchange.ews.get_item import organizer
from engine.exchange.ews.resolve_names import offer
from engine.exchange.ews.streaming.protocol import EnvelopeSplitter, stream_events, subscription_id
from engine.exchange.http.auth import Credential, Handshake
from engine.exchange.source import Window
from engine.pbx.protocol import decode, entries_in, objects_of
from engine.pbx.replication import Replication
from engine.settings.editor import edited
from engine.settings.model import Authentication
from engine.settings.reader import read_settings
from tests.campaigns.fuzz import files
from tests.campaigns.fuzz.files import SECRET
from tests.campaigns.fuzz.mutation import by_bytes, mutated
from tests.campaigns.fuzz.recorded import Samples
from tests.campaigns.planting import FORMS, SHAPES, is_left, password, survives, unknown
from tests.support.exchanges import said, traced

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
WINDOW = Window(NOW, datetime(2026, 3, 10, tzinfo=UTC))
HEAD = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    b'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
    b'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Body>'
)
TAIL = b"</s:Body></s:Envelope>"


def _response(operation: bytes, inner: bytes) -> bytes:
    return (
        HEAD
        + b"<m:%bResponse><m:ResponseMessages><m:%bResponseMessage ResponseClass='Success'>" % (operation, operation)
        + b"<m:ResponseCode>NoError</m:ResponseCode>"
        + inner
        + b"</m:%bResponseMessage></m:ResponseMessages></m:%bResponse>" % (operation, operation)
        + TAIL
    )


ITEMS = _response(
    b"FindItem",
    b"<m:RootFolder TotalItemsInView='2' IncludesLastItemInRange='true'><t:Items>"
    b"<t:CalendarItem><t:ItemId Id='AAMkAD' ChangeKey='DwAAAB'/><t:Subject>R&amp;D &#x1F389;</t:Subject>"
    b"<t:Sensitivity>Normal</t:Sensitivity><t:Start>2026-03-02T08:00:00Z</t:Start><t:End>2026-03-02T09:00:00Z</t:End>"
    b"<t:IsAllDayEvent>false</t:IsAllDayEvent><t:LegacyFreeBusyStatus>Busy</t:LegacyFreeBusyStatus>"
    b"<t:IsCancelled>false</t:IsCancelled><t:MyResponseType>Accept</t:MyResponseType></t:CalendarItem>"
    b"<t:CalendarItem><t:ItemId Id='BBMkAD'/><t:Start>2026-03-03T23:00:00Z</t:Start><t:End>2026-03-04T23:00:00Z</t:End>"
    b"<t:IsAllDayEvent>true</t:IsAllDayEvent><t:LegacyFreeBusyStatus>OOF</t:LegacyFreeBusyStatus>"
    b"<t:StartTimeZone Id='W. Europe Standard Time'><t:Periods><t:Period Bias='-PT1H' Name='Standard' Id='std'/>"
    b"</t:Periods></t:StartTimeZone></t:CalendarItem></t:Items></m:RootFolder>",
)
FREE_BUSY = (
    HEAD + b"<m:GetUserAvailabilityResponse><m:FreeBusyResponseArray><m:FreeBusyResponse>"
    b"<m:ResponseMessage ResponseClass='Success'><m:ResponseCode>NoError</m:ResponseCode></m:ResponseMessage>"
    b"<m:FreeBusyView><t:FreeBusyViewType>Detailed</t:FreeBusyViewType><t:CalendarEventArray><t:CalendarEvent>"
    b"<t:StartTime>2026-03-02T08:00:00</t:StartTime><t:EndTime>2026-03-02T09:00:00</t:EndTime>"
    b"<t:BusyType>Busy</t:BusyType><t:CalendarEventDetails><t:Subject>x</t:Subject><t:IsPrivate>false</t:IsPrivate>"
    b"</t:CalendarEventDetails></t:CalendarEvent></t:CalendarEventArray></m:FreeBusyView></m:FreeBusyResponse>"
    b"</m:FreeBusyResponseArray></m:GetUserAvailabilityResponse>" + TAIL
)
NAMES = _response(
    b"ResolveNames",
    b"<m:ResolutionSet TotalItemsInView='1' IncludesLastItemInRange='true'><t:Resolution><t:Mailbox><t:Name>A</t:Name>"
    b"<t:EmailAddress>a@corp.example</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType></t:Mailbox><t:Contact>"
    b"<t:EmailAddresses><t:Entry Key='EmailAddress1'>SMTP:a@corp.example</t:Entry></t:EmailAddresses></t:Contact>"
    b"</t:Resolution></m:ResolutionSet>",
)
EVENTS = _response(
    b"GetStreamingEvents",
    b"<m:Notifications><m:Notification><t:SubscriptionId>JwB</t:SubscriptionId><t:ModifiedEvent>"
    b"<t:TimeStamp>2026-03-02T08:00:00Z</t:TimeStamp></t:ModifiedEvent></m:Notification></m:Notifications>"
    b"<m:ErrorSubscriptionIds><m:SubscriptionId>JwC</m:SubscriptionId></m:ErrorSubscriptionIds>"
    b"<m:ConnectionStatus>OK</m:ConnectionStatus>",
)
ORGANIZER = _response(
    b"GetItem",
    b"<m:Items><t:CalendarItem><t:Organizer><t:Mailbox><t:EmailAddress>a@corp.example</t:EmailAddress></t:Mailbox>"
    b"</t:Organizer></t:CalendarItem></m:Items>",
)
FAULT = (
    HEAD + b"<s:Fault><faultcode>a:ErrorServerBusy</faultcode><faultstring>x</faultstring><detail><m:MessageXml>"
    b"<t:Value Name='BackOffMilliseconds'>300</t:Value></m:MessageXml></detail></s:Fault>" + TAIL
)
POX = (
    b"<Autodiscover xmlns='http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006'><Response "
    b"xmlns='http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a'><Account>"
    b"<AccountType>email</AccountType><Action>settings</Action><Protocol><Type>EXCH</Type>"
    b"<EwsUrl>https://mail.corp.example/EWS/Exchange.asmx</EwsUrl></Protocol></Account></Response></Autodiscover>"
)
DISCOVERED = (
    b"<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' "
    b"xmlns:a='http://schemas.microsoft.com/exchange/2010/Autodiscover'><s:Body><a:GetUserSettingsResponseMessage>"
    b"<a:Response><a:ErrorCode>NoError</a:ErrorCode><a:UserResponses><a:UserResponse><a:ErrorCode>NoError</a:ErrorCode>"
    b"<a:UserSettings><a:UserSetting><a:Name>ExternalEwsUrl</a:Name><a:Value>https://h/EWS/Exchange.asmx</a:Value>"
    b"</a:UserSetting></a:UserSettings></a:UserResponse></a:UserResponses></a:Response>"
    b"</a:GetUserSettingsResponseMessage></s:Body></s:Envelope>"
)
PBX = (
    b'{"mt":"ReplicateNextResult","api":"PbxTableUsers","src":"1","columns":{"guid":"aabb","h323":"anna","cn":"Anna",'
    b'"pseudo":{"type":""},"emails":[{"email":"a@corp.example"}],"node":"root","loc":"master","hide":false}}',
    b'{"mt":"ReplicateUpdate","api":"PbxTableUsers","columns":{"guid":"aabb","h323":"anna","pseudo":"type=\\"executive\\""}}',
    b'{"mt":"ReplicateDel","api":"PbxTableUsers","columns":{"guid":"aabb"}}',
    b'{"mt":"PresenceUpdate","api":"PbxApi","up":true,"presence":[{"contact":"calendar:","activity":"busy","note":"x"}]}',
    b'{"mt":"PbxInfo","pbx":"m","domain":"corp.example","apis":["PbxApi",{"name":"PbxTableUsers"}]}',
)
SETTINGS = (
    b'[pbx]\nmaster = "m"\nhost = "pbx.corp.example"\n[exchange]\ntype = "on-premises"\n'
    b"ews_url = \"https://mail.corp.example/EWS/Exchange.asmx\"\nuser = 'CORP\\svc'\npoll_seconds = 300\n"
    b'[presence]\ntimezone = "Europe/Berlin"\nshow_subject = true\npriority_words = ["Kunde"]\n',
)
FILTERS = (b'user:anna (code:Error* or not is:error) since:2h "a b" op:FindItem body:x', b"ms:>100 status:500")


def ntlm_challenge() -> bytes:
    """Return the second message of NTLM (MS-NLMP, CHALLENGE_MESSAGE), as it stands in a header."""
    info = struct.pack("<HH", 2, 8) + "CORP".encode("utf-16-le") + struct.pack("<HH", 0, 0)
    head = b"NTLMSSP\0" + struct.pack("<IHHII8s8xHHI", 2, 0, 0, 48, 0x20A28205, b"12345678", len(info), len(info), 48)
    return b"NTLM " + base64.b64encode(head + info)


@dataclass(frozen=True)
class _Answer:
    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    request_id: str = "1"


Read = Callable[[bytes], object]
REDACTOR = SecretRedactor()
REDACTOR.know([Secret(SECRET)])


def _ews(body: bytes) -> None:
    """Read an answer as one to any question: a server may mistake them."""
    for message in EwsResponse(_Answer(body, status=500 if b"Fault" in body else 200), None).messages:
        for read in (
            lambda element: found_items(element, with_subjects=True),
            lambda element: free_busy(element, WINDOW),
            offer,
            organizer,
            subscription_id,
        ):
            with contextlib.suppress(Failure):
                read(message.element)
        stream_events(message)


def _in_pieces(body: bytes) -> None:
    splitter = EnvelopeSplitter()
    for start in range(0, len(body), 700):
        for envelope in splitter.feed(body[start : start + 700]):
            stream_events(EwsResponse(_Answer(envelope), None).messages[0])


def _headers(body: bytes) -> None:
    text = body.decode("latin-1")
    EwsResponse(_Answer(FAULT, 503, {"retry-after": text, "date": text, "x-ews-policy-reason": text}), None)


def _challenge(body: bytes) -> None:
    credential = Credential("CORP\\svc", Secret(SECRET), Authentication.NTLM, channel_binding=False)
    handshake = Handshake(credential, "mail.corp.example")
    handshake.opening()
    handshake.reply({"www-authenticate": body.decode("latin-1")}, None)


def _pbx(body: bytes) -> None:
    message = decode(body.decode("utf-8", "replace"))
    replication = Replication()
    replication.start()
    replication.receive("ReplicateStartResult", {})
    for mt in ("ReplicateNextResult", "ReplicateUpdate", "ReplicateDel"):
        replication.receive(mt, message)
    entries_in(message)
    objects_of(message, "presence")


def _settings(body: bytes) -> None:
    text = body.decode("utf-8", "replace")
    edited(text, {"presence.show_subject": False})
    read_settings(text, default_zone=ZONE)


def _log(body: bytes) -> None:
    """Redact a body as the debug log does. What is redacted has nothing more to redact."""
    kept = kept_of(redacted(traced(response=body), REDACTOR, NOW), subjects=True, whose=lambda mailbox: mailbox)
    pretty(kept.response)


def _log_of_pbx(body: bytes) -> None:
    """Redact a message of the PBX as the debug log does."""
    text = body.decode("utf-8", "replace")
    entry_of(said(asked=text, answered=text[::-1]), REDACTOR, NOW, subjects=False, whom=lambda about: ("", ()))


def _text(read: Callable[[str], object]) -> Read:
    return lambda body: read(body.decode("utf-8", "replace"))


@dataclass(frozen=True)
class Target:
    """Something that reads, messages that are right, and how often it is tried: what is slow, more seldom."""

    read: Read
    samples: tuple[bytes, ...]
    share: float = 1.0
    alter: Callable[[Sequence[bytes], Random], bytes] = mutated


EWS = (ITEMS, FREE_BUSY, NAMES, EVENTS, ORGANIZER, FAULT)


def targets(recorded: Samples) -> dict[str, Target]:
    """Return all that reads, by name; `recorded` messages are added to those that are written down here."""
    found = {
        "EWS answers": Target(_ews, EWS, 3),
        "streams": Target(_in_pieces, (EVENTS * 3, EVENTS + FAULT)),
        "autodiscover, SOAP": Target(soap_reply, (DISCOVERED,)),
        "autodiscover, POX": Target(pox_reply, (POX,)),
        "headers": Target(_headers, (b"120", b"Mon, 02 Mar 2026 08:00:00 GMT", b"BlockedByPolicy")),
        "challenges": Target(_challenge, (ntlm_challenge(), b'Negotiate, Basic realm="x", charset="utf-8"'), 0.1),
        "lists of challenges": Target(files.challenge_list, files.OFFERS),
        "pages": Target(files.page, files.PAGES),
        "PBX messages": Target(_pbx, PBX, 3),
        "settings": Target(_settings, SETTINGS, 0.2),
        "answers": Target(files.answers_file, files.ANSWERS, 0.2),
        "secrets files": Target(files.secrets_file, files.SECRETS),
        "tokens": Target(files.token, files.TOKENS, 0.2),
        "tenants": Target(files.tenant, files.TENANTS, 0.1),
        "certificates": Target(files.certificate, files.certificates(), alter=by_bytes),
        "certificate files": Target(files.given_certificate, files.key_files(), 0.2),
        "client certificates": Target(files.client_certificate, files.key_files(), 0.1),
        "filters": Target(_text(parse), FILTERS),
        "parts of filters": Target(_text(chips), FILTERS),
        "redaction": Target(
            _log, (*EWS, *PBX, DISCOVERED, b"client_secret=a%26b&x=1", b'{"log":"{\\"password\\":\\"x\\"}"}'), 2
        ),
        "redaction of PBX messages": Target(_log_of_pbx, PBX),
    }
    return {name: replace(target, samples=(*target.samples, *recorded.get(name, ()))) for name, target in found.items()}


FORMS_AT_ONCE = 10
"""Ways in which one secret is planted: to know a secret takes longer than to look for it."""


def planted(random: Random) -> Iterator[str]:
    """Plant secrets somewhere; tell what is left of each, "" if nothing is."""
    secret, redactor = password(random), SecretRedactor()
    redactor.know([Secret(secret)])
    for form in random.choices(tuple(FORMS), k=FORMS_AT_ONCE):
        try:
            body = FORMS[form](secret, random)
        except UnicodeEncodeError:
            yield ""
            continue
        left = is_left(form, body, redactor.body(b"<a>%b</a>" % body))
        with contextlib.suppress(UnicodeDecodeError):
            record = said(asked=f"<a>{body.decode()}</a>")
            kept = entry_of(record, redactor, NOW, subjects=True, whom=lambda about: ("", ()))
            left = left or is_left(form, body, kept.request)
        yield f"{form}: {secret!r} in {body!r}" if left else ""
    for shape in random.choices(tuple(SHAPES), k=FORMS_AT_ONCE):
        another = unknown(random)
        body = SHAPES[shape](another, random)
        yield f"{shape}: {another.text!r} in {body!r}" if survives(another, REDACTOR.body(body)) else ""
