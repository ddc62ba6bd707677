"""Multi-pattern search (Aho-Corasick): one pass over a body instead of one search per word."""

from collections.abc import Iterable, Iterator

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

AT_ONCE = 32 * 1024
"""Bytes searched at a time, during which no other thread runs."""


class MultiSearch:
    """A set of byte strings to search for; for `where`, none may be a prefix of another."""

    def __init__(self, words: Iterable[bytes]) -> None:
        self._words = tuple(words)
        self._longest = max(map(len, self._words), default=0)
        # This kind of matching enables searches by several bytes at once.
        self._search = BytesAhoCorasick(self._words, MatchKind.LeftmostFirst, Implementation.DFA)
        self._search_all = BytesAhoCorasick(self._words, MatchKind.Standard, Implementation.DFA)

    def are_in(self, body: bytes) -> bool:
        """Return whether any of them occurs."""
        return any(self._search.find_matches_as_indexes(window) for _, window in self._windows(body))

    def where(self, body: bytes) -> Iterator[tuple[bytes, int]]:
        """Yield each occurrence and its start, in ascending order; of two that overlap, the first."""
        done = 0
        for begin, window in self._windows(body):
            # Skip matches that start within the previous match.
            skipped = max(0, done - begin)
            for word, start, end in self._search.find_matches_as_indexes(window[skipped:] if skipped else window):
                if start + skipped < AT_ONCE:
                    done = begin + skipped + end
                    yield self._words[word], begin + skipped + start

    def everywhere(self, body: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the start of each occurrence, in ascending order, overlapping ones included."""
        for begin, window in self._windows(body):
            found = self._search_all.find_matches_as_indexes(window, overlapping=True)
            yield from sorted((begin + start, self._words[word]) for word, start, _ in found if start < AT_ONCE)

    def _windows(self, body: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield windows of a body with their start; a word that starts in the first `AT_ONCE` bytes is complete."""
        if len(body) <= AT_ONCE:
            yield 0, body
            return
        for begin in range(0, len(body), AT_ONCE):
            yield begin, body[begin : begin + AT_ONCE + self._longest - 1]
