"""The log-in digest against published vectors."""

import json

import pytest

from engine.core.secret import Secret
from engine.pbx.login import login_digest

USERS_INFO = (
    '{"appobj":"users","apps":[{"name":"users"},{"name":"profile"}],'
    '"appurl":"https://1.2.3.4/example.com/usersapp/innovaphone-users","unlicensed":true}'
)


@pytest.mark.parametrize(
    ("info", "digest"),
    [
        (None, "a205299ed2ef2786c311e0be1b14db343f2cadd906a6ae7b564eee34bda5e9a1"),
        ("{}", "57b23fe824b9222a7ac879597cb509bcdc865a1bfeb057d9d12118cef0c3ba34"),
        ('{"cn":"Test User"}', "96db3c3f657230c2b68194becc6d2a77f05de9f79f01fc81e9ca0fb196b10d9d"),
    ],
)
def test_examples_1_to_3_of_the_innovaphone_sdk(info: str | None, digest: str) -> None:
    assert login_digest(Secret("pwd"), "0123456789abcdef", app="pbxadminapi", info=info) == digest


def test_example_4_of_the_innovaphone_sdk() -> None:
    digest = login_digest(
        Secret("pwd"),
        "0123456789abcdef",
        app="innovaphone-users",
        domain="example.com",
        sip="administrator",
        guid="0123456789abcdef0123456789abcdef",
        dn="Administrator User",
        info=USERS_INFO,
    )
    assert digest == "ef1b811ffaa8f9255c39c653d8fb26b4687b2d8c4d9ac91b4821bff6bae3ff44"


CAPTURED = {
    "App object go-search": (
        "16d7dbbcccb63612",
        '{"mt":"AppLogin","sip":"go-search","guid":"3954ae7854c96301c9dd009033400109","dn":"go-search",'
        '"digest":"130f168773ff760701b74e629eca2544c6e62d5354e92e6f821001a982eb8951","domain":"fritz.box",'
        '"app":"searchapi","info":{"appobj":"go-search","appdn":"go-search",'
        '"appurl":"http://192.168.178.29:5000/fritz.box/go/instance/searchapi","pbx":"pbx-main","cn":"go-search",'
        '"unlicensed":true,"apps":[]}}',
    ),
    "App object go": (
        "aeaaebe781e80289",
        '{"mt":"AppLogin","sip":"go","guid":"8e7ca6fabbc5630170e9009033400109","dn":"go",'
        '"digest":"8f802873dcdee7cef6144017a6112289298ad69e77474a4c37cfdb68a83640c0","domain":"fritz.box",'
        '"app":"admin","info":{"appobj":"go","appdn":"go",'
        '"appurl":"http://192.168.178.29:5000/fritz.box/go/instance/admin","pbx":"pbx-main","cn":"go",'
        '"unlicensed":true,"apps":[]}}',
    ),
    "user at admin": (
        "277f41a7a5b7b452",
        '{"mt":"AppLogin","app":"admin","domain":"fritz.box","sip":"rico","guid":"f48b06484a8a61015853009033400109",'
        '"dn":"Schulte, Rico","info":{"appobj":"go","appdn":"go",'
        '"appurl":"http://192.168.178.29:5000/fritz.box/go/instance/admin","pbx":"pbx-main","cn":"rico",'
        '"unlicensed":true,"groups":[],"apps":[]},'
        '"digest":"965b4dd4d4f127c99df796b1ed137b40454801f94f50aaf93b2ce98034f10d9c","pbxObj":"go"}',
    ),
    "user at searchapi": (
        "7c4fc2e477f69233",
        '{"mt":"AppLogin","app":"searchapi","domain":"fritz.box","sip":"rico",'
        '"guid":"f48b06484a8a61015853009033400109","dn":"Schulte, Rico","info":{"appobj":"go-search",'
        '"appdn":"go-search","appurl":"http://192.168.178.29:5000/fritz.box/go/instance/searchapi","pbx":"pbx-main",'
        '"cn":"rico","testmode":true,"groups":[],"apps":[]},'
        '"digest":"378b82aa7508eb53866e3f4de054cdc0f7b5229e9742593e9359db3845681eb6","pbxObj":"go-search"}',
    ),
}


@pytest.mark.parametrize(("challenge", "message"), CAPTURED.values(), ids=CAPTURED.keys())
def test_log_ins_captured_from_a_pbx(challenge: str, message: str) -> None:
    """Vectors published with ricoschulte/go-myapps (service/innotools_test.go)."""
    login = json.loads(message)
    info = json.dumps(login["info"], ensure_ascii=False, separators=(",", ":"))
    assert info in message
    who = {name: login[name] for name in ("app", "domain", "sip", "guid", "dn")}
    assert login_digest(Secret("go"), challenge, **who, info=info) == login["digest"]


def test_non_ascii_and_ampersand_are_hashed_as_they_are_sent() -> None:
    digest = login_digest(
        Secret("s3cret"),
        "4711081547110815",
        app="pbx-sync",
        domain="example.net",
        sip="kalender",
        guid="aa000000000000000000000000000001",
        dn="Kalender & Präsenz",
        info='{"appobj":"kalender","appdn":"Kalender & Präsenz",'
        '"appurl":"https://sync.example.net/example.net/presence/one/pbx-sync","pbx":"master","cn":"Kalender",'
        '"unlicensed":true,"apps":[]}',
    )
    assert digest == "c3263ed9bc2d399e8b1f53f320fb34967d4c4572460b775dd3581011a69fa996"


@pytest.mark.parametrize(
    ("info", "digest"),
    [
        (None, "9ab4e19af7d4bb773c96053c41ffadfb7eacf476219b3e338a6e4028d06374c7"),
        ("{}", "cc0cc87b2b8a6df4f22d2f1a5f60d9fdc64c6d6b6f83fd497175231ea3d1ac78"),
    ],
)
def test_a_log_in_that_names_nothing_but_the_app(info: str | None, digest: str) -> None:
    assert login_digest(Secret("s3cret"), "4711081547110815", app="calsync", info=info) == digest
