"""Circuit breaker that keeps accounts from being locked; every log-in of the engine goes through it."""
