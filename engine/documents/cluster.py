"""The engines that share their users: how each is, what it has, and the database between them."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from types import MappingProxyType

from engine.api.schema.cluster import Cluster, ClusterNode, ClusterState, EndedTerm, NodeCondition
from engine.display import counted
from engine.documents.columns import columns, shortened
from engine.documents.lines import Document, Line, Role, Span, cut, fitted, labelled, line, wrapped
from engine.documents.links import FIGURES
from engine.documents.quantities import age, clock

NODE = "node:"
"""Prefix of line keys."""

CONDITIONS: Mapping[NodeCondition, Span] = MappingProxyType(
    {
        "working": Span("✓ working", Role.GOOD),
        "standby": Span("· standby", Role.MUTED),
        "not able": Span("! not able", Role.NOTICE),
        "draining": Span("… draining", Role.NOTICE),
        "drained": Span("! drained", Role.NOTICE),
        "silent": Span("✗ silent", Role.PROBLEM),
    }
)

NAME, LONGEST_NAME, WORD, REMARK = 9, 16, 12, 17
"""The least and the most columns of a node's name, those of the word for its condition, and those of a remark."""

IN_TABLE = 22
"""Columns of names in the table."""

WIDE = 96
"""From this width on the table has the versions of the program as well."""

RECENTLY = timedelta(hours=1)
"""For how long it is told that another run of the database's server was seen."""

MEANINGS: Mapping[NodeCondition, str] = MappingProxyType(
    {
        "not able": "It cannot write presences now: look at its links, with calendar-engine status on its machine.",
        "drained": "It has handed over its users, and gets none before it is undrained.",
        "silent": "It was not heard of for the time of a lease: others take its users. Look at its machine.",
    }
)
"""What to know about conditions that are unusual."""


def cluster_document(cluster: Cluster, zone: tzinfo, now: datetime, width: int) -> Document:
    """Return the whole cluster: nodes, shards, the database, and who is gone."""
    state = cluster.state
    if state is None:
        return Document([line("This engine works alone: it shares its users with no other.")])
    lines = [*table(state, width), line(), *_shards(state, width), *_database(state, zone, now, width)]
    if cluster.ended:
        lines += [line(), line(Span(" Ended within the last day", Role.TITLE))]
        lines += [_ended(each, zone, now, width) for each in cluster.ended]
    return Document(lines)


def table(state: ClusterState, width: int) -> Iterator[Line]:
    """Yield a line for each node below the heads of the columns, with what to know about it."""
    version = "  version" if width >= WIDE else ""
    yield line(
        Span(f"   {'node':<{IN_TABLE}} {'state':<10} role     shards   users     beat  settings{version}", Role.TITLE)
    )
    if not state.nodes:
        yield line(Span("   none is known yet", Role.MUTED))
    for node in state.nodes:
        yield _row(node, state, width)
        if (meaning := MEANINGS.get(node.condition)) is not None:
            yield from wrapped(meaning, width - 1, "     ", Role.NOTICE)
        if node.halted:
            what = f"It does not write {counted(node.halted, 'shard')}, which another program wrote as well."
            text = f"{what} Stop that one, then: calendar-engine cluster resume {node.name}"
            yield from wrapped(text, width - 1, "     ", Role.PROBLEM)
        if node.behind:
            text = f"Settings {node.settings} are in force on it; {state.settings} is the newest version."
            yield from wrapped(text, width - 1, "     ", Role.NOTICE)
    if not state.member and state.nodes:
        yield from wrapped(f"{state.node}, which answers, waits to become a member.", width - 1, "   ", Role.NOTICE)
    versions = sorted({each.version for each in state.nodes})
    if versions[1:]:
        of_each = ", ".join(f"{each.name} {each.version}" for each in state.nodes)
        yield from wrapped(f"The versions differ: {of_each}.", width - 1, "   ", Role.NOTICE)


def _row(node: ClusterNode, state: ClusterState, width: int) -> Line:
    mark, _, word = CONDITIONS[node.condition].text.partition(" ")
    role = CONDITIONS[node.condition].role
    own = " (this)" if node.own else ""
    settings = f"! {node.settings}" if node.behind else f"{node.settings}"
    parts: list[str | Span] = [
        Span(f" {mark} ", role),
        fitted(f"{shortened(node.name, IN_TABLE - len(own))}{own}", IN_TABLE),
        " ",
        Span(f"{word:<10}", role),
        f" {node.role:<8} {node.shards:>6} {node.users:>7,}",
        Span(f" {_beat(node.quiet_seconds):>8}", Role.NOTICE if _is_late(node, state) else Role.MUTED),
        Span(f"  {settings:>8}", Role.NOTICE if node.behind else Role.PLAIN),
    ]
    if width >= WIDE:
        parts.append(Span(f"  {cut(node.version, width - 80)}", Role.MUTED))
    return line(*parts, key=f"{NODE}{node.name}")


