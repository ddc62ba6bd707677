"""Both forms of autodiscover, and the plain http redirect that leads to them."""

import pytest
from lxml import etree

from engine.simulator.exchange.server import ExchangeSimulator
from engine.simulator.faults import RedirectAddress, RedirectUrl, html_page, redirect
from tests.simulator.exchange.client import PlainClient

SOAP_URL = "https://autodiscover.corp.example/autodiscover/autodiscover.svc"
POX_URL = "https://autodiscover.corp.example/Autodiscover/Autodiscover.xml"
HTTP_URL = "http://autodiscover.corp.example/autodiscover/autodiscover.xml"
A = "{http://schemas.microsoft.com/exchange/2010/Autodiscover}"
R = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"
P = "{http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006}"
WANTED = ("ExternalEwsUrl", "InternalEwsUrl", "AutoDiscoverSMTPAddress", "GroupingInformation", "UserDN")

SOAP_REQUEST = """<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:w="http://www.w3.org/2005/08/addressing"
    xmlns:a="http://schemas.microsoft.com/exchange/2010/Autodiscover">
  <s:Header><a:RequestedServerVersion>Exchange2013_SP1</a:RequestedServerVersion>
    <w:Action>{action}</w:Action><w:To>{url}</w:To></s:Header>
  <s:Body><a:GetUserSettingsRequestMessage><a:Request><a:Users>{users}</a:Users>
    <a:RequestedSettings>{settings}</a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage></s:Body>
</s:Envelope>"""
ACTION = "http://schemas.microsoft.com/exchange/2010/Autodiscover/Autodiscover/GetUserSettings"
POX_REQUEST = """<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>
  <EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>{schema}</AcceptableResponseSchema>
</Request></Autodiscover>"""
HEADERS = {"Content-Type": "text/xml; charset=utf-8", "User-Agent": "plain-client/1.0"}


async def ask_soap(client: PlainClient, *users: str, action: str = ACTION) -> etree._Element:
    mailboxes = "".join(f"<a:User><a:Mailbox>{user}</a:Mailbox></a:User>" for user in users)
    settings = "".join(f"<a:Setting>{name}</a:Setting>" for name in WANTED)
    content = SOAP_REQUEST.format(action=action, url=SOAP_URL, users=mailboxes, settings=settings)
    response = await client.http.post(SOAP_URL, content=content, headers=HEADERS)
    assert response.status_code == 200
    return etree.fromstring(response.content)


async def ask_pox(client: PlainClient, address: str, schema: str = R.strip("{}")) -> etree._Element:
    content = POX_REQUEST.format(address=address, schema=schema)
    response = await client.http.post(POX_URL, content=content.encode(), headers=HEADERS)
    assert response.status_code == 200
    return etree.fromstring(response.content)


def values(root: etree._Element, tag: str) -> list[str]:
    return [element.text or "" for element in root.iter(tag)]


async def test_soap_tells_where_ews_is_and_the_primary_address(client: PlainClient) -> None:
    root = await ask_soap(client, "kw@corp.example")
    settings = dict(zip(values(root, f"{A}Name"), values(root, f"{A}Value"), strict=True))
    assert settings == {
        "ExternalEwsUrl": "https://mail.corp.example/EWS/Exchange.asmx",
        "InternalEwsUrl": "https://exchange01.corp.example/EWS/Exchange.asmx",
        "AutoDiscoverSMTPAddress": "kathrin.weiss@corp.example",
        "GroupingInformation": "Default-First-Site-Name",
    }
    assert values(root, f"{A}SettingName") == ["UserDN"]
    assert "SettingIsNotAvailable" in values(root, f"{A}ErrorCode")


async def test_soap_judges_each_user_alone(client: PlainClient) -> None:
    root = await ask_soap(client, "nobody@corp.example", "anna.mueller@corp.example", "x@elsewhere.example")
    codes = [response.findtext(f"{A}ErrorCode") for response in root.iter(f"{A}UserResponse")]
    assert codes == ["InvalidUser", "NoError", "InvalidDomain"]


