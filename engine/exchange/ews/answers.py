"""Judges an HTTP answer to an EWS request: it holds response messages, or it is a failure with a name."""

from engine.exchange.ews.affinity import override_cookie
from engine.exchange.ews.codes import MEANINGS, meaning_of
from engine.exchange.ews.safe_xml import Element
from engine.exchange.ews.soap import Impersonation, ResponseMessage, response_messages
from engine.exchange.ews.transport import HttpAnswer
from engine.exchange.failures import (
    EwsForbidden,
    ExchangeBusy,
    ExchangeFailure,
    LoginRefused,
    MailboxTrouble,
    NotPrimaryAddress,
    NotUnderstood,
)

_MAY_BE_SOAP = (200, 500)


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

    def failure(self, message: ResponseMessage) -> ExchangeFailure:
        """Return the named failure for a response message that failed."""
        code = message.code
        # A batch that was throttled half-way hides the reason (ErrorInternalServerError around ErrorServerBusy).
        inner = message.values.get("InnerErrorResponseCode", "")
        if code == "ErrorInternalServerError" and inner in MEANINGS:
            code = inner
        failure = meaning_of(code, impersonated=self._impersonation is not None).failure
        detail = self._where(code or "an error without a code")
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
                if self._answer.status == 200:
                    raise NotUnderstood(self._where(error.detail)) from error
            else:
                if messages[0].is_fault:
                    raise self.failure(messages[0])
                return messages
        raise self._failure_of_status()

    def _failure_of_status(self) -> ExchangeFailure:
        status = self._answer.status
        detail = self._where(f"HTTP {status}")
        if status == 401:
            return LoginRefused(detail)
        if status == 403:
            reason = self._answer.headers.get("x-ews-policy-reason", "")[:200]
            return EwsForbidden(f"{detail}, {reason}" if reason else detail)
        if status in (429, 503):
            return ExchangeBusy(detail, retry_after=self._retry_after())
        # Front ends redirect to an error page, or send one, while the server behind them is in trouble.
        if 300 <= status < 400 or status >= 500:
            return MailboxTrouble(detail, retry_after=self._retry_after())
        return NotUnderstood(detail)

    def _where(self, what: str) -> str:
        whose = self._impersonation.address if self._impersonation else "the service account"
        return f"{what} for {whose} (request {self._answer.request_id})"

    def _retry_after(self) -> float | None:
        return _seconds(self._answer.headers.get("retry-after", ""))


def _back_off(message: ResponseMessage) -> float | None:
    milliseconds = _seconds(message.values.get("BackOffMilliseconds", ""))
    return milliseconds / 1000 if milliseconds is not None else None


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
