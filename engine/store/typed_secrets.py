"""Secrets typed in a set-up that is not in force yet: encrypted beside the others, under names of their own."""

from collections.abc import Mapping

from engine.core.secret import Secret
from engine.store.secret_sources import SecretSources

PREFIX = "setup."


class TypedSecrets:
    """The secrets typed in a set-up, kept in the secret store of `sources`. Every method may raise its failures."""

    def __init__(self, sources: SecretSources) -> None:
        self._sources = sources

    async def known(self) -> dict[str, Secret]:
        """Return those that were typed, by name."""
        known = await self._sources.known()
        return {name.removeprefix(PREFIX): value for name, value in known.items() if name.startswith(PREFIX)}

    async def keep(self, typed: Mapping[str, str]) -> None:
        """Keep what was typed; an empty text forgets a secret."""
        await self._sources.replace(
            put={PREFIX + name: Secret(text) for name, text in typed.items() if text},
            drop=[PREFIX + name for name, text in typed.items() if not text],
        )

    async def forget(self) -> None:
        """Forget all."""
        known = await self.known()
        if known:
            await self._sources.replace(put={}, drop=[PREFIX + name for name in known])
