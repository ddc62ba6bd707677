"""Judges an HTTP answer to an EWS request: it holds response messages, or it is a failure with a name."""

from datetime import datetime
from email.utils import parsedate_to_datetime

from engine.exchange.ews.affinity import override_cookie
from engine.exchange.ews.codes import meaning_of, meaning_of_status, told_code
from engine.exchange.ews.safe_xml import Element
from engine.exchange.ews.soap import Impersonation, ResponseMessage, response_messages
from engine.exchange.ews.transport import HttpAnswer
from engine.exchange.failures import (
    ExchangeBusy,
    ExchangeFailure,
    MailboxTrouble,
    NotPrimaryAddress,
    NotUnderstood,
)
from engine.exchange.http.login_page import is_html, what_answers

_MAY_BE_SOAP = (200, 500)
_LONGEST_PAUSE = 3600.0
"""Seconds: whatever is asked for beyond that is asked for again then."""


class EwsAnswer:
    """The response messages of one answer, and what is needed to say where a failure in one of them happened.

    Raises on construction the failure of an answer that has no response messages: a SOAP fault, an error page.
    """

    def __init__(self, answer: HttpAnswer, impersonation: Impersonation | None) -> None:
        self._answer = answer
        self._impersonation = impersonation
        self.messages = self._parse()

    @property
    def override_cookie(self) -> str:
        """The cookie that leads back to the server which answered, "" if there is none."""
        return override_cookie(self._answer.headers)

    @property
    def busy(self) -> ExchangeBusy | None:
        """The pause that is asked for where no response message holds anything else."""
        if not all(message.failed for message in self.messages):
            return None
        failures = (self.failure(message) for message in self.messages)
        return next((failure for failure in failures if isinstance(failure, ExchangeBusy)), None)

    def failure(self, message: ResponseMessage, *, about: str | None = None) -> ExchangeFailure:
        """Return the named failure for a response message that failed; `about` is the mailbox it is about, where that
        is not the one that was impersonated."""
        code = told_code(message.code, message.values.get("InnerErrorResponseCode", ""))
        of_a_mailbox = self._impersonation is not None or about is not None
        failure = meaning_of(code, of_a_mailbox=of_a_mailbox)
        detail = self._where(code or "an error without a code", about)
        if failure is NotPrimaryAddress:
            return NotPrimaryAddress(detail, primary=message.values.get("Primary"))
        return failure(detail, retry_after=_back_off(message) or self._retry_after())

    def content(self, message: ResponseMessage) -> Element:
        """Return the element of a response message; raises its failure when it failed."""
        if message.failed:
            raise self.failure(message)
        return message.element

    def _parse(self) -> list[ResponseMessage]:
        # Exchange sends SOAP faults with HTTP 500, so the body counts before the status does.
        if self._answer.status in _MAY_BE_SOAP:
            try:
                messages = response_messages(self._answer.body)
            except NotUnderstood as error:
                if self._answer.status == 200 and not is_html(self._answer.headers, self._answer.body):
                    raise NotUnderstood(self._where(error.detail)) from error
            else:
                if messages[0].is_fault:
                    raise self.failure(messages[0])
                return messages
        raise self._failure_of_status()

    def _failure_of_status(self) -> ExchangeFailure:
        status = self._answer.status
        stranger = what_answers(status, self._answer.headers, self._answer.body)
        if stranger is not None:
            return type(stranger)(self._where(stranger.detail))
        detail = self._where(f"HTTP {status}")
        # The reason is in this header; the body is not to be relied on (Microsoft, "Control access to EWS").
        reason = self._answer.headers.get("x-ews-policy-reason", "")[:200] if status == 403 else ""
        failure = meaning_of_status(status, by_policy=bool(reason))
        waits = issubclass(failure, ExchangeBusy | MailboxTrouble)
        return failure(
            f'{detail}, "{reason}"' if reason else detail, retry_after=self._retry_after() if waits else None
        )

    def _where(self, what: str, about: str | None = None) -> str:
        whose = about or (self._impersonation.address if self._impersonation else "the service account")
        return f"{what} for {whose} (request {self._answer.request_id})"

    def _retry_after(self) -> float | None:
        told = self._answer.headers.get("retry-after", "")
        seconds = _seconds(told)
        if seconds is None and (until := _date(told)) and (now := _date(self._answer.headers.get("date", ""))):
            # By the server's own clock, so that it does not matter how right ours is.
            seconds = max(0.0, (until - now).total_seconds())
        return None if seconds is None else min(seconds, _LONGEST_PAUSE)


def _back_off(message: ResponseMessage) -> float | None:
    milliseconds = _seconds(message.values.get("BackOffMilliseconds", ""))
    return None if milliseconds is None else min(milliseconds / 1000, _LONGEST_PAUSE)


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _date(text: str) -> datetime | None:
    """Read an HTTP date (RFC 9110, section 5.6.7)."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else None