async def test_soap_refuses_a_request_that_names_another_action(client: PlainClient) -> None:
    assert values(await ask_soap(client, "anna.mueller@corp.example", action="urn:x"), f"{A}ErrorCode") == [
        "InvalidRequest"
    ]


async def test_soap_redirects_to_an_address_or_a_url(client: PlainClient, simulator: ExchangeSimulator) -> None:
    simulator.faults.add(RedirectAddress("anna@cloud.example"), times=1)
    simulator.faults.add(RedirectUrl("https://corp.example/autodiscover/autodiscover.svc"), times=2)
    root = await ask_soap(client, "anna.mueller@corp.example")
    assert values(root, f"{A}RedirectTarget") == ["anna@cloud.example"]
    root = await ask_soap(client, "anna.mueller@corp.example")
    assert "RedirectUrl" in values(root, f"{A}ErrorCode")


async def test_pox_tells_where_ews_is(client: PlainClient) -> None:
    root = await ask_pox(client, "birgitta.lindqvist@corp.example")
    assert values(root, f"{R}Action") == ["settings"]
    assert values(root, f"{R}AutoDiscoverSMTPAddress") == ["birgitta.soederberg@corp.example"]
    protocols = dict(zip(values(root, f"{R}Type"), values(root, f"{R}EwsUrl"), strict=True))
    assert protocols == {
        "EXCH": "https://exchange01.corp.example/EWS/Exchange.asmx",
        "EXPR": "https://mail.corp.example/EWS/Exchange.asmx",
    }


@pytest.mark.parametrize(
    ("address", "schema", "code"),
    [
        ("nobody@corp.example", R.strip("{}"), "500"),
        ("", R.strip("{}"), "600"),
        ("anna.mueller@corp.example", "urn:unknown", "601"),
    ],
)
async def test_pox_has_error_numbers(client: PlainClient, address: str, schema: str, code: str) -> None:
    assert values(await ask_pox(client, address, schema), f"{P}ErrorCode") == [code]


async def test_pox_redirects_to_an_address_or_a_url(client: PlainClient, simulator: ExchangeSimulator) -> None:
    simulator.faults.add(RedirectAddress("anna@cloud.example"), times=1)
    root = await ask_pox(client, "anna.mueller@corp.example")
    assert values(root, f"{R}RedirectAddr") == ["anna@cloud.example"]
    simulator.faults.add(RedirectUrl("https://corp.example/autodiscover/autodiscover.xml"), times=1)
    root = await ask_pox(client, "anna.mueller@corp.example")
    assert values(root, f"{R}RedirectUrl") == ["https://corp.example/autodiscover/autodiscover.xml"]


async def test_plain_http_leads_to_https_and_nowhere_else(client: PlainClient, simulator: ExchangeSimulator) -> None:
    response = await client.http.get(HTTP_URL, auth=None, headers=HEADERS)
    assert response.status_code == 302
    assert response.headers["Location"] == "https://autodiscover.corp.example/autodiscover/autodiscover.xml"
    elsewhere = await client.http.get("http://mail.corp.example/EWS/Exchange.asmx", auth=None, headers=HEADERS)
    assert elsewhere.status_code == 404
    assert simulator.ledger.complaints == []


async def test_credentials_over_plain_http_are_complained_about(
    client: PlainClient, simulator: ExchangeSimulator
) -> None:
    await client.http.get(HTTP_URL, headers=HEADERS)
    assert simulator.ledger.complaints == ["credentials over plain http"]


async def test_each_host_can_behave_differently(client: PlainClient, simulator: ExchangeSimulator) -> None:
    simulator.faults.add(html_page(), host="corp.example", anonymous=True)
    simulator.faults.add(
        redirect(HTTP_URL), host="autodiscover.corp.example", path="/autodiscover/autodiscover.xml", anonymous=True
    )

    async def status(url: str) -> tuple[int, str]:
        response = await client.http.get(url, headers=HEADERS, auth=None)
        return response.status_code, response.headers["Content-Type"]

    assert await status("https://corp.example/autodiscover/autodiscover.xml") == (200, "text/html; charset=utf-8")
    circle = await client.http.get(HTTP_URL, auth=None, headers=HEADERS)
    assert circle.headers["Location"] == HTTP_URL
