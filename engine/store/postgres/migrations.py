"""The schema of the shared database: made once, changed by additions, and checked by every engine that starts."""

from engine.store.errors import DatabaseNotPrepared, DatabaseOfNewerVersion
from engine.store.postgres.database import Connection

SHARDS, LEASE_SECONDS = 64, 10
"""What a cluster begins with; both change only while all engines are stopped."""

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(1667329125, 1)"
"""The first number is "cale" in bytes."""

_SCHEMA_1 = """
CREATE FUNCTION calendar_engine.clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()';
CREATE TABLE calendar_engine.cluster (
    one bool PRIMARY KEY DEFAULT true CHECK (one),
    id uuid NOT NULL,
    schema int NOT NULL,
    oldest int NOT NULL,
    shards smallint NOT NULL CHECK (shards BETWEEN 1 AND 1024),
    lease_seconds smallint NOT NULL CHECK (lease_seconds BETWEEN 5 AND 60),
    settled text NOT NULL DEFAULT '',
    settings bigint NOT NULL DEFAULT 0,
    secrets bigint NOT NULL DEFAULT 0,
    pbx text,
    contact text,
    let_through text,
    log_in_salt bytea NOT NULL
);
CREATE TABLE calendar_engine.term (
    term uuid PRIMARY KEY,
    node text NOT NULL CHECK (node ~ '^[A-Za-z0-9._-]{1,63}$'),
    role text NOT NULL,
    able bool NOT NULL DEFAULT false,
    draining bool NOT NULL DEFAULT false,
    beat bigint NOT NULL DEFAULT 0,
    began timestamptz NOT NULL DEFAULT calendar_engine.clock(),
    seen timestamptz NOT NULL DEFAULT calendar_engine.clock(),
    ended timestamptz,
    ended_by uuid,
    version text NOT NULL,
    schema int NOT NULL,
    keys text[] NOT NULL,
    settings bigint NOT NULL DEFAULT 0,
    figures jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);
CREATE TABLE calendar_engine.shard (
    shard smallint PRIMARY KEY,
    term uuid REFERENCES calendar_engine.term,
    token bigint NOT NULL DEFAULT 0,
    since timestamptz NOT NULL DEFAULT calendar_engine.clock()
) WITH (fillfactor = 50);
CREATE TABLE calendar_engine.presence (
    guid text PRIMARY KEY,
    shard smallint NOT NULL,
    token bigint NOT NULL,
    at timestamptz NOT NULL,
    activity text,
    note text,
    expires timestamptz,
    intended_activity text,
    intended_note text,
    intended_expires timestamptz,
    leftovers text[] NOT NULL DEFAULT '{}',
    suspect bool NOT NULL DEFAULT false,
    let_go bool NOT NULL DEFAULT false,
    hint jsonb
) WITH (fillfactor = 80);
CREATE INDEX presence_shard ON calendar_engine.presence (shard);
CREATE TABLE calendar_engine.settings_version (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    node text NOT NULL,
    uid bigint,
    pid bigint,
    "user" text,
    action text NOT NULL,
    differences text NOT NULL,
    text text NOT NULL,
    confirm_until timestamptz,
    previous bigint NOT NULL,
    returns_to bigint
);
CREATE TABLE calendar_engine.audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    node text NOT NULL,
    uid bigint NOT NULL,
    pid bigint NOT NULL,
    "user" text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL
);
CREATE INDEX audit_action ON calendar_engine.audit (action, id);
CREATE TABLE calendar_engine.secret (
    name text PRIMARY KEY,
    sealed bytea NOT NULL,
    key text NOT NULL,
    since timestamptz NOT NULL
);
CREATE TABLE calendar_engine.setup (
    one bool PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL,
    node text NOT NULL,
    state text NOT NULL
);
CREATE TABLE calendar_engine.log_in (
    kind text NOT NULL,
    name text NOT NULL,
    attempts text NOT NULL DEFAULT '[]',
    term uuid,
    until timestamptz,
    PRIMARY KEY (kind, name)
);
CREATE TABLE calendar_engine.tenant_facts (
    tenant_id text NOT NULL,
    client_id text NOT NULL,
    facts text NOT NULL,
    PRIMARY KEY (tenant_id, client_id)
);
CREATE FUNCTION calendar_engine.incarnation() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE concat_ws('/',
        (SELECT system_identifier FROM pg_control_system()),
        extract(epoch FROM pg_postmaster_start_time()),
        'calendar_engine.shard'::regclass::oid,
        pg_relation_filenode('calendar_engine.shard')
    ) END
$$;
REVOKE ALL ON SCHEMA calendar_engine FROM PUBLIC;
GRANT USAGE ON SCHEMA calendar_engine TO calendar_engine, calendar_engine_view;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA calendar_engine TO calendar_engine;
GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA calendar_engine TO calendar_engine;
GRANT SELECT ON calendar_engine.cluster, calendar_engine.term, calendar_engine.shard TO calendar_engine_view
"""

