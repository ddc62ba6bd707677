"""Tests of the rules of autodiscover: where it asks, which redirects it follows or refuses, how it ends."""

from collections.abc import Callable

import httpx
import pytest

from engine.exchange.errors import (
    CertificateNotTrusted,
    ExchangeUnreachable,
    LoginRefused,
    MailboxNotFound,
)
from engine.exchange.ews.autodiscover.errors import AutodiscoverFailed, EwsHostNotTrusted
from engine.exchange.ews.autodiscover.search import MOST_REDIRECTS, Asking, Endpoint, Search, SearchStep
from engine.settings.model import ServerChoice
from tests.exchange.ews.autodiscover.replies import pox_error, pox_redirect, pox_settings, soap
from tests.exchange.ews.wire import Answer

ADDRESS = "svc@example.com"
SOAP_1 = "https://autodiscover.example.com/autodiscover/autodiscover.svc"
POX_1 = "https://autodiscover.example.com/autodiscover/autodiscover.xml"
SOAP_2 = "https://example.com/autodiscover/autodiscover.svc"
POX_2 = "https://example.com/autodiscover/autodiscover.xml"
GET_1 = "http://autodiscover.example.com/autodiscover/autodiscover.xml"
GET_2 = "http://example.com/autodiscover/autodiscover.xml"
OUT, IN = "https://mail.example.com/EWS/Exchange.asmx", "https://ex1.corp.example.com/EWS/Exchange.asmx"
NOT_FOUND = Answer(404)

Reaction = Answer | ExchangeUnreachable | CertificateNotTrusted | None


def searching(
    *addresses: str,
    configured: str | None = None,
    domain: str = "example.com",
    wish: ServerChoice = ServerChoice.EXTERNAL,
) -> Search:
    return Search(domain=domain, configured_url=configured, addresses=addresses or (ADDRESS,), server=wish)


def redirect(to: str, status: int = 302) -> Answer:
    return Answer(status, b"", httpx.Headers({"Location": to}))


def walk(search: Search, play: Callable[[SearchStep], Reaction] = lambda step: None) -> list[str]:
    """Answer every step by `play` (None: not found); returns the URLs in the order they were asked."""
    asked = []
    while (step := search.next_step()) is not None:
        asked.append(step.url)
        outcome = play(step)
        if isinstance(outcome, Answer) or outcome is None:
            search.answered(step, outcome or NOT_FOUND)
        else:
            search.failed(step, outcome)
    return asked


def at(**answers: Reaction) -> Callable[[SearchStep], Reaction]:
    named = {"soap_1": SOAP_1, "pox_1": POX_1, "soap_2": SOAP_2, "pox_2": POX_2, "get_1": GET_1, "get_2": GET_2}
    by_url = {named[name]: answer for name, answer in answers.items()}
    return lambda step: by_url.get(step.url)


def failure(search: Search) -> str:
    with pytest.raises(AutodiscoverFailed) as raised:
        search.outcome()
    return raised.value.detail


def test_addresses_are_asked_in_the_agreed_order() -> None:
    assert walk(searching()) == [SOAP_1, POX_1, SOAP_2, POX_2, GET_1, GET_2]


def test_credentials_never_go_over_plain_http() -> None:
    search = searching()
    while (step := search.next_step()) is not None:
        assert (step.asking is Asking.ANONYMOUSLY) == step.url.startswith("http:")
        assert (step.body() == b"") == (step.asking is Asking.ANONYMOUSLY)
        search.answered(step, NOT_FOUND)


def test_first_url_found_ends_the_search() -> None:
    search = searching()
    assert walk(search, at(soap_1=Answer(200, soap(external=OUT, internal=IN)))) == [SOAP_1]
    assert search.outcome() == Endpoint(OUT, ServerChoice.EXTERNAL, "", SOAP_1)


def test_pox_is_asked_where_soap_has_no_answer() -> None:
    search = searching()
    assert walk(search, at(pox_1=Answer(200, pox_settings(OUT, IN)))) == [SOAP_1, POX_1]
    assert search.outcome().url == OUT


def test_internal_url_is_taken_where_it_is_wished() -> None:
    search = searching(wish=ServerChoice.INTERNAL)
    walk(search, at(soap_1=Answer(200, soap(external=OUT, internal=IN))))
    assert search.outcome() == Endpoint(IN, ServerChoice.INTERNAL, "", SOAP_1)


