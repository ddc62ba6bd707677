"""Tests of the pauses between connections."""

import pytest

from engine.pbx.client import pauses_after
from engine.pbx.errors import (
    NotAPbx,
    PbxCertificateNotTrusted,
    PbxFailure,
    PbxLinkMistake,
    PbxLoginRefused,
    PbxNotUnderstood,
    PbxRightsMissing,
    PbxUnreachable,
    WrongPbx,
)

A_PERSON = (WrongPbx(), PbxRightsMissing(), NotAPbx(), PbxCertificateNotTrusted(), PbxNotUnderstood())


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        (PbxUnreachable(), (1, 2, 4, 8, 16, 32)),
        (PbxLoginRefused(), (60, 900)),
        (PbxLinkMistake(), (1, 5, 15, 60, 300)),
        *((failure, (60,)) for failure in A_PERSON),
    ],
    ids=lambda value: value.slug if isinstance(value, PbxFailure) else "",
)
def test_what_comes_back_by_itself_is_dialled_soon_and_what_needs_a_person_is_not(
    failure: PbxFailure, seconds: tuple[int, ...]
) -> None:
    assert tuple(step.total_seconds() for step in pauses_after(failure).steps) == seconds
