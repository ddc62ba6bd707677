"""Paths of the API are spelt in one place for all of its clients."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_client_spells_a_path() -> None:
    clients = [*(ROOT / "engine" / "cli").rglob("*.py"), *(ROOT / "calendar_tui").rglob("*.py")]
    assert len(clients) > 40
    assert [path.name for path in clients if "/v1" in path.read_text()] == []
