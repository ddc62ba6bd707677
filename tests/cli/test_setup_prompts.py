"""Tests of the set-up dialogue: its questions, and the handling of the input."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from engine.api.schema.cloud import CloudCertificate, CloudCertificates
from engine.api.schema.settings import Setting, SettingChange, SettingProblem, Value
from engine.api.schema.setup import Setup, SetupAnswers, SetupSecret, SetupStep, SetupSummary
from engine.cli.setup_prompts import HOW, SetupPrompts, value_typed

MISSING = SettingProblem(key="pbx.master", line=None, reason="is missing", remedy="Write master = …")


def setting(key: str, kind: str = "text", value: Value = None, *, many: bool = False) -> Setting:
    return Setting(
        key=key,
        help=f"What {key} is for.",
        kind=kind,
        many=many,
        words=(),
        low=None,
        high=None,
        default=None,
        value=value,
        origin="none" if value is None else "file",
        effect="",
        restarts=False,
    )


def step(name: str, *fields: Setting, problems: tuple[SettingProblem, ...] = (), can_check: bool = False) -> SetupStep:
    return SetupStep(
        name=name,
        title=name.title(),
        guidance=("Tick TableUsers.",),
        fields=fields,
        suggestions={},
        secrets=(SetupSecret(name="pbx.password", known=False),) if name == "pbx" else (),
        problems=problems,
        asks_for_user=name == "server",
        can_check=can_check,
        check=None,
        rungs=(),
        passed=False,
    )


class Scripted:
    """A set-up of two steps and a review; `answered` is all that came in."""

    def __init__(self, *, works: bool = True) -> None:
        self.names = ("pbx", "server", "review")
        self.at = 0
        self.master: Value = None
        self.works = works
        self.answered: list[SetupAnswers] = []
        self.checks: list[str] = []
        self.applied = False

    def state(self) -> Setup:
        problems = () if self.master else (MISSING,)
        steps = {
            "pbx": step("pbx", setting("pbx.master", value=self.master), problems=problems, can_check=True),
            "server": step("server", setting("exchange.ews_url", "URL", "https://mail/"), can_check=True),
            "review": step("review"),
        }
        summaries = [
            SetupSummary(name=name, title=name, problems=len(each.problems), can_check=each.can_check, passed=False)
            for name, each in steps.items()
        ]
        return Setup(
            step=steps[self.names[self.at]],
            steps=tuple(summaries),
            user="anna@corp.example",
            changes=(SettingChange(key="pbx.master", before=None, after=self.master),),
            new_secrets=("pbx.password",),
            problems=problems,
            ready=not problems,
        )

    async def under_way(self) -> Setup | None:
        return None

    async def begin(self) -> Setup:
        return self.state()

    async def answer(self, answers: SetupAnswers) -> Setup:
        self.answered.append(answers)
        if "pbx.master" in answers.settings:
            self.master = answers.settings["pbx.master"]
        if answers.step is not None:
            steps = {"next": self.at + 1, "back": max(self.at - 1, 0)}
            self.at = steps[answers.step] if answers.step in steps else self.names.index(answers.step)
        return self.state()

    async def make_certificate(self) -> CloudCertificates:
        raise AssertionError("nobody agreed to it")

    async def check(self) -> bool:
        self.checks.append(self.names[self.at])
        return self.works

    async def apply(self) -> Setup:
        self.applied = True
        return self.state()


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


async def test_from_the_first_question_to_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    setup, person = Scripted(), Person("headquarters", "y", "", "bob@corp.example", "", "y")
    assert await SetupPrompts(setup, person, lambda _: "secret").run() == 0
    assert setup.applied
    assert setup.checks == ["pbx", "server"]
    assert setup.answered[0].settings == {"pbx.master": "headquarters"}
    assert setup.answered[1].secrets == {"pbx.password": "secret"}
    assert [each.user for each in setup.answered if each.user] == ["bob@corp.example"]
    told = capsys.readouterr().out
    assert "Tick TableUsers." in told
    assert "pbx.master: not set -> headquarters" in told
    assert "secret pbx.password: new" in told


async def test_no_line_ends_within_a_word(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    setup, person = Scripted(), Person("", "n")
    await SetupPrompts(setup, person, lambda _: "").run()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 30
    assert HOW in " ".join(line.strip() for line in lines)


async def test_a_question_explains_itself_and_leads_back() -> None:
    setup = Scripted()
    person = Person("m", "y", "?", "<", "", "y", "-", "", "y", "y")
    assert await SetupPrompts(setup, person, lambda _: "").run() == 0
    assert person.asked.count("exchange.ews_url [https://mail/]: ") == 3
    assert SetupAnswers(step="back") in setup.answered
    assert {"exchange.ews_url": None} in [each.settings for each in setup.answered]
    assert all(not each.secrets for each in setup.answered)


async def test_what_is_missing_is_asked_for_again_and_keeps_it_from_being_applied() -> None:
    setup = Scripted()
    person = Person("", "n", "", "", "y", "late", "y", "", "", "y", "y")
    assert await SetupPrompts(setup, person, lambda _: "").run() == 0
    assert person.asked[1] == "Answer them again? [Y/n] "
    assert SetupAnswers(step="pbx") in setup.answered
    assert setup.applied


class OfTheCloud(Scripted):
    """A set-up for Exchange Online; the client secret is known, in effect, once there is a certificate."""

    def __init__(self) -> None:
        super().__init__()
        self.master, self.made = "master", 0

    def state(self) -> Setup:
        state = super().state()
        fields = (setting("exchange.client_id", value="5e1f"),) if state.step.name == "pbx" else ()
        secret = SetupSecret(name="exchange.client_secret", known=bool(self.made))
        step = replace(state.step, fields=fields, secrets=(secret,) if fields else (), can_check=False)
        return replace(state, step=step)

    async def make_certificate(self) -> CloudCertificates:
        self.made += 1
        ends = datetime(2028, 3, 1, tzinfo=UTC)
        one = CloudCertificate(state="current", pem="-----BEGIN\nMII\n", sha1="AB", sha256="CD", begins=ends, ends=ends)
        return CloudCertificates(client_id=None, application_proof=None, certificates=(one,))


async def test_a_certificate_takes_the_place_of_the_client_secret(capsys: pytest.CaptureFixture[str]) -> None:
    cloud, person = OfTheCloud(), Person("", "", "")
    assert await SetupPrompts(cloud, person, person).run() == 1
    told = capsys.readouterr().out
    assert cloud.made == 1
    assert "az ad app credential reset --id 5e1f" in told
    assert "-----BEGIN\nMII\n" in told
    assert not any("exchange.client_secret" in question for question in person.asked)


async def test_whoever_wants_a_client_secret_is_asked_for_it() -> None:
    cloud, person = OfTheCloud(), Person("", "n", "s3cret")
    assert await SetupPrompts(cloud, person, person).run() == 1
    assert cloud.made == 0
    assert {"exchange.client_secret": "s3cret"} in [each.secrets for each in cloud.answered]


async def test_an_end_in_the_middle_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    setup = Scripted(works=False)
    assert await SetupPrompts(setup, Person("m", "y", "y"), lambda _: "").run() == 1
    assert not setup.applied
    assert "Your answers are kept" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "many", "typed", "value"),
    [
        ("whole number", False, "443", 443),
        ("whole number", False, "https", "https"),
        ("number", False, "1.5", 1.5),
        ("true or false", False, "yes", True),
        ("true or false", False, "maybe", "maybe"),
        ("text", True, "a, b ,", ("a", "b")),
        ("text", False, "443", "443"),
    ],
)
def test_what_is_typed_becomes_a_value_or_stays_as_it_is(kind: str, many: bool, typed: str, value: Value) -> None:
    assert value_typed(setting("x", kind, many=many), typed) == value
