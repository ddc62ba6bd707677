"""A trace that records everything the HTTP client reports."""

from dataclasses import dataclass, field

from engine.core.http_record import HttpRecord


@dataclass
class Onlooker:
    on: bool = True
    seen: list[HttpRecord] = field(default_factory=list)

    def take(self, exchange: HttpRecord) -> None:
        self.seen.append(exchange)
