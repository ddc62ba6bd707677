"""Named failures of autodiscover."""

from engine.core.errors import Fault, Scope
from engine.exchange.errors import ExchangeFailure


class AutodiscoverFailed(ExchangeFailure):
    """None of the autodiscover steps found an EWS URL; `untrusted` is one whose certificate is not trusted, if any."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Autodiscover found no Exchange server"
    remedy = "Set exchange.autodiscover_url, or exchange.ews_url (https://HOST/EWS/Exchange.asmx)."

    def __init__(self, detail: str = "", untrusted: str = "") -> None:
        super().__init__(detail)
        self.untrusted = untrusted


class EwsHostNotTrusted(AutodiscoverFailed):
    """Autodiscover names an EWS server, `host`, outside the domains that the log-in may be sent to."""

    meaning = "Autodiscover names an Exchange server outside your domain"
    remedy = (
        "If it is one of your Exchange servers, add its host to exchange.trusted_hosts: log-ins are then sent there. "
        "If it is not, find out which server answers autodiscover requests."
    )

    def __init__(self, detail: str = "", host: str = "") -> None:
        super().__init__(detail)
        self.host = host
