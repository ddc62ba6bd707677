"""Looks for many words at once: one pass over a body costs a fraction of what one search for each of them does."""

from collections.abc import Iterable

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

Found = list[tuple[bytes, int]]
"""Words that are somewhere, each with where it begins, in that order; of two that overlap, the first."""


class Words:
    """Byte strings, of which none is the beginning of another one where `where` is asked."""

    def __init__(self, words: Iterable[bytes]) -> None:
        self._words = tuple(words)
        # Of the kinds of matching, this one has the searches by several bytes at once.
        self._search = BytesAhoCorasick(self._words, MatchKind.LeftmostFirst, Implementation.DFA)
        self._search_all = BytesAhoCorasick(self._words, MatchKind.Standard, Implementation.DFA)

    def are_in(self, body: bytes) -> bool:
        """Tell whether any of them is somewhere."""
        return bool(self._search.find_matches_as_indexes(body))

    def where(self, body: bytes) -> Found:
        """Return those that are somewhere."""
        return [(self._words[word], start) for word, start, _ in self._search.find_matches_as_indexes(body)]

    def everywhere(self, body: bytes) -> list[tuple[int, bytes]]:
        """Return where each of them begins, in that order, and those as well that overlap."""
        found = self._search_all.find_matches_as_indexes(body, overlapping=True)
        return sorted((start, self._words[word]) for word, start, _ in found)
