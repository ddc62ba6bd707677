"""The `when` of a note: how people of a language say until when something lasts, seen from a given day."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_date, format_skeleton, format_time

from engine.core.presence.catalogue import Catalogue, Sentence

_LAST_WEEKDAY = timedelta(days=6)
_TOMORROW = timedelta(days=1)
_TODAY = timedelta()
_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)
_ORDINARY_BLANKS = str.maketrans(dict.fromkeys("\u00a0\u202f", " "))


class Moment(msgspec.Struct, frozen=True, gc=False):
    """Until when something lasts, in local time: until `clock` of `day`, or all through `day` where `clock` is None."""

    day: date
    clock: time | None


def moment_of(instant: datetime, zone: ZoneInfo) -> Moment:
    """Return what calendar and clock show in `zone` at `instant`."""
    local = instant.astimezone(zone)
    return Moment(local.date(), local.time())


def say_until(head: str, moment: Moment, today: date, words: Catalogue) -> str:
    """Return `head` with until when it lasts, as said on the day `today`."""
    sentence = words.sentences[_sentence(moment, today)]
    return sentence.format(
        head=head,
        time="" if moment.clock is None else _time(words, moment.clock.hour, moment.clock.minute),
        date=_date(words, moment.day, with_year=moment.day.year != today.year),
        weekday=words.weekdays[moment.day.weekday()],
        inflected_weekday=words.inflected_weekdays[moment.day.weekday()],
    )


def next_change_of_words(moment: Moment, today: date) -> date | None:
    """Return the first day after `today` on which `say_until` may say it in another way, None if there is none."""
    days = (moment.day - _LAST_WEEKDAY, moment.day - _TOMORROW, moment.day, date(moment.day.year, 1, 1))
    return min((day for day in days if day > today), default=None)


def _sentence(moment: Moment, today: date) -> Sentence:
    ahead = moment.day - today
    if ahead <= _TODAY:
        return Sentence.ALL_DAY if moment.clock is None else Sentence.UNTIL_TIME
    if ahead == _TOMORROW:
        return Sentence.UNTIL_TOMORROW if moment.clock is None else Sentence.UNTIL_TOMORROW_TIME
    if ahead <= _LAST_WEEKDAY:
        return Sentence.UNTIL_WEEKDAY if moment.clock is None else Sentence.UNTIL_WEEKDAY_TIME
    return Sentence.UNTIL_DATE if moment.clock is None else Sentence.UNTIL_DATE_TIME


@lru_cache(maxsize=8192)
def _time(words: Catalogue, hour: int, minute: int) -> str:
    if words.clock is not None:
        return words.clock.say(hour, minute)
    if minute == 0 and words.counts_to_twelve:
        text = format_skeleton("h", _SOME_DAY.replace(hour=hour), locale=words.locale)
    else:
        text = format_time(time(hour, minute), "short", locale=words.locale)
    return text.translate(_ORDINARY_BLANKS)


@lru_cache(maxsize=8192)
def _date(words: Catalogue, day: date, *, with_year: bool) -> str:
    pattern = words.date_with_year if with_year else words.date
    return format_date(day, pattern, locale=words.locale).translate(_ORDINARY_BLANKS)
