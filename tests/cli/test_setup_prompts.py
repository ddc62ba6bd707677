"""Tests of the set-up dialogue: what it asks, what it repeats, and where it leads."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from engine.api.schema.cloud import CloudCertificate, CloudCertificates
from engine.api.schema.common import Actor
from engine.api.schema.operations import Operation
from engine.api.schema.settings import SettingChange, SettingProblem
from engine.api.schema.setup import (
    Setup,
    SetupAnswers,
    SetupApplied,
    SetupBeginning,
    SetupCheck,
    SetupField,
    SetupFix,
    SetupOption,
    SetupOptions,
    SetupOptionsQuestion,
    SetupPage,
    SetupPerson,
    SetupSecret,
    SetupSummary,
    SetupTask,
    SetupTaskLine,
)
from engine.cli.setup_prompts import HOW, SetupPrompts

ACTOR = Actor(uid=1000, pid=1, user="anna")
NOW = datetime(2026, 11, 30, 10, tzinfo=UTC)
MISSING = SettingProblem(key="pbx.master", line=None, reason="is missing", remedy="Write master = …")
OPERATION = Operation(
    id="1", kind="setup check", state="done", actor=ACTOR, begun=NOW, ended=NOW, total=1, done=1, failed=0
)
TASK = SetupTask(lines=(SetupTaskLine(text="TableUsers", number=1, tick=True),), texts=())
ZONES = (SetupOption(value="Europe/Berlin", label="Berlin"), SetupOption(value="Atlantic/Bermuda", label="Bermuda"))


class Scripted:
    """A set-up of two steps, whose PBX is really called headquarters; `answered` is all that came in."""

    def __init__(self, *, person: SetupPerson | None = None) -> None:
        self.at = 0
        self.texts = {"pbx.host": "pbx.example", "pbx.master": ""}
        self.known = False
        self.person = person or SetupPerson(name="anna", actor=ACTOR, where="", last=NOW, is_present=True, is_you=True)
        self.is_under_way = person is not None
        self.answered: list[SetupAnswers] = []
        self.checked: SetupCheck | None = None
        self.applied = False

    def fields(self) -> tuple[SetupField, ...]:
        if self.at == 1:
            zone = self.texts.get("presence.timezone", "")
            return (
                SetupField(
                    key="presence.timezone", label="Time zone", help="h", kind="search", text=zone, is_needed=not zone
                ),
            )
        master, secret = (
            self.texts["pbx.master"],
            SetupSecret(name="pbx.password", place="set-up" if self.known else None),
        )
        return (
            SetupField(key="pbx.host", label="Address", help="Name or IP", kind="text", text=self.texts["pbx.host"]),
            SetupField(
                key="pbx.master",
                label="PBX name",
                help="Which PBX",
                kind="text",
                text=master,
                is_needed=not master,
                problem=None if master else MISSING,
            ),
            SetupField(
                key="pbx.password",
                label="Password",
                help="Its password",
                kind="secret",
                secret=secret,
                is_needed=not self.known,
            ),
        )

    def state(self) -> Setup:
        page = SetupPage(
            step=("pbx", "site")[self.at],
            name=("fields", "site")[self.at],
            title=("How the engine reaches the PBX", "Language and time")[self.at],
            kind="fields",
            fields=self.fields(),
            task=TASK if self.at == 0 else None,
            can_check=self.at == 0,
            check=self.checked,
            is_last=self.at == 1,
        )
        steps = tuple(
            SetupSummary(
                number=number,
                name=name,
                title=title,
                state="open",
                is_optional=False,
                problems=0,
                can_check=True,
                pages=(),
            )
            for number, name, title in ((1, "pbx", "PBX"), (2, "site", "Site"))
        )
        return Setup(
            revision=1,
            flow="all",
            title="Set-up",
            person=self.person,
            steps=steps,
            page=page,
            machine=(),
            changes=(SettingChange(key="pbx.master", before=None, after=self.texts["pbx.master"]),),
            new_secrets=("pbx.password",),
            problems=() if self.texts["pbx.master"] else (MISSING,),
            ready=bool(self.texts["pbx.master"]),
        )

    async def under_way(self) -> Setup | None:
        return self.state() if self.is_under_way else None

    async def begin(self, question: SetupBeginning) -> Setup:
        return self.state()

    async def take_over(self) -> Setup:
        return self.state()

    async def answer(self, answers: SetupAnswers) -> Setup:
        self.answered.append(answers)
        self.texts |= answers.texts if answers.fix is None else {"pbx.master": "headquarters"}
        self.known |= bool(answers.secrets)
        self.checked = None
        places = {"next": 1, "back": 0, "pbx": 0, "site": 1}
        self.at = places[answers.go] if answers.go is not None else self.at
        return self.state()

    async def options(self, question: SetupOptionsQuestion) -> SetupOptions:
        found = tuple(each for each in ZONES if question.search in each.value.casefold())
        return SetupOptions(options=found, total=len(found))

    async def make_certificate(self) -> CloudCertificates:
        raise AssertionError("nobody agreed to it")

    async def check(self) -> Setup:
        passed = self.texts["pbx.master"] == "headquarters"
        self.checked = SetupCheck(
            operation=OPERATION,
            log_in=True,
            names=("master PBX",),
            rungs=(),
            running="",
            running_since=None,
            at_most=10,
            passed=passed,
            holds=True,
            wrong="" if passed else "pbx.master",
            page="",
            fixes=() if passed else (SetupFix(id="x/0", label='use "headquarters"', keys=("pbx.master",)),),
        )
        return self.state()

    async def reach(self) -> Setup:
        raise AssertionError("no answer is wrong by itself")

    async def apply(self) -> SetupApplied:
        self.applied = True
        return SetupApplied(written="nobody", changes=(), new_secrets=(), confirm_until=None)


class Person:
    """Types these lines, one for each question, and then nothing more."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.asked: list[str] = []

    def __call__(self, question: str) -> str:
        self.asked.append(question)
        if not self.lines:
            raise EOFError
        return self.lines.pop(0)


