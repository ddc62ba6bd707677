"""Messages of the local API about the guided set-up: one flow of steps, each of pages, behind every front end.

A front end shows `Setup.page` and sends what is typed; it decides nothing. Every changing request returns the new
`Setup`; `SetupEvent` (topic `setup`) tells when there is a newer one. Answers have dotted keys: those of the settings,
the names of secrets, and answers of the set-up alone (`setup.user`, `setup.group`, `setup.learn_user`, `setup.start`,
`setup.keep_within`).

The check of a page of the kind `learn` or `preview` is an operation whose result `/v1/presence-test` or
`/v1/live/preview` has (`SetupPage.operation`).
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.api.schema.checks import MOST, RungAccount
from engine.api.schema.common import Actor
from engine.api.schema.live import Written
from engine.api.schema.operations import Operation
from engine.api.schema.settings import Setting, SettingChange, SettingProblem, Value
from engine.api.schema.setup_users import SetupAccess, SetupSelection, SetupUsers

Where = Annotated[str, Meta(max_length=100)]
Texts = Annotated[dict[str, Annotated[str, Meta(max_length=20_000)]], Meta(max_length=200)]

FlowName = Literal[
    "all",
    "pbx",
    "pbx-certificate",
    "site",
    "users",
    "exchange",
    "exchange-certificate",
    "password",
    "graph",
    "presence",
    "learn",
]
"""What a set-up is about: everything, or one later change, which visits only the pages that it needs.

`pbx-certificate`, `exchange-certificate`: theirs has changed; `password`: Exchange refuses the log-in; `graph`: move to
Microsoft Graph."""

StepState = Literal["open", "done", "failed", "changed"]
"""`done` ✓; `failed` ✗: its check failed with these answers, or one of them is invalid; `changed`: it was done, with
other answers; `open`: none of these."""

PageKind = Literal[
    "choice", "fields", "task", "certificate", "site", "users", "access", "presence", "learn", "preview", "start"
]
"""How a page is drawn. `choice`: one field as radio buttons; `fields`: a form; `task`: something to do over there."""


FieldKind = Literal["text", "number", "flag", "list", "choice", "search", "secret"]


class SetupBeginning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Starts a set-up, from the settings in force. With `over` one that is under way is discarded; else it is a
    conflict (`setup-under-way`).

    `where` is the address that the person has logged in from, as the front end knows it (SSH_CONNECTION).
    """

    flow: FlowName = "all"
    over: bool = False
    where: Where = ""


class SetupAnswers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answers to any pages, and the page to go to. Everything is kept, also what is half typed or wrong.

    `texts` are what stands in the fields, by key, "" being no answer (send them 1 s after the last key, and on every
    move); `settings` are the same as values, null being no answer. `secrets` are write-only, "" forgets the one typed
    here. `selection` is the choice of users as ticked.

    `go`: `next`, `back`, a step (`exchange`) or a page (`exchange/account`); null stays. What was not finished can be
    returned to at any time.
    """

    texts: Texts = {}
    settings: Annotated[dict[str, Value], MOST] = {}
    secrets: Annotated[dict[str, Annotated[str, Meta(max_length=20_000)]], Meta(max_length=10)] = {}
    selection: SetupSelection | None = None
    fix: Annotated[str, MOST] | None = None
    go: Annotated[str, MOST] | None = None
    where: Where = ""


class SetupFix(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the program can do about a finding: `label` says what, `keys` are the answers it changes."""

    id: str
    label: str
    keys: tuple[str, ...]


class SetupCheckQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The check of the current page to start. Without `log_in` only what costs no log-in is tried, for checks while
    somebody types: a running one of these is started again. Secrets are sent with `log_in` alone.

    `watch`: check again every few seconds until it passes, is stopped (DELETE), or nobody asks for the set-up any more.
    `only_failed`: of the users of the last check, those without success.
    """

    log_in: bool = False
    watch: bool = False
    only_failed: bool = False


class SetupPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Who is at the set-up. `name` is `user@address` to show; `is_present` ends with the process, or 10 minutes after
    the last answer. `is_you`: the caller."""

    name: str
    actor: Actor
    where: str
    last: datetime
    is_present: bool
    is_you: bool


