"""Who the program runs as: names looked up in the container's own passwd and group, never in the host's (and never through NSS).

The parsers are strict: a user is a name or a number, whole (CVE-2026-30892); a line of passwd that is not one is not taken for one.
"""

from __future__ import annotations

from contain.errors import ManifestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.host.model import Host
    from contain.spec.model import Spec

#: The kernel's ids have 32 bits, the last one means "none".
LARGEST = 0xFFFFFFFE


class User:
    """Resolved: ids, supplementary groups and home folder."""

    __slots__ = ("gid", "groups", "home", "uid")

    def __init__(self, uid: int, gid: int, groups: list[int], home: str) -> None:
        """All of it."""
        self.uid = uid
        self.gid = gid
        self.groups = groups
        self.home = home


def user_of(spec: Spec, host: Host) -> User:
    """The user of the spec: `--user` when given, else process.user; HOME from the container's passwd, else `/`."""
    row = spec.config["process"]["user"]
    additional = list(row.get("additionalGids") or ())
    if not spec.run.user:
        uid, gid = row.get("uid", 0), row.get("gid", 0)
        if spec.run.userns == "keep-id":
            uid, gid = host.euid, host.egid
        return User(uid, gid, additional, _home(host, uid))
    place = spec.origins.place("/process/user")
    name, colon, group = spec.run.user.partition(":")
    entry = _entry(host.root.passwd or "", name)
    uid = entry[0] if entry else _number(name)
    if uid is None:
        raise ManifestError(
            f"unable to find user {name}: no matching entries in passwd file",
            place=place,
            remedy="use a name of the container's /etc/passwd, or a number",
        )
    if colon:
        return User(uid, _group(host, group, place), additional, entry[2] if entry else "/")
    groups = sorted(_member_of(host.root.group or "", entry[3])) if entry else []
    return User(uid, entry[1] if entry else 0, groups + [gid for gid in additional if gid not in groups], entry[2] if entry else "/")


def _number(text: str) -> int | None:
    """A whole decimal number that is an id, or None."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 10:
        return None
    return int(text) if int(text) <= LARGEST else None


def _rows(text: str, fields: int) -> Iterator[list[str]]:
    """The well-formed lines of passwd or group."""
    for line in text.split("\n"):
        row = line.split(":")
        if len(row) == fields and row[0] and not line.startswith("#"):
            yield row


def _entry(passwd: str, user: str) -> tuple[int, int, str, str] | None:
    """(uid, gid, home, name) of a user by name, else by number."""
    by_number = None
    for name, _, uid, gid, _, home, _ in _rows(passwd, 7):
        numbers = _number(uid), _number(gid)
        if numbers[0] is None or numbers[1] is None:
            continue
        if name == user:
            return numbers[0], numbers[1], home or "/", name
        if by_number is None and _number(user) == numbers[0]:
            by_number = numbers[0], numbers[1], home or "/", name
    return by_number


def _home(host: Host, uid: int) -> str:
    """The home folder of a uid in the container."""
    entry = _entry(host.root.passwd or "", str(uid))
    return entry[2] if entry else "/"


def _group(host: Host, group: str, place: str) -> int:
    """The gid of a group by name, else by number."""
    for name, _, gid, _ in _rows(host.root.group or "", 4):
        number = _number(gid)
        if name == group and number is not None:
            return number
    number = _number(group)
    if number is None:
        raise ManifestError(
            f"unable to find group {group}: no matching entries in group file",
            place=place,
            remedy="use a name of the container's /etc/group, or a number",
        )
    return number


def _member_of(text: str, user: str) -> Iterator[int]:
    """The gids of the groups that list a user."""
    for _, _, gid, members in _rows(text, 4):
        number = _number(gid)
        if number is not None and user in members.split(","):
            yield number