MIGRATIONS = (_SCHEMA_1,)
"""Each raises the schema by one version and only adds, so that engines of the version before go on beside it; released
ones never change."""

SCHEMA = len(MIGRATIONS)


async def prepare(connection: Connection, *, shards: int = SHARDS, lease_seconds: int = LEASE_SECONDS) -> None:
    """Make the schema, or bring it up to date, in a long-running transaction of the role that owns it.

    The roles `calendar_engine` and `calendar_engine_view` must exist. Raises `DatabaseNotPrepared` if the database
    cannot hold every text, and `DatabaseOfNewerVersion`.
    """
    await connection.execute(ONE_AT_A_TIME)
    encoding = await _value(connection, "SHOW server_encoding")
    if encoding != "UTF8":
        raise DatabaseNotPrepared(f"its encoding is {encoding}, not UTF8")
    for statements in await missing(connection, shards=shards, lease_seconds=lease_seconds):
        await connection.execute(statements)


async def missing(
    connection: Connection, *, shards: int = SHARDS, lease_seconds: int = LEASE_SECONDS
) -> tuple[str, ...]:
    """Return the statements that bring the schema up to date, none if it is. Raises `DatabaseOfNewerVersion`."""
    version, oldest = await _version(connection)
    if oldest > SCHEMA:
        raise DatabaseOfNewerVersion(f"its schema is {version}, this version knows {SCHEMA}")
    return statements_from(version, shards=shards, lease_seconds=lease_seconds)


def statements_from(version: int, *, shards: int = SHARDS, lease_seconds: int = LEASE_SECONDS) -> tuple[str, ...]:
    """Return the statements that bring a schema of that version up to date; 0: there is none yet."""
    if version >= SCHEMA:
        return ()
    if version:
        return (*MIGRATIONS[version:], _RAISED.format(schema=SCHEMA))
    return (_MAKE_SCHEMA, *MIGRATIONS, _FIRST.format(schema=SCHEMA, shards=shards, lease_seconds=lease_seconds))


async def check_schema(connection: Connection) -> None:
    """Raise `DatabaseNotPrepared` or `DatabaseOfNewerVersion` if this version cannot work with the schema as it is."""
    version, oldest = await _version(connection)
    if version < SCHEMA:
        raise DatabaseNotPrepared(f"its schema is {version or 'missing'}, this version needs {SCHEMA}")
    if oldest > SCHEMA or version > SCHEMA + 1:
        raise DatabaseOfNewerVersion(f"its schema is {version}, this version knows {SCHEMA}")


_RAISED = "UPDATE calendar_engine.cluster SET schema = {schema:d}"
_MAKE_SCHEMA = """
DO $$ BEGIN IF to_regnamespace('calendar_engine') IS NULL THEN CREATE SCHEMA calendar_engine; END IF; END $$
"""
_FIRST = """
INSERT INTO calendar_engine.cluster (id, schema, oldest, shards, lease_seconds, log_in_salt)
VALUES (gen_random_uuid(), {schema:d}, {schema:d}, {shards:d}, {lease_seconds:d},
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
INSERT INTO calendar_engine.shard (shard) SELECT generate_series(0, {shards:d} - 1)
"""


async def _version(connection: Connection) -> tuple[int, int]:
    """Return the version of the schema and the oldest version of the code that may use it; 0 if there is none."""
    if await _value(connection, "SELECT to_regclass('calendar_engine.cluster')") is None:
        return 0, 0
    row = await (await connection.execute("SELECT schema, oldest FROM calendar_engine.cluster")).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


async def _value(connection: Connection, statement: str) -> object:
    row = await (await connection.execute(statement)).fetchone()
    return None if row is None else row[0]
