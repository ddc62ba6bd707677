"""All that the API of a service offers beside what every engine has."""

from pathlib import Path
from zoneinfo import ZoneInfo

from engine.api.candidates import Candidates
from engine.api.desk import Desk
from engine.api.handlers.part import Part
from engine.api.handlers.preview import PreviewPart
from engine.api.handlers.probes import ProbesPart
from engine.api.handlers.secrets import SecretsPart
from engine.api.handlers.settings import SettingsPart
from engine.api.handlers.setup import SetupPart
from engine.api.setup_checks import SetupChecks
from engine.api.setup_session import SetupSession
from engine.probes.workbench import Workbench
from engine.service.service import Service
from engine.store.secret_sources import SecretSources


def service_parts(
    service: Service, desk: Desk, workbench: Workbench, sources: SecretSources, state: Path
) -> tuple[Part, ...]:
    candidates = Candidates(service, sources)
    session = SetupSession(service, sources, state / "setup.json", ZoneInfo("UTC"))
    return (
        SettingsPart(service, desk),
        SecretsPart(sources, service, desk),
        ProbesPart(desk, candidates, workbench),
        PreviewPart(desk, candidates),
        SetupPart(desk, session, SetupChecks(workbench)),
    )