@pytest.mark.parametrize(
    ("wish", "told", "found"),
    [
        (ServerChoice.INTERNAL, soap(external=OUT), Endpoint(OUT, ServerChoice.EXTERNAL, "", SOAP_1)),
        (ServerChoice.EXTERNAL, soap(internal=IN), Endpoint(IN, ServerChoice.INTERNAL, "", SOAP_1)),
        (
            ServerChoice.EXTERNAL,
            soap(external="http://plain/", internal=IN),
            Endpoint(IN, ServerChoice.INTERNAL, "", SOAP_1),
        ),
    ],
)
def test_other_url_is_better_than_none_and_says_what_it_is(wish: ServerChoice, told: bytes, found: Endpoint) -> None:
    search = searching(wish=wish)
    walk(search, at(soap_1=Answer(200, told)))
    assert search.outcome() == found


def test_answer_without_an_https_url_leads_on() -> None:
    search = searching()
    walk(search, at(soap_1=Answer(200, soap(external="http://mail.example.com/EWS/Exchange.asmx"))))
    assert f"{SOAP_1}: an answer without an https EWS URL" in failure(search)


def test_failure_lists_every_address_and_what_it_said() -> None:
    search = searching()
    certificate = CertificateNotTrusted("autodiscover.example.com: self-signed certificate")
    walk(
        search,
        at(
            soap_1=certificate,
            soap_2=Answer(200, soap("NotFederated")),
            pox_2=Answer(200, pox_error("601")),
            get_1=ExchangeUnreachable("no such host"),
            get_2=Answer(200, b"<html>"),
        ),
    )
    assert failure(search) == (
        f"{SOAP_1}: {certificate}; {SOAP_2}: NotFederated; {POX_2}: error 601; "
        f"{GET_1}: Exchange cannot be reached: no such host; {GET_2}: HTTP 200, no redirect"
    )


def test_host_that_cannot_be_reached_is_not_asked_twice() -> None:
    asked = walk(searching(), at(soap_1=ExchangeUnreachable("timed out")))
    assert asked == [SOAP_1, SOAP_2, POX_2, GET_1, GET_2]


def test_refused_login_stops_everything_at_once() -> None:
    search = searching()
    step = search.next_step()
    assert step is not None
    with pytest.raises(LoginRefused):
        search.answered(step, Answer(401))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_the_own_domain_is_followed_first(status: int) -> None:
    target = "https://mail.example.com/autodiscover/autodiscover.svc"
    answers = {SOAP_1: redirect(target, status), target: Answer(200, soap(external=OUT))}
    search = searching()
    assert walk(search, lambda step: answers.get(step.url)) == [SOAP_1, target]
    assert search.outcome().url == OUT


def test_redirect_told_inside_an_answer_is_followed() -> None:
    target = "https://mail.example.com/autodiscover/autodiscover.svc"
    for asked, told in (
        (SOAP_1, soap("RedirectUrl", target)),
        (POX_1, pox_redirect("redirectUrl", "RedirectUrl", target)),
    ):
        answers = {asked: Answer(200, told), target: Answer(200, soap(external=OUT))}
        search = searching()
        walk(search, lambda step, answers=answers: answers.get(step.url))  # type: ignore[misc]
        assert search.outcome().url == OUT


def test_anonymous_redirect_leads_to_a_question_with_credentials() -> None:
    target = "https://mail.example.com/autodiscover/autodiscover.xml"
    search = searching()
    answers = {GET_1: redirect(target), target: Answer(200, pox_settings(OUT))}
    assert walk(search, lambda step: answers.get(step.url))[-2:] == [GET_1, target]
    assert search.outcome().url == OUT


def test_redirect_to_a_host_is_asked_in_both_dialects() -> None:
    asked = walk(searching(), at(soap_1=redirect("https://mail.example.com/")))
    assert asked[1:3] == [
        "https://mail.example.com/autodiscover/autodiscover.svc",
        "https://mail.example.com/autodiscover/autodiscover.xml",
    ]


@pytest.mark.parametrize("asked", ["soap_1", "get_1"])
def test_redirect_to_another_domain_is_refused_and_named(asked: str) -> None:
    target = "https://autodiscover.evil.net/autodiscover/autodiscover.xml"
    search = searching()
    assert target not in walk(search, at(**{asked: redirect(target)}))
    detail = failure(search)
    assert f"redirects to {target}, which is refused" in detail
    assert "exchange.autodiscover_url" in AutodiscoverFailed.remedy
    assert "exchange.ews_url" in AutodiscoverFailed.remedy


@pytest.mark.parametrize("target", ["http://mail.example.com/autodiscover.xml", "ldap://x", "https://a@example.com/"])
def test_redirect_to_anything_but_plain_https_is_refused(target: str) -> None:
    search = searching()
    assert target not in walk(search, at(soap_1=redirect(target)))
    assert "not an https URL" in failure(search)


def test_circle_is_called_one() -> None:
    a, b = SOAP_1, "https://b.example.com/autodiscover/autodiscover.svc"
    answers = {a: redirect(b), b: redirect(a)}
    search = searching()
    asked = walk(search, lambda step: answers.get(step.url))
    assert asked.count(a) == asked.count(b) == 1
    assert f"{b}: a redirect loop: {a} -> {b} -> {a}" in failure(search)


