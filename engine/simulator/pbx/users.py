"""The user objects of the simulated PBX, and the rows it makes of them for PbxTableUsers."""

import msgspec

COLUMNS = frozenset(
    {
        *("guid", "h323", "cn", "dn", "apps-my", "config", "node", "loc", "hide", "e164", "cfpr", "t-cfpr"),
        *("pwd", "pseudo", "h323-email", "apps", "fax", "emails", "allows", "t-allows", "grps", "devices", "cds"),
        *("forks", "wakeups"),
    }
)
"""What the table offers (innovaphone SDK, PbxTableUsers)."""


class PbxUser(msgspec.Struct, frozen=True, kw_only=True):
    """One object of the PBX. `pseudo` is "" for a person, else its type: "executive", "waiting", "gw" …"""

    guid: str
    h323: str
    cn: str = ""
    loc: str = ""
    node: str = "root"
    config: str = ""
    hide: bool = False
    pseudo: str = ""
    h323_email: bool = False
    emails: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    e164: str = ""

    def row(self, columns: frozenset[str]) -> dict[str, object]:
        """Return those of `columns` that are not empty; the PBX leaves empty ones out."""
        values: dict[str, object] = {
            "guid": self.guid,
            "h323": self.h323,
            "cn": self.cn,
            "loc": self.loc,
            "node": self.node,
            "config": self.config,
            "e164": self.e164,
            "hide": self.hide,
            "pseudo": f'<pseudo type="{self.pseudo}"/>' if self.pseudo else "",
            "h323-email": self.h323_email,
            "emails": [{"email": email} for email in self.emails],
            "grps": [{"name": group} for group in self.groups],
        }
        return {name: value for name, value in values.items() if name in columns and value not in ("", [])}
