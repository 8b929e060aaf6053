"""Who is mapped to whom in a new user namespace, and how the map gets written."""

from __future__ import annotations

from contain.errors import HostError
from contain.plan.compile.users import user_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from contain.host.model import Host
    from contain.kernel.idmaps import Range
    from contain.spec.model import Spec

    Line = tuple[int, int, int]  # id inside, id of the host, how many

#: Fewer ids than a whole system's are no reason to refuse, but nobody wants more than these from one run.
WANTED = 65536
NOBODY = 65534
#: The first of 2**28 ids that no distribution, no systemd and no /etc/subuid gives to anybody (systemd, UIDS-GIDS).
UNOWNED = 0x70000000


class Maps:
    """The two maps of a new user namespace; `chosen` says that contain chose them, not the manifest."""

    __slots__ = ("chosen", "gid", "uid")

    def __init__(self, uid: list[Line], gid: list[Line], *, chosen: bool) -> None:
        """Lines are (inside, host, count)."""
        self.uid = uid
        self.gid = gid
        self.chosen = chosen


def has_new_userns(spec: Spec) -> bool:
    """Whether the container gets a user namespace of its own."""
    return spec.namespaces().get("user") == ""


def id_maps(spec: Spec, host: Host) -> Maps | None:
    """The maps of the new user namespace, None when there is none.

    The manifest's own are taken as they stand. Else: for who may map any id, a range of contain's own (/etc/subuid, else id 0 to 65534, or to
    ids that nobody owns when more than that one is needed), never to the host's root; for an ordinary user, himself as the container's user,
    and his ranges when the container needs more than that one id.
    """
    if not has_new_userns(spec):
        return None
    linux = spec.config["linux"]
    given = (linux.get("uidMappings") or [], linux.get("gidMappings") or [])
    if given[0] or given[1]:
        return Maps(_lines(given[0]), _lines(given[1]), chosen=False)
    if spec.run.userns == "keep-id":
        return _keep_id(host)
    user = user_of(spec, host)
    wants_more = user.uid != 0 or user.gid != 0 or bool(user.groups) or spec.kind == "aci"
    if _may_map_any(host):
        uid, gid = (_range_of(ranges, host, more=wants_more) for ranges in (host.userns.subuid, host.userns.subgid))
        return Maps(uid, gid, chosen=True)
    return Maps(
        _own(user.uid, host.euid, host.userns.subuid, more=wants_more and bool(host.userns.newuidmap)),
        _own(user.gid, host.egid, host.userns.subgid, more=wants_more and bool(host.userns.newgidmap)),
        chosen=True,
    )


def helper_for(lines: list[Line], own: int, host: Host, *, group: bool, place: Callable[[], str] = str) -> str:
    """The setuid program that must write these lines, "" when a direct write is allowed; HostError when neither is."""
    if _may_map_any(host) or (len(lines) == 1 and lines[0][1] == own and lines[0][2] == 1):
        return ""
    name = "newgidmap" if group else "newuidmap"
    helper = host.userns.newgidmap if group else host.userns.newuidmap
    if not helper:
        raise HostError(
            f"cannot map more than your own {'group' if group else 'user'} id: {name} is missing",
            place=place(),
            remedy=f"install {name} (package uidmap)",
        )
    ranges = host.userns.subgid if group else host.userns.subuid
    for inside, start, count in lines:
        if not (start == own and count == 1) and not any(r.start <= start and start + count <= r.start + r.count for r in ranges):
            file = "/etc/subgid" if group else "/etc/subuid"
            raise HostError(
                f"cannot map {inside} to {start} (and {count - 1} more): they are not yours",
                place=place(),
                remedy=f"use ids that {file} gives to you, or add a range there",
            )
    return helper


def text(lines: list[Line]) -> str:
    """As uid_map wants it."""
    return "".join(f"{inside} {start} {count}\n" for inside, start, count in lines)


def maps_zero(lines: list[Line]) -> bool:
    """Whether id 0 of the container is mapped."""
    return any(inside == 0 and count > 0 for inside, _, count in lines)


def _lines(rows: list[dict[str, int]]) -> list[Line]:
    return [(row["containerID"], row["hostID"], row["size"]) for row in rows]


def _may_map_any(host: Host) -> bool:
    return host.can("CAP_SETUID") and host.can("CAP_SETGID")


def _range_of(ranges: list[Range], host: Host, *, more: bool) -> list[Line]:
    """A range of contain's own that does not hold the host's root; else one id that owns nothing, or as many as that when more are needed."""
    for found in ranges:
        if found.start > 0 and found.count >= WANTED:
            return [(0, found.start, WANTED)]
    if more and host.userns.initial:
        return [(0, UNOWNED, WANTED)]
    mapped = max((entry.inside + entry.count - 1 for entry in host.userns.uid_map), default=NOBODY)
    return [(0, min(NOBODY, mapped), 1)]


def _own(inside: int, own: int, ranges: list[Range], *, more: bool) -> list[Line]:
    """The caller as `inside`, or, when more is wanted and had, himself as root and his range behind it."""
    best = max(ranges, key=lambda r: r.count, default=None)
    if not more or best is None or inside > best.count:
        return [(inside, own, 1)]
    return [(0, own, 1), (1, best.start, min(best.count, WANTED - 1))]


def _keep_id(host: Host) -> Maps:
    """The caller's ids seen as themselves; with a range, the others of the container around them."""
    if not _may_map_any(host):
        uid = _around(host.euid, host.userns.subuid if host.userns.newuidmap else [])
        gid = _around(host.egid, host.userns.subgid if host.userns.newgidmap else [])
        return Maps(uid, gid, chosen=True)
    return Maps(
        [(0, 0, WANTED)] if host.euid == 0 else [(host.euid, host.euid, 1)],
        [(0, 0, WANTED)] if host.egid == 0 else [(host.egid, host.egid, 1)],
        chosen=True,
    )


def _around(own: int, ranges: list[Range]) -> list[Line]:
    best = max(ranges, key=lambda r: r.count, default=None)
    if best is None or best.count <= own:
        return [(own, own, 1)]
    lines = [(0, best.start, own)] if own else []
    return [*lines, (own, own, 1), (own + 1, best.start + own, min(best.count, WANTED) - own)]
