"""All that the API of a service offers beside what every engine has."""

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.api.candidates import Candidates
from engine.api.desk import Desk
from engine.api.handlers.part import Part
from engine.api.handlers.preview import PreviewPart
from engine.api.handlers.probes import ProbesPart
from engine.api.handlers.settings import SettingsPart
from engine.api.handlers.setup import SetupPart
from engine.api.setup_checks import SetupChecks
from engine.api.setup_session import SetupSession
from engine.core.secret import Secret
from engine.probes.workbench import Workbench
from engine.service.service import Service


class Passwords:
    """Keeps secrets the way the service of these tests has them."""

    def __init__(self, passwords: dict[str, Secret]) -> None:
        self._passwords = passwords

    async def known(self) -> Mapping[str, Secret]:
        return {f"{name}.password": secret for name, secret in self._passwords.items()}

    async def put(self, secrets: Mapping[str, Secret]) -> None:
        self._passwords.update({name.partition(".")[0]: secret for name, secret in secrets.items()})


def service_parts(
    service: Service, desk: Desk, workbench: Workbench, passwords: dict[str, Secret], state: Path
) -> tuple[Part, ...]:
    keeper = Passwords(passwords)
    candidates = Candidates(service, keeper.known)
    session = SetupSession(service, keeper, state / "setup.json", ZoneInfo("UTC"))
    return (
        SettingsPart(service, desk),
        ProbesPart(desk, candidates, workbench),
        PreviewPart(desk, candidates),
        SetupPart(desk, session, SetupChecks(workbench)),
    )
