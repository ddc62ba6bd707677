"""Routes for log-ins that are paused to avoid account lockout, and for retrying them."""

from aiohttp import web

from engine.api.schema.logins import LogInState, LogInStates
from engine.logins.breaker import LogIns, Standing
from engine.server.acceptor import actor_of
from engine.server.convert import converted
from engine.server.convert_settings import restarted
from engine.server.http import Route, answer
from engine.server.state import ApiState
from engine.supervisor.supervisor import Supervisor


class LogInRoutes:
    """Answers from `log_ins`; `service` restarts what waits after a refusal, or for the end of a pause."""

    capabilities = ("log-ins",)

    def __init__(self, log_ins: LogIns, service: Supervisor, api_state: ApiState) -> None:
        self._log_ins = log_ins
        self._service = service
        self._api_state = api_state

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        path = "/v1/log-ins"
        return (
            Route("GET", path, "log_ins", "Paused log-ins", self._all, LogInStates),
            Route(
                "POST",
                f"{path}/retry",
                "retry_log_ins",
                "Retry paused log-ins once",
                self._retry,
                LogInStates,
                changes=True,
            ),
        )

    async def _all(self, request: web.Request) -> web.Response:
        return answer(LogInStates(log_ins=tuple(map(_state, await self._log_ins.standings()))))

    async def _retry(self, request: web.Request) -> web.Response:
        actor = await actor_of(request)
        asked = await self._log_ins.ask()
        await self._api_state.audit_change(
            actor, "retry_log_ins", ", ".join(each.key for each in asked) or "none was paused"
        )
        waiting = asked or [each for each in await self._log_ins.standings() if each.refused]
        plan = await self._service.start_again() if waiting else None
        standings = await self._log_ins.standings()
        return answer(
            LogInStates(log_ins=tuple(map(_state, standings)), restarted=restarted(self._service, plan) if plan else ())
        )


def _state(standing: Standing) -> LogInState:
    account, pause = standing.account, standing.pause
    paused_until = pause.until if pause else None
    return converted(standing, LogInState, secret=account.kind, account=account.name, paused_until=paused_until)
