"""Looks for many words at once: one pass over a body costs a fraction of what one search for each of them does."""

from collections.abc import Iterable, Iterator

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

AT_ONCE = 32 * 1024
"""Bytes that are looked through in one go, while no other thread gets to run: all of it may be words."""


class Words:
    """Byte strings, of which none is the beginning of another one where `where` is asked."""

    def __init__(self, words: Iterable[bytes]) -> None:
        self._words = tuple(words)
        self._longest = max(map(len, self._words), default=0)
        # Of the kinds of matching, this one has the searches by several bytes at once.
        self._search = BytesAhoCorasick(self._words, MatchKind.LeftmostFirst, Implementation.DFA)
        self._search_all = BytesAhoCorasick(self._words, MatchKind.Standard, Implementation.DFA)

    def are_in(self, body: bytes) -> bool:
        """Tell whether any of them is somewhere."""
        return any(self._search.find_matches_as_indexes(window) for _, window in self._windows(body))

    def where(self, body: bytes) -> Iterator[tuple[bytes, int]]:
        """Yield those that are somewhere, each with where it begins, in that order; of two that overlap, the first."""
        done = 0
        for begin, window in self._windows(body):
            # What the match before took the beginning of is not looked at again.
            skipped = max(0, done - begin)
            for word, start, end in self._search.find_matches_as_indexes(window[skipped:] if skipped else window):
                if start + skipped < AT_ONCE:
                    done = begin + skipped + end
                    yield self._words[word], begin + skipped + start

    def everywhere(self, body: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield where each of them begins, in that order, and those as well that overlap."""
        for begin, window in self._windows(body):
            found = self._search_all.find_matches_as_indexes(window, overlapping=True)
            yield from sorted((begin + start, self._words[word]) for word, start, _ in found if start < AT_ONCE)

    def _windows(self, body: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield parts of a body, and where each begins; a word that begins in the first `AT_ONCE` bytes is whole."""
        if len(body) <= AT_ONCE:
            yield 0, body
            return
        for begin in range(0, len(body), AT_ONCE):
            yield begin, body[begin : begin + AT_ONCE + self._longest - 1]
