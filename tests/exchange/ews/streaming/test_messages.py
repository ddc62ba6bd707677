"""Tests of reading the envelopes of a stream."""

import pytest

from engine.exchange.errors import NotUnderstood
from engine.exchange.ews.soap import ResponseMessage, response_messages
from engine.exchange.ews.streaming.protocol import StreamEvents, stream_events, subscription_id
from tests.exchange.ews.wire import message, response

ITEM = '<t:TimeStamp>2026-03-02T09:00:00Z</t:TimeStamp><t:ItemId Id="A"/><t:ParentFolderId Id="F"/>'
FOLDER = '<t:TimeStamp>2026-03-02T09:00:00Z</t:TimeStamp><t:FolderId Id="F"/><t:ParentFolderId Id="R"/>'


def envelope(content: str, **more: str) -> ResponseMessage:
    (found,) = response_messages(response("GetStreamingEvents", message("GetStreamingEvents", content, **more)))
    return found


def notification(identifier: str, *events: str, prefix: str = "t") -> str:
    content = f"<t:SubscriptionId>{identifier}</t:SubscriptionId>{''.join(events)}"
    return f"<{prefix}:Notification>{content}</{prefix}:Notification>"


def notifications(*each: str) -> str:
    return f"<m:Notifications>{''.join(each)}</m:Notifications>"


@pytest.mark.parametrize("prefix", ["t", "m"])
@pytest.mark.parametrize("event", ["Copied", "Created", "Deleted", "Modified", "Moved", "NewMail", "FreeBusyChanged"])
@pytest.mark.parametrize("what", [ITEM, FOLDER], ids=["item", "folder"])
def test_any_event_on_an_item_or_on_the_folder_is_a_change(prefix: str, event: str, what: str) -> None:
    content = notifications(notification("one", f"<t:{event}Event>{what}</t:{event}Event>", prefix=prefix))
    assert stream_events(envelope(content)) == StreamEvents(changed=("one",))


def test_several_mailboxes_in_one_envelope() -> None:
    event = f"<t:ModifiedEvent>{ITEM}</t:ModifiedEvent>"
    status = "<t:StatusEvent><t:Watermark>AAAA</t:Watermark></t:StatusEvent>"
    content = notifications(
        notification("one", event, event), notification("two", status), notification("three", event)
    )
    assert stream_events(envelope(content)) == StreamEvents(changed=("one", "three"))


def test_a_heartbeat_says_nothing() -> None:
    status = "<t:StatusEvent><t:Watermark>AAAA</t:Watermark></t:StatusEvent>"
    assert stream_events(envelope("<m:ConnectionStatus>OK</m:ConnectionStatus>")) == StreamEvents()
    assert stream_events(envelope(notifications(notification("one", status)))) == StreamEvents()


def test_closed() -> None:
    assert stream_events(envelope("<m:ConnectionStatus>Closed</m:ConnectionStatus>")) == StreamEvents(closed=True)


@pytest.mark.parametrize("prefix", ["t", "m"])
def test_bad_subscriptions_are_lost_and_the_answer_has_not_failed(prefix: str) -> None:
    ids = "".join(f"<{prefix}:SubscriptionId>{each}</{prefix}:SubscriptionId>" for each in ("one", "two"))
    lost = f"<m:ErrorSubscriptionIds>{ids}</m:ErrorSubscriptionIds>"
    told = stream_events(envelope(lost, code="ErrorSubscriptionNotFound", kind="Error"))
    assert told == StreamEvents(lost=("one", "two"))


def test_an_error_without_ids_concerns_the_whole_answer() -> None:
    told = stream_events(envelope("", code="ErrorNewEventStreamConnectionOpened", kind="Error"))
    assert told.failed is not None
    assert told.failed.code == "ErrorNewEventStreamConnectionOpened"


def test_the_id_of_a_new_subscription() -> None:
    content = "<m:SubscriptionId> HgBleGNo= </m:SubscriptionId>"
    (found,) = response_messages(response("Subscribe", message("Subscribe", content)))
    assert subscription_id(found.element) == "HgBleGNo="


def test_a_subscription_without_an_id_is_not_understood() -> None:
    (found,) = response_messages(response("Subscribe", message("Subscribe")))
    with pytest.raises(NotUnderstood):
        subscription_id(found.element)
