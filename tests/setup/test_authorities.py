"""Authorities that somebody chose to trust in the set-up are kept, and a backup has them."""

from pathlib import Path

import pytest

from engine.settings.keys import KEYS
from engine.setup.authorities import AuthorityNotSaved, save_authority
from engine.store.backup import STATE_FILES

CA_FILES = [key for key in KEYS if key.endswith(".ca_file")]
PEM = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("key", CA_FILES)
def test_an_authority_is_saved_and_part_of_a_backup(tmp_path: Path, key: str) -> None:
    saved = Path(save_authority(tmp_path, key, PEM))
    assert saved.read_text() == PEM
    assert saved.parent == tmp_path
    assert saved.name in STATE_FILES, "after a restore, the settings name a file that is not there"


def test_where_it_cannot_be_saved_the_place_and_the_reason_are_named(tmp_path: Path) -> None:
    with pytest.raises(AuthorityNotSaved, match=r"gone.*No such file or directory"):
        save_authority(tmp_path / "gone", CA_FILES[0], PEM)
