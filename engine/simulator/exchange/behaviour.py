"""What is not known for certain about real Exchange servers, as switches: tests run both ways."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How this server decides what documentation leaves open.

    `impersonation_refused_in`: a mailbox that may not be (or cannot be) impersonated is told in a SOAP fault with HTTP
    500, or in a response message with HTTP 200. `no_results_class`: the class of ErrorNameResolutionNoResults.
    `caller_has_mailbox`: whether the service account has a mailbox of its own, which ResolveNames wants without
    impersonation. `app_only`: whoever asks is an application, which no mailbox belongs to, so every request has to
    impersonate one, as in Exchange Online.
    """

    impersonation_refused_in: Literal["fault", "response"] = "fault"
    no_results_class: Literal["Warning", "Error"] = "Warning"
    caller_has_mailbox: bool = True
    app_only: bool = False


AS_DOCUMENTED = Behaviour()
