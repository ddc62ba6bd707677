"""Requests about the guided set-up."""

from engine.api.client import ApiClient
from engine.api.resources import VERSION_1
from engine.api.schema.access import AccessPageQuestion, AccessUsers
from engine.api.schema.live import TodaysNotes
from engine.api.schema.operations import Operation
from engine.api.schema.setup import (
    Setup,
    SetupAnswers,
    SetupAnswersFile,
    SetupApplied,
    SetupBeginning,
    SetupCheckQuestion,
    SetupEvent,
    SetupMachine,
    SetupNotesQuestion,
    SetupOptions,
    SetupOptionsQuestion,
)
from engine.api.schema.setup_users import SetupUsersPage, SetupUsersQuestion

SETUP = f"{VERSION_1}/setup"


class SetupRequests:
    """Requests about the guided set-up. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def under_way(self) -> Setup | None:
        """Return the set-up in progress, None if there is none."""
        return await self._api.find(SETUP, Setup)

    async def machine(self) -> SetupMachine:
        """Return what a set-up needs of the machine that the engine runs on."""
        return await self._api.get(f"{SETUP}/machine", SetupMachine)

    async def begin(self, question: SetupBeginning) -> Setup:
        """Start a set-up."""
        return await self._api.post(SETUP, Setup, question)

    async def state(self) -> Setup:
        """Return the set-up in progress."""
        return await self._api.get(SETUP, Setup)

    async def answer(self, answers: SetupAnswers) -> Setup:
        """Send answers, and go to a page."""
        return await self._api.patch(SETUP, Setup, answers)

    async def take_over(self, question: SetupBeginning) -> Setup:
        """Go on with the set-up that somebody else is at."""
        return await self._api.post(f"{SETUP}/person", Setup, question)

    async def discard(self) -> SetupEvent:
        """Give the set-up up; what was typed is lost."""
        return await self._api.delete(SETUP, SetupEvent)

    async def options(self, question: SetupOptionsQuestion) -> SetupOptions:
        """Search the options of a field."""
        return await self._api.get(f"{SETUP}/options", SetupOptions, question)

    async def users(self, question: SetupUsersQuestion) -> SetupUsersPage:
        """Return users that take part, or are left out."""
        return await self._api.get(f"{SETUP}/users", SetupUsersPage, question)

    async def access(self, question: AccessPageQuestion) -> AccessUsers:
        """Return users whose calendars the check of everybody's access has tried."""
        return await self._api.get(f"{SETUP}/access", AccessUsers, question)

    async def notes(self, question: SetupNotesQuestion) -> TodaysNotes:
        """Return the notes that today's appointments give with the answers."""
        return await self._api.get(f"{SETUP}/notes", TodaysNotes, question)

    async def answers_file(self) -> SetupAnswersFile:
        """Return the answers as a file."""
        return await self._api.get(f"{SETUP}/answers", SetupAnswersFile)

    async def check(self, question: SetupCheckQuestion) -> Operation:
        """Start a check of the current page."""
        return await self._api.post(f"{SETUP}/check", Operation, question)

    async def stop_check(self) -> Setup:
        """Stop the check of the current page."""
        return await self._api.delete(f"{SETUP}/check", Setup)

    async def apply(self) -> SetupApplied:
        """Apply the set-up."""
        return await self._api.post(f"{SETUP}/apply", SetupApplied)
