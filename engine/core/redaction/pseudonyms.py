"""Puts something else in the place of e-mail addresses, the same for the same, in what is handed out."""

import re

_ADDRESS = re.compile(rb"[\w.!#$%&*+/=?^`{|}~\x80-\xff-]{1,64}@[\w\x80-\xff](?:[\w.\x80-\xff-]{0,250}[\w\x80-\xff])?")
_ENCODED = re.compile(rb"%40", re.IGNORECASE)


class Pseudonyms:
    """One for each address, for as long as something is put together to be handed out."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}

    def body(self, body: bytes) -> bytes:
        """Return bytes without addresses."""
        return _ADDRESS.sub(self._other, _ENCODED.sub(b"@", body) if b"%40" in body else body)

    def text(self, text: str) -> str:
        """Return a text without addresses."""
        return self.body(text.encode(errors="replace")).decode(errors="replace")

    def _other(self, match: re.Match[bytes]) -> bytes:
        address = match[0].lower()
        if address not in self._known:
            self._known[address] = b"mailbox-%d@redacted.invalid" % (len(self._known) + 1)
        return self._known[address]
