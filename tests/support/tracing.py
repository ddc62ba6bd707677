"""Somebody who looks on at the HTTP client and remembers everything."""

from dataclasses import dataclass, field

from engine.core.http_record import TracedExchange


@dataclass
class Onlooker:
    on: bool = True
    seen: list[TracedExchange] = field(default_factory=list)

    def take(self, exchange: TracedExchange) -> None:
        self.seen.append(exchange)
