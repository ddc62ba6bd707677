"""Routes for the certificates that the engine makes for its application in Microsoft Entra, whose keys are never
returned, and for what is known of the tenant."""

from typing import Literal

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from engine.api.schema.cloud import CloudCertificate, CloudCertificates, CloudTenant
from engine.core.errors import Failure
from engine.core.secret import Secret
from engine.core.tenant import in_words
from engine.server.acceptor import actor_of
from engine.server.convert import converted, trouble
from engine.server.convert_settings import restarted
from engine.server.handlers.secrets import written_down
from engine.server.http import Route, answer, not_found, problem_from
from engine.server.state import ApiState
from engine.store.own_certificates import OwnCertificates, certificate_in, own_certificates
from engine.store.secret_sources import SecretSources
from engine.store.secrets import application_proof
from engine.store.tenants import KnownTenants
from engine.supervisor.plan import ApplyPlan
from engine.supervisor.supervisor import Supervisor
from engine.tls.certificate import fingerprint_of


class CloudRoutes:
    """Answers from `sources` and `tenants`; `service` restarts what uses a changed certificate."""

    capabilities = ("cloud-certificate", "cloud-tenant")

    def __init__(self, sources: SecretSources, tenants: KnownTenants, service: Supervisor, api_state: ApiState) -> None:
        self._sources = sources
        self._tenants = tenants
        self._service = service
        self._api_state = api_state

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        path = "/v1/cloud/certificate"
        return (
            Route("GET", path, "cloud_certificates", "Certificates of the application", self._all, CloudCertificates),
            Route(
                "POST",
                path,
                "make_cloud_certificate",
                "Make a certificate for the application, if there is none",
                self._make,
                CloudCertificates,
                changes=True,
            ),
            Route(
                "POST",
                f"{path}/renew",
                "renew_cloud_certificate",
                "Make the next certificate, if there is none",
                self._renew,
                CloudCertificates,
                changes=True,
            ),
            Route(
                "DELETE",
                path,
                "delete_cloud_certificates",
                "Remove the certificates that the engine has made",
                self._delete,
                CloudCertificates,
                changes=True,
            ),
            Route("GET", "/v1/cloud/tenant", "cloud_tenant", "What is known of the tenant", self._tenant, CloudTenant),
        )

    async def _tenant(self, request: web.Request) -> web.Response:
        exchange = self._service.settings.exchange if self._service.settings is not None else None
        tenant_id, client_id = (exchange.tenant_id, exchange.client_id) if exchange is not None else (None, None)
        facts = self._tenants.facts(tenant_id or "", client_id or "")
        return answer(converted(facts, CloudTenant, tenant_id=tenant_id, client_id=client_id, findings=in_words(facts)))

    async def _all(self, request: web.Request) -> web.Response:
        return await self._answered()

    async def _make(self, request: web.Request) -> web.Response:
        return await self._added(request, "make_cloud_certificate", renew=False)

    async def _renew(self, request: web.Request) -> web.Response:
        return await self._added(request, "renew_cloud_certificate", renew=True)

    async def _added(self, request: web.Request, action: str, *, renew: bool) -> web.Response:
        actor = await actor_of(request)
        if not (await self._certificates()).lacks(self._api_state.now(), renew=renew):
            return await self._answered()
        async with written_down(self._api_state, actor, action, "certificate of the application"):
            await self._sources.add_certificate(renew=renew)
        return await self._answered(await self._taken_into_use())

    async def _delete(self, request: web.Request) -> web.Response:
        actor = await actor_of(request)
        present = await self._certificates()
        if not (present.current or present.next):
            raise not_found("certificate", "POST /v1/cloud/certificate makes one.")
        subject = "certificates of the application"
        async with written_down(self._api_state, actor, "delete_cloud_certificates", subject):
            await self._sources.delete_certificates()
        return await self._answered(await self._taken_into_use())

    async def _taken_into_use(self) -> ApplyPlan | None:
        """Restart the engine, or start it, if its application may use these certificates."""
        settings = self._service.settings
        if settings is None or not settings.exchange.type.has_application or settings.exchange.certificate:
            return None
        return await self._service.start_again()

    async def _certificates(self) -> OwnCertificates:
        try:
            return await self._sources.certificates()
        except Failure as failure:
            raise problem_from(failure) from failure

    async def _answered(self, plan: ApplyPlan | None = None) -> web.Response:
        try:
            found = await self._sources.known()
        except Failure as failure:
            raise problem_from(failure) from failure
        own, settings = own_certificates(found), self._service.settings
        exchange = settings.exchange if settings is not None else None
        proof = application_proof(exchange, own, found.get("exchange.client_secret")) if exchange else None
        return answer(
            CloudCertificates(
                client_id=exchange.client_id if exchange else None,
                application_proof=proof.value if proof else None,
                certificates=(*_public("current", own.current), *_public("next", own.next)),
                restarted=restarted(self._service, plan) if plan else (),
                trouble=trouble(plan.trouble) if plan and plan.trouble else None,
            )
        )


def _public(state: Literal["current", "next"], secret: Secret) -> tuple[CloudCertificate, ...]:
    if not secret:
        return ()
    certificate = certificate_in(secret)
    thumbprint = certificate.fingerprint(hashes.SHA1())  # noqa: S303 - Entra names certificates by it
    return (
        CloudCertificate(
            state=state,
            pem=certificate.public_bytes(Encoding.PEM).decode("ascii"),
            sha1=thumbprint.hex().upper(),
            sha256=fingerprint_of(certificate.public_bytes(Encoding.DER)),
            begins=certificate.not_valid_before_utc,
            ends=certificate.not_valid_after_utc,
        ),
    )
