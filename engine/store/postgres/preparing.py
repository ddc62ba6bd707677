"""Prepares the shared database with a role that may do so: roles, schema and tables, or the SQL of all that."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from psycopg import sql

from engine.core.secret import Secret
from engine.store.errors import DatabaseNeedsAdministrator, DatabaseRefused
from engine.store.postgres.address import DatabaseAddress
from engine.store.postgres.database import Connection, SharedDatabase
from engine.store.postgres.migrations import ONE_AT_A_TIME, check_schema, missing, prepare, statements_from
from engine.store.secrets import DATABASE_PASSWORD, SecretsMissing

T = TypeVar("T")

OWNER, ENGINE = "calendar_engine_owner", "calendar_engine"
"""The role that makes and changes tables, and the one that engines work as, or are members of."""


async def create(database: SharedDatabase, engines: DatabaseAddress, *, shards: int, lease_seconds: int) -> None:
    """Make what is missing of roles, schema and tables, so that engines can connect to the address of `engines`.

    If this makes the role there, it gets the password there. Raises `SecretsMissing` if there has to be one,
    `DatabaseNeedsAdministrator` if the role of the `database` may not do all that, and other failures of the database.
    """
    login, password = engines.role, engines.password

    async def make(connection: Connection) -> None:
        await connection.execute(ONE_AT_A_TIME)
        is_new = (await connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (login,))).rowcount == 0
        if is_new and not password and engines.is_proved_by_password:
            raise SecretsMissing(DATABASE_PASSWORD)
        await connection.execute(_roles(login))
        if is_new and password:
            await connection.execute(_with_password(connection, login, password))
        await connection.execute(_AS_OWNER)
        await prepare(connection, shards=shards, lease_seconds=lease_seconds)

    await _as_administrator(database, make)


async def migrate(database: SharedDatabase) -> int:
    """Bring the schema up to date, and return how many statements that took. Raises what `create` does."""

    async def change(connection: Connection) -> int:
        await connection.execute(_AS_OWNER)
        todo = await missing(connection)
        await prepare(connection)
        return len(todo)

    return await _as_administrator(database, change)


def script(login: str, *, shards: int, lease_seconds: int) -> str:
    """Return the SQL that `create` executes, for an administrator of the database who does it without this program."""
    todo = statements_from(0, shards=shards, lease_seconds=lease_seconds)
    return _transaction((_roles(login).as_string(None), _AS_OWNER, *todo))


async def script_of_changes(database: SharedDatabase) -> str:
    """Return the SQL that brings the schema up to date, "" if it is."""
    todo = await database.run(missing)
    return _transaction((_AS_OWNER, *todo)) if todo else ""


async def check_prepared(database: SharedDatabase) -> None:
    """Raise `DatabaseNotPrepared`, `DatabaseOfNewerVersion` or another failure unless engines can work with it."""
    await database.run(check_schema)


async def _as_administrator(database: SharedDatabase, work: Callable[[Connection], Awaitable[T]]) -> T:
    await database.run(_nothing)  # who is not let in has no lack of rights
    try:
        return await database.run(work, long_running=True)
    except DatabaseRefused as failure:
        raise DatabaseNeedsAdministrator(failure.detail) from failure


async def _nothing(connection: Connection) -> None:
    await connection.execute("SELECT")


def _transaction(statements: Sequence[str]) -> str:
    return "".join(f"{each.strip()};\n" for each in ("BEGIN", *statements, "COMMIT"))


def _roles(login: str) -> sql.Composed:
    others = _MEMBER if login != ENGINE else sql.SQL("")
    return sql.SQL(_ROLES).format(
        login=sql.SQL("LOGIN" if login == ENGINE else "NOLOGIN"),
        member=others.format(role=sql.Identifier(login), name=sql.Literal(login)),
    )


def _with_password(connection: Connection, role: str, password: Secret) -> sql.Composed:
    """Return the statement that sets a password, of which the server and its log are told a hash alone."""
    hashed = connection.pgconn.encrypt_password(password.reveal().encode(), role.encode(), b"scram-sha-256")
    return sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed.decode()))


_ROLES = """
DO $$
DECLARE
    mine record;
BEGIN
    SELECT rolsuper, rolsuper OR rolcreaterole AS makes_roles INTO mine FROM pg_roles WHERE rolname = current_user;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'calendar_engine') THEN
        CREATE ROLE calendar_engine {login};
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'calendar_engine_view') THEN
        CREATE ROLE calendar_engine_view;
    END IF;
    {member}
    IF mine.makes_roles AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'calendar_engine_owner') THEN
        CREATE ROLE calendar_engine_owner;
        IF NOT mine.rolsuper THEN
            GRANT calendar_engine_owner TO CURRENT_USER;
        END IF;
    END IF;
    IF mine.makes_roles AND to_regnamespace('calendar_engine') IS NULL THEN
        CREATE SCHEMA calendar_engine AUTHORIZATION calendar_engine_owner;
    END IF;
END $$
"""
_MEMBER = sql.SQL("""IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {name}) THEN
        CREATE ROLE {role} LOGIN;
    END IF;
    IF NOT pg_has_role({name}, 'calendar_engine', 'MEMBER') THEN
        GRANT calendar_engine TO {role};
    END IF;""")

_AS_OWNER = """
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'calendar_engine');
BEGIN
    IF owner <> current_user THEN
        EXECUTE format('SET LOCAL ROLE %I', owner);
    END IF;
END $$
"""
"""What is made belongs to the owner of the schema, so that the same role can change it later."""
