"""Named failures of autodiscover."""

from engine.core.errors import Fault, Scope
from engine.exchange.errors import ExchangeFailure


class AutodiscoverFailed(ExchangeFailure):
    """None of the autodiscover steps found an EWS URL."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Autodiscover found no Exchange server"
    remedy = "Set exchange.autodiscover_url, or exchange.ews_url (https://HOST/EWS/Exchange.asmx)."


class EwsHostNotTrusted(AutodiscoverFailed):
    """Autodiscover names an EWS server outside the domains that the log-in may be sent to."""

    meaning = "Autodiscover names an Exchange server outside your domain"
    remedy = (
        "If it is one of your Exchange servers, add its host to exchange.trusted_hosts: log-ins are then sent there. "
        "If it is not, find out which server answers autodiscover requests."
    )
