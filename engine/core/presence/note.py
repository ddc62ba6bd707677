"""Text of the presence note, with its end time, within the length limit."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_date, format_skeleton, format_time

from engine.core.presence.candidates import Candidate
from engine.core.presence.model import Target
from engine.core.presence.text import cut
from engine.core.presence.translations import Sentence, Translations

_LAST_WEEKDAY = timedelta(days=6)
_TOMORROW = timedelta(days=1)
_TODAY = timedelta()
_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)
_ORDINARY_BLANKS = str.maketrans(dict.fromkeys("\u00a0\u202f", " "))


class Until(msgspec.Struct, frozen=True, gc=False):
    """A local end time: `clock` on `day`, or the end of `day` if `clock` is None."""

    day: date
    clock: time | None


def moment_of(instant: datetime, zone: ZoneInfo) -> Until:
    """Return local date and time in `zone` at `instant`."""
    local = instant.astimezone(zone)
    return Until(local.date(), local.time())


def say_until(head: str, moment: Until, today: date, words: Translations) -> str:
    """Return `head` with its end time, as worded on the day `today`."""
    sentence = words.sentences[_sentence(moment, today)]
    return sentence.format(
        head=head,
        time="" if moment.clock is None else _time(words, moment.clock.hour, moment.clock.minute),
        date=_date(words, moment.day, with_year=moment.day.year != today.year),
        weekday=words.weekdays[moment.day.weekday()],
        inflected_weekday=words.inflected_weekdays[moment.day.weekday()],
    )


def next_change_of_words(moment: Until, today: date) -> date | None:
    """Return the first day after `today` on which `say_until` may word it differently, None if there is none."""
    days = (moment.day - _LAST_WEEKDAY, moment.day - _TOMORROW, moment.day, date(moment.day.year, 1, 1))
    return min((day for day in days if day > today), default=None)


def _sentence(moment: Until, today: date) -> Sentence:
    ahead = moment.day - today
    if ahead <= _TODAY:
        return Sentence.ALL_DAY if moment.clock is None else Sentence.UNTIL_TIME
    if ahead == _TOMORROW:
        return Sentence.UNTIL_TOMORROW if moment.clock is None else Sentence.UNTIL_TOMORROW_TIME
    if ahead <= _LAST_WEEKDAY:
        return Sentence.UNTIL_WEEKDAY if moment.clock is None else Sentence.UNTIL_WEEKDAY_TIME
    return Sentence.UNTIL_DATE if moment.clock is None else Sentence.UNTIL_DATE_TIME


@lru_cache(maxsize=8192)
def _time(words: Translations, hour: int, minute: int) -> str:
    if words.clock is not None:
        return words.clock.say(hour, minute)
    if minute == 0 and words.counts_to_twelve:
        text = format_skeleton("h", _SOME_DAY.replace(hour=hour), locale=words.locale)
    else:
        text = format_time(time(hour, minute), "short", locale=words.locale)
    return text.translate(_ORDINARY_BLANKS)


@lru_cache(maxsize=8192)
def _date(words: Translations, day: date, *, with_year: bool) -> str:
    pattern = words.date_with_year if with_year else words.date
    return format_date(day, pattern, locale=words.locale).translate(_ORDINARY_BLANKS)


class Phrase(msgspec.Struct, frozen=True, gc=False):
    """Text for an appointment: `pattern` filled with its subject, or `word` alone if the subject is hidden."""

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
    """A note of the form "head until when [ ( next ) ]", worded for the day `today`."""

    head: Phrase
    today: date
    until: Until
    next: Phrase | None = None

    def say(self, words: Translations) -> str:
        """Return it in words."""
        text = say_until(self.head.say(), self.until, self.today, words)
        if self.next is not None:
            text = words.sentences[Sentence.WITH_NEXT].format(note=text, next=self.next.say())
        return text


def available(words: Translations) -> Phrase:
    """Return the text for a user without appointments."""
    return Phrase(words.states[Target.AVAILABLE])


def label(candidate: Candidate, words: Translations) -> Phrase:
    """Return the text for an appointment that means busy, away or do not disturb."""
    assert candidate.target is not None  # noqa: S101 - for the type checker: free appointments are not shown
    return Phrase(words.states[candidate.target], words.sentences[Sentence.LABEL], candidate.shown_subject)


def bare(candidate: Candidate, words: Translations) -> Phrase:
    """Return the text for an appointment during which the user is available."""
    assert candidate.kind is not None  # noqa: S101 - for the type checker: free appointments are not shown
    return Phrase(words.kinds[candidate.kind], subject=candidate.shown_subject)


def fitted(note: Note, words: Translations, limit: int) -> str:
    """Return the note in at most `limit` characters: subjects are cut first, then dropped, then next, then when."""
    for shorter in _ever_shorter(note, words, limit):
        text = shorter.say(words)
        if len(text) <= limit:
            return text
    return cut(note.head.word, limit)


def _ever_shorter(note: Note, words: Translations, limit: int) -> Iterator[Note]:
    yield note
    yield _with_cut_subjects(note, words, limit)
    yield Note(note.head.with_subject(""), note.today, note.until)


def _with_cut_subjects(note: Note, words: Translations, limit: int) -> Note:
    """Give each subject half of the space, and space that one does not need to the other."""
    mine = len(note.head.subject)
    theirs = len(note.next.subject) if note.next else 0
    room = limit - (len(note.say(words)) - mine - theirs)
    head = note.head.with_subject(cut(note.head.subject, max(room - theirs, (room + 1) // 2)))
    following = note.next and note.next.with_subject(cut(note.next.subject, max(room - mine, room // 2)))
    return Note(head, note.today, note.until, following)
