"""Subscribe, GetStreamingEvents and Unsubscribe as seen by a plain client."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from lxml import etree

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.server import ExchangeSimulator
from engine.simulator.exchange.topology import Behaviour, Home
from engine.simulator.world import World
from tests.simulator.exchange.client import NAMESPACES, PlainClient, code_of, plain_client, texts
from tests.support.eventually import patience

ANNA, BERT = "anna.mueller@corp.example", "zoe.vandijk@corp.example"
BRANCH = Home("Branch-Site", "mail.branch.corp.example", "exchange02.corp.example")
SUBSCRIBE = """<m:Subscribe><m:StreamingSubscriptionRequest>
  <t:FolderIds><t:DistinguishedFolderId Id="{folder}"/></t:FolderIds>
  <t:EventTypes>{events}</t:EventTypes></m:StreamingSubscriptionRequest></m:Subscribe>"""
GET_EVENTS = """<m:GetStreamingEvents><m:SubscriptionIds>{ids}</m:SubscriptionIds>
  <m:ConnectionTimeout>{minutes}</m:ConnectionTimeout></m:GetStreamingEvents>"""
UNSUBSCRIBE = "<m:Unsubscribe><m:SubscriptionId>{id}</m:SubscriptionId></m:Unsubscribe>"
END = b"</s:Envelope>"

Serve = Callable[..., AbstractAsyncContextManager[tuple[ExchangeSimulator, "Subscriber"]]]


class Subscriber:
    """A plain client that keeps to the rules of affinity; `cookie` is what it was given."""

    def __init__(self, client: PlainClient, schema: etree.XMLSchema) -> None:
        self._client = client
        self._schema = schema
        self.cookie = ""

    def headers(self, anchor: str) -> dict[str, str]:
        cookie = {"Cookie": f"X-BackEndOverrideCookie={self.cookie}"} if self.cookie else {}
        return {"X-AnchorMailbox": anchor, "X-PreferServerAffinity": "true"} | cookie

    async def subscribe(
        self, mailbox: str, anchor: str = ANNA, folder: str = "calendar", events: str = "CreatedEvent ModifiedEvent"
    ) -> httpx.Response:
        types = "".join(f"<t:EventType>{event}</t:EventType>" for event in events.split())
        body = SUBSCRIBE.format(folder=folder, events=types)
        response = await self._client.post(body, as_mailbox=mailbox, headers=self.headers(anchor))
        self.cookie = self.cookie or response.cookies.get("X-BackEndOverrideCookie") or ""
        self._client.http.cookies.clear()
        return response

    async def identifier(self, mailbox: str, **more: str) -> str:
        (found,) = texts(await self.subscribe(mailbox, **more), ".//m:SubscriptionId")
        return found

    async def unsubscribe(self, identifier: str) -> str:
        return code_of(await self._client.post(UNSUBSCRIBE.format(id=identifier), headers=self.headers(ANNA)))

    @asynccontextmanager
    async def listen(self, *ids: str, minutes: int = 30) -> AsyncIterator[AsyncIterator[etree._Element]]:
        listed = "".join(f"<t:SubscriptionId>{each}</t:SubscriptionId>" for each in ids)
        post = self._client.http.post
        responses: list[httpx.Response] = []

        async def stream(url: str, **more: object) -> httpx.Response:
            request = self._client.http.build_request("POST", url, **more)  # type: ignore[arg-type]
            responses.append(await self._client.http.send(request, stream=True))
            return httpx.Response(200)

        self._client.http.post = stream  # type: ignore[method-assign, assignment]
        try:
            await self._client.post(GET_EVENTS.format(ids=listed, minutes=minutes), headers=self.headers(ANNA))
        finally:
            self._client.http.post = post  # type: ignore[method-assign]
        async with contextlib.aclosing(self._envelopes(responses[0])) as envelopes:
            yield envelopes
        await responses[0].aclose()

    async def _envelopes(self, response: httpx.Response) -> AsyncGenerator[etree._Element, None]:
        rest = b""
        async for chunk in response.aiter_bytes():
            rest += chunk
            while END in rest:
                document, _, rest = rest.partition(END)
                root = etree.fromstring(document + END)
                for part in root.iterfind("s:Body/*", NAMESPACES):
                    self._schema.assertValid(etree.fromstring(etree.tostring(part)))
                yield root


def said(envelope: etree._Element, path: str) -> list[str]:
    return [element.text or "" for element in envelope.iterfind(f".//{path}", NAMESPACES)]


async def after_the_first(envelopes: AsyncIterator[etree._Element]) -> etree._Element:
    async with patience():
        await anext(envelopes)
        return await anext(envelopes)


@pytest.fixture
def serve(world: World, authority: CertificateAuthority, schema: etree.XMLSchema) -> Serve:
    @asynccontextmanager
    async def served(
        now: Callable[[], datetime] = lambda: datetime.now(UTC), **behaviour: object
    ) -> AsyncIterator[tuple[ExchangeSimulator, Subscriber]]:
        async with (
            ExchangeSimulator(
                world,
                authority=authority,
                schemes=("Basic",),
                schema=schema,
                behaviour=Behaviour(**behaviour),  # type: ignore[arg-type]
                now=now,
            ) as simulator,
            plain_client(simulator, authority, schema) as client,
        ):
            yield simulator, Subscriber(client, schema)

    return served


async def test_an_edit_is_told_to_who_has_subscribed(serve: Serve, world: World) -> None:
    async with serve() as (_, subscriber):
        one, two = await subscriber.identifier(ANNA), await subscriber.identifier(BERT)
        async with subscriber.listen(one, two) as envelopes:
            world.put(ANNA, world.appointment("new", "09:00-10:00"))
            told = await after_the_first(envelopes)
            assert said(told, "t:SubscriptionId") == [one]
            assert len(told.findall(".//t:CreatedEvent/t:ItemId", NAMESPACES)) == 1
            assert len(told.findall(".//t:ModifiedEvent/t:FolderId", NAMESPACES)) == 1


async def test_what_happened_before_the_connection_is_told_on_it(serve: Serve, world: World) -> None:
    async with serve() as (_, subscriber):
        one = await subscriber.identifier(ANNA, events="DeletedEvent")
        world.put(ANNA, world.appointment("new", "09:00-10:00"))
        world.remove(ANNA, "new")
        async with subscriber.listen(one) as envelopes:
            told = await after_the_first(envelopes)
            names = [etree.QName(each).localname for each in told.iterfind(".//t:Notification/*", NAMESPACES)]
            assert names == ["SubscriptionId", "DeletedEvent"]


async def test_heartbeats_and_the_end(serve: Serve) -> None:
    async with serve(heartbeat_seconds=0.05) as (simulator, subscriber):
        async with subscriber.listen(await subscriber.identifier(ANNA)) as envelopes:
            for _ in range(3):
                assert said(await anext(envelopes), "m:ConnectionStatus") == ["OK"]
            simulator.subscriptions.streams[0].close()
            rest = [said(envelope, "m:ConnectionStatus") async for envelope in envelopes]
            assert rest[-1] == ["Closed"]
        assert simulator.subscriptions.streams == []


async def test_the_cookie_leads_back_and_without_it_nothing_is_found(serve: Serve) -> None:
    async with serve() as (_, subscriber):
        one = await subscriber.identifier(ANNA)
        assert subscriber.cookie
        subscriber.cookie = ""
        async with subscriber.listen(one) as envelopes:
            told = await after_the_first(envelopes)
            assert said(told, "t:SubscriptionId") == [one]
            assert said(told, "m:ResponseCode") == ["ErrorSubscriptionNotFound"]


async def test_a_bad_subscription_silences_the_good_ones(serve: Serve, world: World) -> None:
    async with serve(heartbeat_seconds=0.05) as (simulator, subscriber):
        one, two = await subscriber.identifier(ANNA), await subscriber.identifier(BERT)
        simulator.subscriptions.lose(BERT)
        async with subscriber.listen(one, two) as envelopes:
            assert said(await after_the_first(envelopes), "t:SubscriptionId") == [two]
            world.put(ANNA, world.appointment("new", "09:00-10:00"))
            for _ in range(3):
                assert said(await anext(envelopes), "t:SubscriptionId") == []


async def test_a_second_connection_takes_the_subscriptions_away(serve: Serve) -> None:
    async with serve() as (_, subscriber):
        one = await subscriber.identifier(ANNA)
        async with subscriber.listen(one) as first, subscriber.listen(one) as second:
            await anext(second)
            assert said(await after_the_first(first), "m:ResponseCode") == ["ErrorNewEventStreamConnectionOpened"]


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ({"mailboxes_per_stream": 1}, "ErrorInvalidSubscription"),
        ({"hanging_connections": 0}, "ErrorExceededConnectionCount"),
    ],
)
async def test_refusals(serve: Serve, behaviour: dict[str, int], code: str) -> None:
    async with serve(**behaviour) as (_, subscriber):
        ids = [await subscriber.identifier(mailbox) for mailbox in (ANNA, BERT)]
        async with subscriber.listen(*ids) as envelopes:
            assert said(await anext(envelopes), "m:ResponseCode") == [code]


async def test_a_mailbox_takes_only_so_many_subscriptions(serve: Serve) -> None:
    async with serve(subscriptions_per_mailbox=2) as (_, subscriber):
        one = await subscriber.identifier(ANNA)
        await subscriber.identifier(ANNA)
        assert code_of(await subscriber.subscribe(ANNA)) == "ErrorExceededSubscriptionCount"
        assert await subscriber.unsubscribe(one) == "NoError"
        assert await subscriber.unsubscribe(one) == "ErrorSubscriptionNotFound"
        assert code_of(await subscriber.subscribe(ANNA)) == "NoError"


async def test_subscriptions_that_nobody_asks_for_end(serve: Serve) -> None:
    clock = [datetime(2026, 3, 2, tzinfo=UTC)]
    async with serve(now=lambda: clock[0]) as (simulator, subscriber):
        await subscriber.identifier(ANNA)
        clock[0] += timedelta(minutes=29)
        assert len(simulator.subscriptions.of(ANNA)) == 1
        clock[0] += timedelta(minutes=2)
        assert simulator.subscriptions.of(ANNA) == []


async def test_a_mailbox_that_moved_is_not_served_at_its_old_home(serve: Serve) -> None:
    async with serve() as (simulator, subscriber):
        await subscriber.identifier(ANNA)
        simulator.move(ANNA, BRANCH)
        assert simulator.subscriptions.of(ANNA) == []
        assert code_of(await subscriber.subscribe(ANNA)) == "ErrorCrossSiteRequest"


async def test_what_the_schema_does_not_allow(serve: Serve) -> None:
    async with serve() as (_, subscriber):
        assert code_of(await subscriber.subscribe(ANNA, events="StatusEvent")) == "ErrorSchemaValidation"
        assert code_of(await subscriber.subscribe(ANNA, folder="inbox")) == "ErrorInvalidSubscriptionRequest"
