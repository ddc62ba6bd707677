"""`calendar-engine run`: the engine on a real PBX and a real Exchange, until it is told to stop."""

from pathlib import Path

from engine.cli.process import taken_environment
from engine.cli.serving import serve
from engine.cli.signals import on_hangup, until_signalled
from engine.cli.site import Surroundings, open_site


async def run(settings_file: Path, secrets_file: Path | None) -> None:
    """Keep presences in step until SIGTERM or SIGINT, as soon as settings and secrets are there and valid.

    Raises a `Failure` when not even that can be waited for, or nothing can be remembered any more.
    """
    around = Surroundings(environment=taken_environment())
    async with open_site(settings_file, secrets_file, around) as site:
        with on_hangup(site.service.look_soon):
            await until_signalled(serve(site))