def keys_answered(setup: Scripted) -> list[str]:
    return [key for each in setup.answered for key in (*each.texts, *each.secrets)]


async def test_only_what_is_missing_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    setup, person = Scripted(), Person("headquarters", "", "ber", "1", "", "y")
    assert await SetupPrompts(setup, person, lambda _: "secret").run(SetupBeginning()) == 0
    assert setup.applied
    assert keys_answered(setup) == ["pbx.master", "pbx.password", "presence.timezone"]
    assert setup.texts["presence.timezone"] == "Europe/Berlin"
    told = capsys.readouterr().out
    assert told.count("[x] TableUsers") == 1
    assert "1 of 2  PBX: How the engine reaches the PBX" in told
    assert "pbx.master: not set -> headquarters" in told
    assert "secret pbx.password: new" in told


async def test_one_field_is_changed_by_its_number_or_name_without_the_others() -> None:
    setup = Scripted()
    setup.texts["pbx.master"], setup.known = "headquarters", True
    person = Person("1", "other.example", "host", "third.example", "", ":1", "<", "", "")
    assert await SetupPrompts(setup, person, lambda _: "").run(SetupBeginning()) == 1
    assert keys_answered(setup) == ["pbx.host", "pbx.host"]
    assert setup.texts["pbx.host"] == "third.example"


async def test_a_failed_check_offers_its_fix_and_asks_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    setup = Scripted()
    setup.texts["pbx.master"], setup.known = "master", True
    person = Person("", "f", "", "berlin", "", "y")
    assert await SetupPrompts(setup, person, lambda _: "").run(SetupBeginning()) == 0
    assert setup.texts["pbx.master"] == "headquarters"
    assert 'f1  use "headquarters"' in capsys.readouterr().out
    assert any('f use "headquarters"' in question for question in person.asked)


async def test_a_password_prompt_explains_itself_and_leads_back(capsys: pytest.CaptureFixture[str]) -> None:
    setup, hidden = Scripted(), Person("?", "<")
    setup.texts["pbx.master"] = "headquarters"
    await SetupPrompts(setup, Person(), hidden).run(SetupBeginning())
    assert "Its password" in capsys.readouterr().out
    assert SetupAnswers(go="back") in setup.answered
    assert not any(each.secrets for each in setup.answered)


