"""Which object makes and handles a page of the set-up, by its kind."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from calendar_tui.screens.setup_access import AccessPage
from calendar_tui.screens.setup_kinds import CertificatePage, ChoicePage, PageKind, SetupForm, TaskPage
from calendar_tui.screens.setup_learn import LearnPage
from calendar_tui.screens.setup_presence import PresencePage
from calendar_tui.screens.setup_preview import PreviewPage
from calendar_tui.screens.setup_start import StartPage
from calendar_tui.screens.setup_users import UsersPage
from engine.api.schema.setup import PageKind as KindName

KINDS: Mapping[KindName, Callable[[SetupForm], PageKind]] = MappingProxyType(
    {
        "choice": ChoicePage,
        "fields": PageKind,
        "site": PageKind,
        "task": TaskPage,
        "certificate": CertificatePage,
        "users": UsersPage,
        "access": AccessPage,
        "presence": PresencePage,
        "learn": LearnPage,
        "preview": PreviewPage,
        "start": StartPage,
    }
)
"""Makes the object for a page, by its kind."""
