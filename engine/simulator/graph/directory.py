"""The directory: users, found by a filter or by their key (learn.microsoft.com/graph/api/user-list, user-get)."""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from engine.simulator.graph.errors import bad_request, not_in_directory
from engine.simulator.graph.filters import parse_filter
from engine.simulator.graph.odata import check_options, collection, next_link, page_of, selected
from engine.simulator.graph.request import GraphRequest
from engine.simulator.graph.tenant import Account, Tenant

USUAL_PAGE = 100
LARGEST_PAGE = 999
PROPERTIES: Mapping[str, Callable[[Account], Any]] = {
    "businessPhones": lambda account: [],
    "displayName": lambda account: account.display_name,
    "givenName": lambda account: None,
    "jobTitle": lambda account: None,
    "mail": lambda account: account.mail,
    "mobilePhone": lambda account: None,
    "officeLocation": lambda account: None,
    "preferredLanguage": lambda account: None,
    "surname": lambda account: None,
    "userPrincipalName": lambda account: account.user_principal_name,
    "accountEnabled": lambda account: account.enabled,
    "userType": lambda account: account.user_type,
    "proxyAddresses": lambda account: list(account.proxy_addresses),
}
USUAL = frozenset(PROPERTIES) - {"accountEnabled", "userType", "proxyAddresses"}


def users(request: GraphRequest, tenant: Tenant) -> dict[str, Any]:
    """Return a page of the users that a filter finds, by default of all. Raises Refusal."""
    check_options(request, "$select", "$top", "$filter", "$skiptoken", "$count")
    select = selected(request, "user", PROPERTIES)
    page = page_of(request, usual=USUAL_PAGE, most=LARGEST_PAGE)
    found = _found(tenant, request.options.get("$filter"))
    skip = _read_token(request.options.get("$skiptoken", ""))
    answer = collection(request, "users", select, [_user(each, select) for each in found[skip : skip + page.size]])
    if skip + page.size < len(found):
        answer["@odata.nextLink"] = next_link(request, skiptoken=_token(skip + page.size))
    return answer


def user(request: GraphRequest, tenant: Tenant, key: str) -> dict[str, Any]:
    """Return the user with that id or user principal name. Raises Refusal."""
    check_options(request, "$select")
    select = selected(request, "user", PROPERTIES)
    account = tenant.user(key)
    if account is None:
        raise not_in_directory(key)
    return {"@odata.context": f"{request.root}/$metadata#users/$entity"} | _user(account, select)


def _found(tenant: Tenant, text: str | None) -> list[Account]:
    if text is None:
        return list(tenant.accounts)
    wanted = parse_filter(text)
    candidates = tenant.accounts if wanted.values is None else tenant.having(wanted.values)
    return [account for account in candidates if wanted.matches(account)]


def _user(account: Account, select: frozenset[str]) -> dict[str, Any]:
    return {"id": account.id} | {name: PROPERTIES[name](account) for name in PROPERTIES if name in (select or USUAL)}


def _token(skip: int) -> str:
    return base64.urlsafe_b64encode(f"users from {skip}".encode()).decode()


def _read_token(token: str) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token).rpartition(b" ")[2])
    except (binascii.Error, ValueError) as error:
        raise bad_request("Invalid $skiptoken.", "Directory_ExpiredPageToken") from error
