"""What the service manager is told of this process: that it is ready, how it is, that it lives, that it stops."""

import contextlib
import socket
from collections.abc import Callable, Mapping
from datetime import timedelta

from engine.core.clock import Clock
from engine.display import one_line

TOLD_EVERY = timedelta(seconds=10)
"""How often the state is told, unless the watchdog wants to hear more often."""

LONGEST_STATUS = 200


class ServiceManager:
    """Sends notifications by the protocol of sd_notify(3) to NOTIFY_SOCKET; without that nothing is sent.

    `clock` is network time. Notifications come from the event loop, so a loop that is stuck misses the watchdog.
    """

    def __init__(self, environment: Mapping[str, str], clock: Clock) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        watchdog = environment.get("WATCHDOG_USEC", "")
        half = timedelta(microseconds=int(watchdog) / 2) if watchdog.isdecimal() else TOLD_EVERY
        self.interval = min(half, TOLD_EVERY)
        self._clock = clock

    def tell(self, **fields: str) -> None:
        """Send a notification without waiting; one that cannot be sent is left out, since the next one follows."""
        if not self._address.startswith(("/", "@")):
            return
        text = "\n".join(f"{name}={one_line(value, LONGEST_STATUS)}" for name, value in fields.items())
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.setblocking(False)
            address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
            sending.sendto(text.encode(errors="replace"), address)

    async def keep_informed(self, status: Callable[[], str]) -> None:
        """Tell that the service is ready, and then its state at each interval, until cancelled."""
        try:
            self.tell(READY="1", STATUS=status())
            while True:
                await self._clock.sleep_until(self._clock.now() + self.interval)
                self.tell(WATCHDOG="1", STATUS=status())
        finally:
            self.tell(STOPPING="1", STATUS="stopping")