def test_what_was_asked_is_not_asked_again() -> None:
    asked = walk(searching(), at(get_1=redirect(POX_1), get_2=redirect(POX_2)))
    assert asked == [SOAP_1, POX_1, SOAP_2, POX_2, GET_1, GET_2]


def test_redirects_come_to_an_end() -> None:
    numbers = iter(range(1000))

    def play(step: SearchStep) -> Answer | None:
        if "chain" in step.url or step.url == SOAP_1:
            return redirect(f"https://chain.example.com/{next(numbers)}.svc")
        return None

    search = searching()
    asked = walk(search, play)
    assert sum("chain" in url for url in asked) == MOST_REDIRECTS
    assert asked[-1] == GET_2
    assert f"{MOST_REDIRECTS} redirects are the limit" in failure(search)


def test_other_address_starts_again_with_it() -> None:
    def play(step: SearchStep) -> Answer | None:
        if step.address == ADDRESS:
            return Answer(200, soap("RedirectAddress", "svc@corp.example.com"))
        return Answer(200, soap(external=OUT))

    search = searching()
    assert walk(search, play) == [SOAP_1, "https://autodiscover.corp.example.com/autodiscover/autodiscover.svc"]
    assert search.outcome().url == OUT


def test_other_address_of_another_domain_is_refused_and_named() -> None:
    search = searching()
    asked = walk(search, at(pox_1=Answer(200, pox_redirect("redirectAddr", "RedirectAddr", "svc@tenant.net"))))
    assert asked == [SOAP_1, POX_1, SOAP_2, POX_2, GET_1, GET_2]
    assert "redirects to svc@tenant.net, which is refused" in failure(search)


def test_circle_of_addresses_is_called_one() -> None:
    other = {ADDRESS: "svc@corp.example.com", "svc@corp.example.com": ADDRESS}
    search = searching()

    def play(step: SearchStep) -> Answer | None:
        return Answer(200, soap("RedirectAddress", other[step.address])) if step.asking is Asking.SOAP else None

    walk(search, play)
    assert f"redirect loop: back to the address {ADDRESS}" in failure(search)


def test_next_address_is_asked_about_where_one_is_unknown() -> None:
    def play(step: SearchStep) -> Answer:
        return Answer(200, soap("InvalidUser") if step.address == ADDRESS else soap(external=OUT))

    search = searching(ADDRESS, "anna@example.com", "bob@example.com")
    assert walk(search, play) == [SOAP_1, SOAP_1]
    assert search.outcome().url == OUT


def test_addresses_that_are_all_unknown_are_no_failure_of_the_service() -> None:
    search = searching(ADDRESS, "anna@example.com")
    assert walk(search, at(soap_1=Answer(200, soap("InvalidUser"))))[:3] == [SOAP_1, SOAP_1, POX_1]
    with pytest.raises(MailboxNotFound) as raised:
        search.outcome()
    assert f"{SOAP_1}: no mailbox {ADDRESS}; {SOAP_1}: no mailbox anna@example.com" in raised.value.detail


def test_next_address_is_asked_about_where_one_has_moved_to_another_domain() -> None:
    def play(step: SearchStep) -> Answer:
        return Answer(200, soap("RedirectAddress", "svc@tenant.net") if step.address == ADDRESS else soap(external=OUT))

    search = searching(ADDRESS, "anna@example.com")
    assert walk(search, play) == [SOAP_1, SOAP_1]
    assert search.outcome().url == OUT


def test_anonymous_question_may_be_answered_with_401() -> None:
    search = searching()
    assert walk(search, at(get_1=Answer(401)))[-1] == GET_2
    assert f"{GET_1}: HTTP 401, no redirect" in failure(search)


@pytest.mark.parametrize(
    ("configured", "asked"),
    [
        (
            "https://ex.hoster.net/autodiscover/autodiscover.svc",
            ["https://ex.hoster.net/autodiscover/autodiscover.svc"],
        ),
        (
            "https://ex.hoster.net/Autodiscover/Autodiscover.xml",
            ["https://ex.hoster.net/Autodiscover/Autodiscover.xml"],
        ),
        (
            "ex.hoster.net",
            [
                "https://ex.hoster.net/autodiscover/autodiscover.svc",
                "https://ex.hoster.net/autodiscover/autodiscover.xml",
            ],
        ),
    ],
)
def test_configured_url_is_asked_alone(configured: str, asked: list[str]) -> None:
    assert walk(searching(configured=configured)) == asked


def test_configured_url_needs_no_domain_of_the_service_account() -> None:
    search = searching("anna@example.com", configured="ex.hoster.net", domain="")
    walk(search, lambda step: Answer(200, soap(external=OUT)))
    assert search.outcome().url == OUT


