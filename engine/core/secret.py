"""Secret value that cannot be printed by accident: by repr, str, format, a traceback's locals or a log call."""


class Secret:
    """A password or token; only `reveal` returns it, at the one place that sends it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __bool__(self) -> bool:
        return bool(self._value)