def _beat(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 99.5 else age(seconds)


def _is_late(node: ClusterNode, state: ClusterState) -> bool:
    """Return whether two beats of a node are missing."""
    return node.quiet_seconds > state.lease_seconds * 2 / 5


def _shards(state: ClusterState, width: int) -> Iterator[Line]:
    confirmed = "" if state.lease_age is None else f", confirmed {state.lease_age:.1f} s ago"
    lease = f"lease {state.lease_seconds:g} s{confirmed}"
    if is_left_alone(state):
        waited = f" for {age(state.ownerless_seconds or 0)}"
        text = f"! {state.ownerless} of {state.shards} have no owner{waited} · {lease}"
        yield from labelled(" Shards    ", text, width - 1, Role.NOTICE)
    elif state.ownerless:
        text = f"… {state.ownerless} of {state.shards} about to be taken · {lease}"
        yield from labelled(" Shards    ", text, width - 1)
    else:
        yield from labelled(" Shards    ", f"✓ all {state.shards} have an owner · {lease}", width - 1)
    if state.takeovers:
        taken = counted(state.takeovers, "shard")
        yield from wrapped(f"{state.node} has taken {taken} of nodes that were gone.", width - 1, " " * 11, Role.MUTED)


def _database(state: ClusterState, zone: tzinfo, now: datetime, width: int) -> Iterator[Line]:
    database = state.database
    yield from labelled(
        " Database  ", f"{database_mark(state).text}  {database.place}", width - 1, database_mark(state).role
    )
    if database.trouble is not None:
        yield from wrapped(f"{database.trouble.title}: {database.trouble.detail}", width - 1, " " * 11, Role.PROBLEM)
        yield from wrapped(database.trouble.remedy, width - 1, " " * 11, Role.NOTICE)
    if database.changed is not None and now - database.changed < RECENTLY:
        text = f"changed at {clock(database.changed, zone, now)}: another run of its server, or another server"
        yield from wrapped(text, width - 1, " " * 11, Role.NOTICE)
    if database.clock_ahead is not None:
        ahead = f"{abs(database.clock_ahead):.1f} s {'behind' if database.clock_ahead < 0 else 'ahead of'}"
        text = f"its clock is {ahead} this machine's; nothing depends on that"
        yield from wrapped(text, width - 1, " " * 11, Role.MUTED)


def is_left_alone(state: ClusterState) -> bool:
    """Return whether some shards have no owner for longer than it takes to hand them over."""
    return state.ownerless > 0 and (state.ownerless_seconds or 0) >= state.lease_seconds


def database_mark(state: ClusterState) -> Span:
    """Return the state of the database."""
    match state.database.state:
        case "up":
            return Span("✓ up", Role.GOOD)
        case "slow":
            return Span("! slow", Role.NOTICE)
        case _:
            return Span("✗ away", Role.PROBLEM)


def _ended(term: EndedTerm, zone: tzinfo, now: datetime, width: int) -> Line:
    if term.by_itself:
        how = "has left"
    else:
        how = f"was gone without a word, noted by {term.by}" if term.by else "was gone without a word"
    ran = f", after {age((term.ended - term.began).total_seconds())}"
    at = f"   {clock(term.ended, zone, now):<13}"
    return line(Span(at, Role.MUTED), cut(f"{term.node} {how}{ran}", width - columns(at) - 1))


def node_lines(
    state: ClusterState,
    zone: tzinfo,
    now: datetime,
    width: int,
    most: int,
    *,
    known_until: datetime | None = None,
) -> Iterator[Line]:
    """Yield how the nodes are below the links of an overview, at most so many, and what is amiss between them.

    `known_until` is when the engine answered last, None if it does.
    """
    name = min(LONGEST_NAME, max((NAME, *(columns(each.name) for each in state.nodes))))
    place = max(FIGURES, name + WORD + REMARK + 4)
    for node in state.nodes[: most if len(state.nodes) <= most else most - 1]:
        mark, remark = CONDITIONS[node.condition], _remark(node, state)
        if known_until is not None:
            mark, remark = Span("? unknown", Role.MUTED), Span(f"was {node.condition}", Role.MUTED)
        start = (f" {fitted(shortened(node.name, name), name)} ", mark._replace(text=f"{mark.text:<{WORD}}"), remark)
        used = name + 2 + WORD + columns(remark.text)
        figures = f"{counted(node.users, 'user')}  {counted(node.shards, 'shard')}"
        lag = Span(_lag(node), Role.NOTICE)
        gap = " " * max(2, place - used)
        left = max(0, width - max(place, used + 2) - 1)
        yield line(*start, gap, cut(figures, left), lag._replace(text=cut(lag.text, max(0, left - len(figures)))))
    if len(state.nodes) > most:
        yield line(Span(f" … {len(state.nodes) - most + 1} more nodes; N shows all", Role.MUTED))
    if not state.member:
        yield line(f" {fitted(state.node, name)} ", Span("· waiting to be a member", Role.NOTICE))
    if is_left_alone(state):
        waited = age(state.ownerless_seconds or 0)
        text = f"! {state.ownerless} of {state.shards} without an owner for {waited}"
        yield line(f" {'Shards':<{name}} ", Span(cut(text, width - name - 3), Role.NOTICE))
    changed = state.database.changed
    if state.database.state == "up" and changed is not None and now - changed < RECENTLY:
        mark = Span(f"{'! changed':<{WORD}}", Role.NOTICE)
        at = Span(f"at {clock(changed, zone, now)}: another run of the server, or another one", Role.MUTED)
        yield line(f" {'Database':<{name}} ", mark, at._replace(text=cut(at.text, max(0, width - name - WORD - 3))))
    if state.database.state != "up":
        since = "" if state.database.since is None else f"since {clock(state.database.since, zone, now)}"
        mark = database_mark(state)
        yield line(f" {'Database':<{name}} ", mark._replace(text=f"{mark.text:<{WORD}}"), Span(since, Role.MUTED))


def _lag(node: ClusterNode) -> str:
    if node.halted:
        return "  ! writing halted"
    return f"  ! settings {node.settings}" if node.behind else ""


def _remark(node: ClusterNode, state: ClusterState) -> Span:
    if _is_late(node, state):
        return Span(f"no beat for {age(node.quiet_seconds)}", Role.NOTICE)
    return Span("this node" if node.own else node.role, Role.MUTED)