class SetupOption(msgspec.Struct, frozen=True, kw_only=True):
    """One possible answer: the text to send, the words to show, lines below it, and a remark at the right."""

    value: str
    label: str
    lines: tuple[str, ...] = ()
    remark: str = ""


class SetupOptionsQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Searches the possible answers to a field of kind `search`: every word of `search` must begin a word of the
    option, ignoring case and accents."""

    key: Annotated[str, MOST]
    search: Annotated[str, MOST] = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 20


class SetupOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options found, the best first, and their whole number."""

    options: tuple[SetupOption, ...]
    total: int


class SetupSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that is asked for. `place`: typed in this set-up, stored earlier, given to the engine from outside, or
    replaced by a certificate that the engine made; null: it is missing."""

    name: str
    place: Literal["set-up", "store", "environment", "secrets file", "certificate"] | None
    since: datetime | None = None

    @property
    def is_known(self) -> bool:
        """Whether it need not be typed."""
        return self.place is not None


class SetupField(msgspec.Struct, frozen=True, kw_only=True):
    """One field. `label` is the vendor's word, `key` ours, `help` one line for it.

    `text` is what stands in it, as it was typed; `placeholder` what holds while it is empty. A `flag` has the texts
    `true` and `false`; a `list` is separated by commas; a `choice` has its `options`, a `search` those of
    `GET /v1/setup/options`. `setting` is null for answers of the set-up alone and for secrets; a field with a `secret`
    has no text.

    `problem` is what is wrong with it, by itself or by the last check; `fixes` are what the program can do about it.
    `is_well`: the last check found it right.
    """

    key: str
    label: str
    help: str
    kind: FieldKind
    text: str = ""
    placeholder: str = ""
    is_advanced: bool = False
    is_needed: bool = False
    is_well: bool = False
    options: tuple[SetupOption, ...] = ()
    suggestion: str = ""
    setting: Setting | None = None
    secret: SetupSecret | None = None
    problem: SettingProblem | None = None
    fixes: tuple[SetupFix, ...] = ()


class SetupTaskLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what to do over there. `number`: a step of it, 0 otherwise.

    `text` may be followed by a `value` to type there; `tick`: a check mark to set or to leave out. `secret` names the
    one to type: only who made it (`app_password`) can show it.
    """

    text: str
    number: int = 0
    value: str = ""
    tick: bool | None = None
    secret: str = ""


class SetupText(msgspec.Struct, frozen=True, kw_only=True):
    """A text to copy or to save, unbroken: `name` is unique on the page, `file` a name to save it as.

    `colleague`: the whole task in words for somebody else; the others are scripts or values.
    """

    name: str
    label: str
    text: str
    file: str


class SetupTask(msgspec.Struct, frozen=True, kw_only=True):
    """What to do in the PBX, in Exchange or in Entra, with the values of this site filled in."""

    lines: tuple[SetupTaskLine, ...]
    texts: tuple[SetupText, ...]


class SetupWatch(msgspec.Struct, frozen=True, kw_only=True):
    """The check of a page that is repeated: how often it `looked`, what it found `last`, when it looks `next`.

    `remedy` is what to do about that finding. `stopped` says why it does not go on by itself, for instance because the
    answers have changed; "" while it does.
    """

    looked: int
    last: datetime | None
    next: datetime | None
    finding: str
    remedy: str = ""
    stopped: str = ""


class SetupLogIns(msgspec.Struct, frozen=True, kw_only=True):
    """How often the log-in of this page may still be tried with this password before a pause of `then_pause` seconds.

    While there is a pause, `paused_until` is its end, and `way_out` says what can be done about it now.
    """

    account: str
    used: int
    left: int
    then_pause: float
    paused_until: datetime | None
    way_out: str = ""


class SetupCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The last check of a page, or the running one. `names` are all its steps in order, `rungs` those that are done;
    `running` is the name of the one at work, begun at `running_since`, which takes `at_most` seconds.

    `holds`: it was made with the answers as they are now. `wrong` is the key of the field that is wrong, `page` the
    page on which that is mended (`pbx/app`), "" if it is this one or none.
    """

    operation: Operation
    log_in: bool
    names: tuple[str, ...]
    rungs: tuple[RungAccount, ...]
    running: str
    running_since: datetime | None
    at_most: float
    passed: bool
    holds: bool
    wrong: str
    page: str
    fixes: tuple[SetupFix, ...]


class SetupCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that is not trusted: of which `host`, for which key it can be trusted, and the one before, if it
    has changed. `fits`: it is valid for the address; `is_valid_now`: by its dates. `fixes` are the ways to trust it."""

    key: str
    host: str
    port: int
    issued_to: str
    issued_by: str
    names: tuple[str, ...]
    fits: bool
    begins: datetime
    ends: datetime
    is_valid_now: bool
    fingerprint: str
    trusted_before: str = ""
    fixes: tuple[SetupFix, ...] = ()


class SetupPageName(msgspec.Struct, frozen=True, kw_only=True):
    """A page in the list of those of its step."""

    name: str
    title: str


class SetupSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A step in the list of all (the rail). `problems` is the number of missing or invalid answers."""

    number: int
    name: str
    title: str
    state: StepState
    is_optional: bool
    problems: int
    can_check: bool
    pages: tuple[SetupPageName, ...]


class SetupPage(msgspec.Struct, frozen=True, kw_only=True):
    """The page to show: at most six of its `fields` are not advanced.

    What it has besides depends on its `kind`: a `task` to do, a `certificate` to trust, the choice of `users`, the
    `access` of all. `check`
    is the one with log-ins, `reach` the one without; `can_check` and `can_reach` whether there are such. `cursor` is
    the key of the field to stand in: the wrong one, else the first without an answer. `is_last`: the next thing is to
    apply. `operation` is the last presence test (`GET /v1/presence-test/{id}`) or comparison (`GET
    /v1/live/preview/{id}`) that a check of such a page has started.
    """

    step: str
    name: str
    title: str
    kind: PageKind
    intro: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    fields: tuple[SetupField, ...] = ()
    cursor: str = ""
    task: SetupTask | None = None
    certificate: SetupCertificate | None = None
    users: SetupUsers | None = None
    access: SetupAccess | None = None
    can_check: bool = False
    can_reach: bool = False
    can_watch: bool = False
    check: SetupCheck | None = None
    reach: SetupCheck | None = None
    watch: SetupWatch | None = None
    log_ins: SetupLogIns | None = None
    operation: str = ""
    is_last: bool = False


class SetupMachine(msgspec.Struct, frozen=True, kw_only=True):
    """What a set-up needs of the machine: that the engine may write where it has to, and a clock that is kept right. It
    can be asked for before one has begun."""

    rungs: tuple[RungAccount, ...]


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the set-up; `revision` grows with every change of it. The last answer
    was saved at `person.last`.

    `machine` is what it needs of this machine, as in `SetupMachine`. `changes` and `new_secrets` are what applying
    would change; it is `ready` when there are no `problems`.
    """

    revision: int
    flow: FlowName
    title: str
    person: SetupPerson
    steps: tuple[SetupSummary, ...]
    page: SetupPage
    machine: tuple[RungAccount, ...]
    changes: tuple[SettingChange, ...]
    new_secrets: tuple[str, ...]
    problems: tuple[SettingProblem, ...]
    ready: bool


class SetupEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The set-up has changed: a newer `revision`, by this person, at that page; or it `ended`."""

    number: int
    revision: int
    person: str
    step: str
    page: str
    ended: bool


class SetupNotesQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many users with their notes of today are wanted at most: those of the calendars that the check of the step
    `presence` has read, by the answers as they are, as far as these are valid."""

    most: Annotated[int, Meta(ge=1, le=100)] = 10


class SetupApplied(msgspec.Struct, frozen=True, kw_only=True):
    """What was applied. `written` is whose presences are written now; that is taken back at `confirm_until` unless it
    is kept (`POST /v1/settings/confirm`)."""

    written: Written
    changes: tuple[SettingChange, ...]
    new_secrets: tuple[str, ...]
    confirm_until: datetime | None


class SetupAnswersFile(msgspec.Struct, frozen=True, kw_only=True):
    """The answers as a file for `calendar-engine setup --answers`, without secrets; these are `needed` besides."""

    text: str
    needed: tuple[str, ...]