def test_configured_host_may_redirect_within_itself_but_not_beyond() -> None:
    inside, beyond = "https://ex.hoster.net/x.svc", "https://other.hoster.net/x.svc"
    asked = walk(searching(configured="ex.hoster.net"), lambda step: redirect(inside))
    assert inside in asked
    assert beyond not in walk(searching(configured="ex.hoster.net"), lambda step: redirect(beyond))


def test_configured_url_is_asked_again_about_another_address() -> None:
    def play(step: SearchStep) -> Answer:
        other = soap("RedirectAddress", "svc@tenant.net")
        return Answer(200, other if step.address == ADDRESS else soap(external=OUT))

    search = searching(configured="https://ex.hoster.net/a.svc")
    assert walk(search, play) == ["https://ex.hoster.net/a.svc"] * 2
    assert search.outcome().url == OUT


@pytest.mark.parametrize("configured", ["http://ex.hoster.net/", "https://", "ftp://ex.hoster.net/"])
def test_configured_url_that_is_no_https_url_is_said_to_be_none(configured: str) -> None:
    with pytest.raises(AutodiscoverFailed, match="autodiscover_url"):
        searching(configured=configured)


def test_account_without_a_mail_domain_needs_a_configured_url() -> None:
    with pytest.raises(AutodiscoverFailed, match="no mail domain"):
        searching("anna@example.com", domain="")


def test_nobody_to_ask_about_is_said() -> None:
    with pytest.raises(AutodiscoverFailed, match="no e-mail address"):
        searching("anna", "")


@pytest.mark.parametrize("body", [b"", b"<html><body>Sign in</body></html>", b"\xff", b"<a>"])
def test_answer_that_is_no_autodiscover_answer_leads_on(body: bytes) -> None:
    search = searching()
    assert walk(search, lambda step: Answer(200, body)) == [SOAP_1, POX_1, SOAP_2, POX_2, GET_1, GET_2]
    assert failure(search)


def run_with(answers: bytes, configured_url: str = POX_1, own: str = "", trusted: tuple[str, ...] = ()) -> Search:
    search = Search(
        domain="example.com",
        configured_url=configured_url,
        addresses=(ADDRESS,),
        server=ServerChoice.EXTERNAL,
        own=own,
        trusted=trusted,
    )
    while (step := search.next_step()) is not None:
        search.answered(step, Answer(200, answers))
    return search


def named(url: str, internal: str = "") -> bytes:
    """Return a POX answer, which is read whatever was asked in."""
    account = "".join(
        f"<Protocol><Type>{kind}</Type><EwsUrl>{each}</EwsUrl></Protocol>"
        for kind, each in (("EXPR", url), ("EXCH", internal))
        if each
    )
    return f"<Autodiscover><Response><Account>{account}</Account></Response></Autodiscover>".encode()


def test_a_server_outside_the_domain_is_refused_until_it_is_trusted() -> None:
    there = "https://mail.hoster.example/EWS/Exchange.asmx"
    search = run_with(named(there))
    with pytest.raises(EwsHostNotTrusted, match=r"names https://mail\.hoster\.example/EWS") as failed:
        search.outcome()
    assert 'exchange.trusted_hosts = ["mail.hoster.example"]' in failed.value.remedy
    assert search.untrusted_redirect == there
    assert run_with(named(there), trusted=("mail.hoster.example",)).outcome().url == there


def test_of_two_servers_the_one_inside_is_taken() -> None:
    inside = "https://mail.example.com/EWS/Exchange.asmx"
    search = run_with(named("https://mail.hoster.example/EWS/Exchange.asmx", inside))
    assert search.outcome().url == inside


@pytest.mark.parametrize(
    ("configured", "own", "host"),
    [
        ("https://ad.hoster.example/autodiscover/autodiscover.xml", "", "ad.hoster.example"),
        ("https://ad.hoster.example/autodiscover/autodiscover.xml", "", "mail.hoster.example"),
        ("https://ad.hoster.example/autodiscover/autodiscover.xml", "", "mail.example.com"),
        ("https://ad.hoster.example/autodiscover/autodiscover.xml", "svc@corp.example", "mail.corp.example"),
    ],
)
def test_what_belongs_together_needs_no_word(configured: str, own: str, host: str) -> None:
    url = f"https://{host}/EWS/Exchange.asmx"
    assert run_with(named(url), configured_url=configured, own=own).outcome().url == url


@pytest.mark.parametrize("host", ["evil.example", "example.com.evil.example", "notexample.com", "192.0.2.7"])
def test_what_only_looks_like_it_is_outside(host: str) -> None:
    with pytest.raises(EwsHostNotTrusted):
        run_with(named(f"https://{host}/EWS/Exchange.asmx")).outcome()
