"""The page of the presence test, in the set-up."""

from calendar_tui.documents.cells import Cell, neighbour
from calendar_tui.documents.form_page import FormState, Page
from calendar_tui.documents.setup_learn import LEAVE, TAKE, USER, learn_page, typed
from calendar_tui.screens.setup_kinds import PageKind, SetupForm
from engine.api.schema.learning import Learning
from engine.api.schema.setup import SetupPage

STAYS = ("", "left", "right", "home", "end")


class LearnPage(PageKind):
    """Learns with one user how this PBX clears presences, and the longest note; it can be passed over."""

    COMMANDS = ("next", "check", "steps", "later")

    def __init__(self, form: SetupForm) -> None:
        super().__init__(form)
        self._learning: Learning | None = None
        self._tried_with = ""

    def body(self, page: SetupPage, state: FormState) -> Page:
        """Return the steps of the test."""
        return learn_page(page, self._learning, state)

    def figures(self, page: SetupPage, state: FormState) -> str:
        """Return what it takes."""
        return "optional, 20 s, 1 user"

    async def looked(self) -> None:
        """Ask how far the test has come; when it is over, offer what it proposes."""
        operation, known = self.form.page.operation, self._learning
        is_over = known is not None and known.operation.id == operation and known.operation.state != "running"
        if not operation or is_over:
            return
        found = await self.form.client.presence_test(operation)
        if found is None:
            return
        self._learning, self._tried_with = found, self._user
        if found.operation.state != "running" and found.proposed:
            self.form.put_cursor(TAKE)
        self.form.show()

    @property
    def _user(self) -> str:
        return next((self.form.state.text(each) for each in self.form.page.fields if each.key == USER), "")

    def neighbour(self, key: str, stop: str) -> str:
        """Move between the field and the two answers."""
        if self._learning is None or not self._learning.proposed:
            return ""
        return neighbour([Cell(USER, 0), Cell(TAKE, 1, 0), Cell(LEAVE, 1, 1)], stop, key)

    async def enter(self, stop: str) -> bool:
        """Take what is proposed, pass the test over, or start it."""
        learning = self._learning
        if stop in (TAKE, LEAVE) and learning is not None:
            for key, value in learning.proposed.items() if stop == TAKE else ():
                self.form.answer(key, typed(value))
            await self.form.go("next")
        elif learning is not None and learning.operation.state == "running":
            self.form.tell("The test is running; then the presences of before are put back.")
        elif not self._user or (learning is not None and self._user == self._tried_with):
            await self.form.go("next")
        else:
            return False
        return True
