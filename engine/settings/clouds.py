"""The clouds of Microsoft: where each issues tokens, and where its Graph is.

https://learn.microsoft.com/graph/deployments
"""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Cloud:
    """One cloud by the host names of its log-in service (the first is the usual one) and of its Graph.

    Where `has_calendars` is False, its Graph knows no calendars.
    """

    name: str
    authorities: tuple[str, ...]
    graph: str
    has_calendars: bool = True


WORLDWIDE = Cloud("the worldwide cloud", ("login.microsoftonline.com",), "graph.microsoft.com")
CLOUDS = (
    WORLDWIDE,
    Cloud("GCC High", ("login.microsoftonline.us",), "graph.microsoft.us"),
    Cloud("the cloud of the DoD", ("login.microsoftonline.us",), "dod-graph.microsoft.us"),
    Cloud(
        "the cloud in China",
        ("login.chinacloudapi.cn", "login.partner.microsoftonline.cn"),
        "microsoftgraph.chinacloudapi.cn",
    ),
    Cloud("Bleu", ("login.sovcloud-identity.fr",), "graph.svc.sovcloud.fr"),
    Cloud("Delos", ("login.sovcloud-identity.de",), "graph.svc.sovcloud.de"),
    Cloud("GovSG", ("login.sovcloud-identity.sg",), "graph.svc.sovcloud.sg", has_calendars=False),
)


def clouds_of_authority(authority: str) -> tuple[Cloud, ...]:
    """Return the clouds that get their tokens at this URL, none if it is unknown."""
    host = _host(authority)
    return tuple(cloud for cloud in CLOUDS if host in cloud.authorities)


def cloud_of_graph(graph_url: str) -> Cloud | None:
    """Return the cloud whose Graph is at this URL, None if it is unknown."""
    host = _host(graph_url)
    return next((cloud for cloud in CLOUDS if host == cloud.graph), None)


def graph_root(authority: str | None, graph_url: str | None) -> str | None:
    """Return the URL of Graph without a path: `graph_url`, else that of the cloud of `authority`, None if unknown."""
    if graph_url is not None:
        return graph_url.rstrip("/")
    clouds = (WORLDWIDE,) if authority is None else clouds_of_authority(authority)
    return f"https://{clouds[0].graph}" if clouds else None


def is_one_cloud(authority: str | None, graph_url: str) -> bool:
    """Return whether the tokens of `authority` (None: of the worldwide cloud) may be those of the Graph at
    `graph_url`: true if either is unknown."""
    cloud = cloud_of_graph(graph_url)
    clouds = (WORLDWIDE,) if authority is None else clouds_of_authority(authority)
    return cloud is None or not clouds or cloud in clouds


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".").casefold()
