"""Tells trouble that single mailboxes have from trouble that all have. No I/O."""


class Outbreak:
    """Counts the mailboxes that were well before and fell ill one after the other, without a well one in between.

    More than `most` of them, as many as can be visited at the same time, are no coincidence. Who was ill already
    says nothing new, so that some mailboxes that are always in trouble never look like trouble of all.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._ill: set[str] = set()
        self._in_a_row = 0

    def struck(self, key: str) -> bool:
        """A visit failed; tell whether everybody is concerned."""
        if key not in self._ill:
            self._ill.add(key)
            self._in_a_row += 1
        return self._in_a_row > self._most

    def well(self, key: str) -> None:
        """A visit had an answer."""
        self._ill.discard(key)
        self._in_a_row = 0