async def test_a_colon_lists_the_steps_and_goes_to_one(capsys: pytest.CaptureFixture[str]) -> None:
    setup = Scripted()
    setup.texts["pbx.master"], setup.known = "headquarters", True
    await SetupPrompts(setup, Person(":", "?", ":Site"), lambda _: "").run(SetupBeginning())
    told = capsys.readouterr().out
    assert "· 2 Site" in told
    assert told.count("[x] TableUsers") == 2
    assert SetupAnswers(go="site") in setup.answered


async def test_no_line_ends_within_a_word(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    await SetupPrompts(Scripted(), Person(), lambda _: "").run(SetupBeginning())
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 30
    assert HOW in " ".join(line.strip() for line in lines)


@pytest.mark.parametrize(("typed", "status"), [("y", 1), ("n", 1)])
async def test_somebody_else_at_it_is_named_and_can_be_taken_over(
    typed: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    bob = SetupPerson(name="bob@10.1.4.9", actor=ACTOR, where="10.1.4.9", last=NOW, is_present=True, is_you=False)
    setup, person = Scripted(person=bob), Person(typed)
    assert await SetupPrompts(setup, person, lambda _: "").run(SetupBeginning()) == status
    assert "step 1 of 2, by bob@10.1.4.9" in " ".join(capsys.readouterr().out.split())
    assert person.asked[0] == "Take over? [Y/n] "
    assert len(person.asked) == (2 if typed == "y" else 1)


class OfTheCloud(Scripted):
    """A set-up for Exchange Online; the client secret is known, in effect, once there is a certificate."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def fields(self) -> tuple[SetupField, ...]:
        secret = SetupSecret(name="exchange.client_secret", place="certificate" if self.made else None)
        return (
            SetupField(
                key="exchange.client_secret",
                label="Client secret",
                help="h",
                kind="secret",
                secret=secret,
                is_needed=not self.made and not self.known,
            ),
        )

    async def make_certificate(self) -> CloudCertificates:
        self.made += 1
        ends = datetime(2028, 3, 1, tzinfo=UTC)
        one = CloudCertificate(state="current", pem="-----BEGIN\nMII\n", sha1="AB", sha256="CD", begins=ends, ends=ends)
        return CloudCertificates(client_id=None, application_proof=None, certificates=(one,))


async def test_a_certificate_takes_the_place_of_the_client_secret(capsys: pytest.CaptureFixture[str]) -> None:
    cloud, person = OfTheCloud(), Person("", "")
    assert await SetupPrompts(cloud, person, person).run(SetupBeginning()) == 1
    told = capsys.readouterr().out
    assert cloud.made == 1
    assert "-----BEGIN\nMII\n" in told
    assert not any("exchange.client_secret" in question for question in person.asked)


async def test_whoever_wants_a_client_secret_is_asked_for_it() -> None:
    cloud, person = OfTheCloud(), Person("n", "s3cret")
    assert await SetupPrompts(cloud, person, person).run(SetupBeginning()) == 1
    assert cloud.made == 0
    assert {"exchange.client_secret": "s3cret"} in [each.secrets for each in cloud.answered]


async def test_an_end_in_the_middle_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    setup = Scripted()
    assert await SetupPrompts(setup, Person("m"), lambda _: "x").run(SetupBeginning()) == 1
    assert not setup.applied
    assert "Your answers are kept" in capsys.readouterr().err


class OfChoices(Scripted):
    """A set-up whose first page is a choice that has an answer already."""

    def state(self) -> Setup:
        state = super().state()
        return replace(state, page=replace(state.page, kind="choice", can_check=False)) if self.at == 0 else state

    def fields(self) -> tuple[SetupField, ...]:
        dial = SetupOption(value="dial", label="It dials", remark="dial")
        options = (dial, SetupOption(value="listen", label="It listens"))
        link = SetupField(key="pbx.link", label="Who", help="h", kind="choice", text="dial", options=options)
        return (link,) if self.at == 0 else super().fields()


async def test_a_choice_is_always_asked_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    setup = OfChoices()
    await SetupPrompts(setup, Person("2", ""), lambda _: "").run(SetupBeginning())
    told = capsys.readouterr().out
    assert "  1 It dials [dial]\n  2 It listens [listen]" in told
    assert keys_answered(setup) == ["pbx.link"]
    assert setup.texts["pbx.link"] == "listen"
