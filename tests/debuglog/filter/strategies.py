"""Hypothesis strategies for filters."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from engine.debuglog.filter.model import CHOICES, COMPARISONS, FIELDS, All, Any, Filter, Not, Term, Value, ValueKind

texts = st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable() or '"' in text or "\n" in text)
numbers = st.integers(0, 2**40)
moments = st.integers(0, 10**8).map(lambda seconds: timedelta(seconds=seconds)) | st.integers(0, 10**9).map(
    lambda seconds: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def values(field: str) -> st.SearchStrategy[Value]:
    match FIELDS[field][0]:
        case ValueKind.NUMBER | ValueKind.SIZE:
            return numbers
        case ValueKind.MOMENT:
            return moments
        case ValueKind.CHOICE:
            return st.sampled_from(CHOICES[field])
        case ValueKind.TEXT:
            return texts


@st.composite
def terms(draw: st.DrawFn) -> Term:
    field = draw(st.sampled_from(("", *FIELDS)))
    if not field:
        return Term("", "=", draw(texts))
    kind = FIELDS[field][0]
    comparison = draw(st.sampled_from(COMPARISONS)) if kind in (ValueKind.NUMBER, ValueKind.SIZE) else "="
    return Term(field, comparison, draw(values(field)))


def joined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    """Two or more in a row, never directly inside of their own kind: that needs no brackets and is one."""
    several = st.lists(inner, min_size=2, max_size=4)
    return (
        inner.map(Not)
        | several.map(lambda each: All(tuple(one for one in each if not isinstance(one, All)))).filter(_is_joined)
        | several.map(lambda each: Any(tuple(one for one in each if not isinstance(one, Any)))).filter(_is_joined)
    )


def _is_joined(this: All | Any) -> bool:
    return len(this.of) >= 2


filters: st.SearchStrategy[Filter] = st.recursive(terms(), joined, max_leaves=12) | st.just(All(()))
