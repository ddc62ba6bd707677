"""The note: its grammar, and how it is made to fit a length without losing what matters."""

from collections.abc import Iterator
from datetime import date

import msgspec

from engine.core.presence.candidates import Candidate
from engine.core.presence.catalogue import Catalogue, Sentence
from engine.core.presence.model import Target
from engine.core.presence.moments import Moment, say_until
from engine.core.presence.text import cut


class Phrase(msgspec.Struct, frozen=True, gc=False):
    """What is said of an appointment: `pattern` filled with its subject, or `word` alone where that is hidden."""

    word: str
    pattern: str = "{subject}"
    subject: str = ""

    def say(self) -> str:
        """Return it in words."""
        return self.pattern.format(state=self.word, subject=self.subject) if self.subject else self.word

    def with_subject(self, subject: str) -> "Phrase":
        """Return the same with another subject, empty to hide it."""
        return Phrase(self.word, self.pattern, subject)


class Note(msgspec.Struct, frozen=True, gc=False):
    """note = head until when [ ( next ) ], said on the day `today`."""

    head: Phrase
    today: date
    until: Moment
    next: Phrase | None = None

    def say(self, words: Catalogue) -> str:
        """Return it in words."""
        text = say_until(self.head.say(), self.until, self.today, words)
        if self.next is not None:
            text = words.sentences[Sentence.WITH_NEXT].format(note=text, next=self.next.say())
        return text


def available(words: Catalogue) -> Phrase:
    """Return what is said of somebody with nothing to do."""
    return Phrase(words.states[Target.AVAILABLE])


def label(candidate: Candidate, words: Catalogue) -> Phrase:
    """Return what is said of an appointment that makes one busy, away or not to be disturbed."""
    assert candidate.target is not None  # noqa: S101 - for the type checker: free appointments are not shown
    return Phrase(words.states[candidate.target], words.sentences[Sentence.LABEL], candidate.shown_subject)


def bare(candidate: Candidate, words: Catalogue) -> Phrase:
    """Return what is said of an appointment that leaves one available."""
    assert candidate.kind is not None  # noqa: S101 - for the type checker: free appointments are not shown
    return Phrase(words.kinds[candidate.kind], subject=candidate.shown_subject)


def fitted(note: Note, words: Catalogue, limit: int) -> str:
    """Return the note in at most `limit` characters: subjects are cut first, then left out, then next, then when."""
    for shorter in _ever_shorter(note, words, limit):
        text = shorter.say(words)
        if len(text) <= limit:
            return text
    return cut(note.head.word, limit)


def _ever_shorter(note: Note, words: Catalogue, limit: int) -> Iterator[Note]:
    yield note
    yield _with_cut_subjects(note, words, limit)
    yield Note(note.head.with_subject(""), note.today, note.until)


def _with_cut_subjects(note: Note, words: Catalogue, limit: int) -> Note:
    """Give both subjects half of the room there is, and what one of them does not need to the other."""
    mine = len(note.head.subject)
    theirs = len(note.next.subject) if note.next else 0
    room = limit - (len(note.say(words)) - mine - theirs)
    head = note.head.with_subject(cut(note.head.subject, max(room - theirs, (room + 1) // 2)))
    following = note.next and note.next.with_subject(cut(note.next.subject, max(room - mine, room // 2)))
    return Note(head, note.today, note.until, following)
