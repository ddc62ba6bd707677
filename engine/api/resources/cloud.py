"""Requests about the certificates of the application in Microsoft Entra, and about its tenant."""

from engine.api.client import ApiClient
from engine.api.resources import VERSION_1
from engine.api.schema.cloud import CloudCertificates, CloudTenant

CERTIFICATE = f"{VERSION_1}/cloud/certificate"


class CloudRequests:
    """Requests about certificates that the engine makes, and the tenant. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def certificates(self) -> CloudCertificates:
        """Return the public parts of the certificates."""
        return await self._api.get(CERTIFICATE, CloudCertificates)

    async def make(self) -> CloudCertificates:
        """Make a certificate, unless there is one; return what there is then."""
        return await self._api.post(CERTIFICATE, CloudCertificates)

    async def renew(self) -> CloudCertificates:
        """Make the next certificate, unless there is one; return what there is then."""
        return await self._api.post(f"{CERTIFICATE}/renew", CloudCertificates)

    async def delete(self) -> CloudCertificates:
        """Remove the certificates that the engine has made."""
        return await self._api.delete(CERTIFICATE, CloudCertificates)

    async def tenant(self) -> CloudTenant:
        """Return what is known of the tenant."""
        return await self._api.get(f"{VERSION_1}/cloud/tenant", CloudTenant)
