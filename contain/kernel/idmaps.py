"""Id maps of user namespaces, and the ranges that /etc/subuid and /etc/subgid give."""

from __future__ import annotations

from contain.kernel.files import text
from contain.kernel.record import Record

#: What the initial user namespace maps.
ALL = 4294967295


class IdMap(Record):
    """One line of /proc/PID/uid_map: `count` ids from `inside` on are `outside` on in the parent."""

    inside: int
    outside: int
    count: int


class Range(Record):
    """Ids that a user may map: `count` from `start` on."""

    start: int
    count: int


def parse(data: str) -> list[IdMap]:
    """The lines of a uid_map or gid_map."""
    rows = [[int(one) for one in line.split()] for line in data.splitlines()]
    return [IdMap(inside=row[0], outside=row[1], count=row[2]) for row in rows if len(row) == 3]


def id_map(kind: str, pid: int | str = "self") -> list[IdMap]:
    """`kind` is "uid" or "gid"; empty when it cannot be read or was not written yet."""
    return parse(text(f"/proc/{pid}/{kind}_map"))


def is_initial(table: list[IdMap]) -> bool:
    """Whether this is the map of the host's own user namespace (or of one that looks just like it)."""
    return [(row.inside, row.outside, row.count) for row in table] == [(0, 0, ALL)]


def ranges(path: str, user: str, uid: int) -> list[Range]:
    """The ranges that /etc/subuid or /etc/subgid gives to a user, by name or number; what is malformed is skipped as shadow does."""
    return [found for name, found in _lines(path) if name in {user, str(uid)}]


def first_free(*paths: str) -> int:
    """The first id from 100000 on that no line of these files gives away."""
    return max([100_000, *(found.start + found.count for path in paths for _, found in _lines(path))])


def _lines(path: str) -> list[tuple[str, Range]]:
    rows = []
    for line in text(path).splitlines():
        fields = line.strip().split(":")
        if len(fields) != 3 or not fields[0] or fields[0].startswith("#"):
            continue
        if fields[1].isdecimal() and fields[2].isdecimal() and int(fields[2]) > 0 and int(fields[1]) + int(fields[2]) <= ALL:
            rows.append((fields[0], Range(start=int(fields[1]), count=int(fields[2]))))
    return rows
