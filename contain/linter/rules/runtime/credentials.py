"""RUN2, second half: whom the process runs as: ids, capabilities, labels."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from contain.linter.fix import Fix
from contain.linter.near import nearest
from contain.linter.ranges import number
from contain.linter.reading import each, entries, get, has_namespace, known, namespace, once, once_each
from contain.linter.registry import about, rule
from contain.linter.rules.runtime.facts import capability_sets, mounts
from contain.linux import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str] | tuple[str, str, Fix | str]]


_KNOWN = frozenset(CAPABILITIES)


@once_each
def _sets(config: Any) -> Iterator[tuple[str, str, str]]:
    for pointer, name, items in entries(config, "process", "capabilities"):
        if items.__class__ is list:
            yield from ((f"{pointer}/{index}", name, text) for index, text in enumerate(items) if text.__class__ is str)


_NONE: frozenset[str] = frozenset()


def _all_known(config: Any) -> bool:
    sets = capability_sets(config)
    return sets is not None and all(names <= _KNOWN for names in sets.values())


def _within(config: Any, name: str, *others: str) -> bool:
    """Whether it is sure that one set has nothing that each of the others lacks."""
    sets = capability_sets(config)
    if sets is None:
        return False
    names = sets.get(name)
    return not names or all(names <= sets.get(other, _NONE) for other in others)


@rule
@about("process/capabilities", only="process/capabilities")
def capability_spelling(config: Any) -> Found:
    """RUN221 capability-spelling: a capability is written CAP_ and upper-case letters.

    runc warns and drops what it does not know; crun takes other spellings too.

    section: config.md / Linux process
    rows: RC32
    bad: {"process": {"capabilities": {"bounding": ["cap_chown", "KILL"]}}}
    good: {"process": {"capabilities": {"bounding": ["CAP_CHOWN", "CAP_KILL"]}}}
    """
    if _all_known(config):
        return
    for pointer, _, text in _sets(config):
        if text not in _KNOWN and not (text.startswith("CAP_") and text.isupper()):
            right = "CAP_" + text.upper().removeprefix("CAP_")
            known = right in CAPABILITIES
            fix: Fix | str = Fix(f"write {right}", replace=(pointer, right)) if known else ""
            yield pointer, f"{text[:40]!r} is no name of a capability{f', {right} is' if known else ''}", fix


@rule
@about("process/capabilities", only="process/capabilities")
def capability_unknown(config: Any) -> Found:
    """RUN222 capability-unknown: a capability is one that a kernel has.

    Runtimes warn and leave it out.

    section: config.md / Linux process
    severity: warning
    rows: RC32
    bad: {"process": {"capabilities": {"bounding": ["CAP_SYS_ADMN"]}}}
    good: {"process": {"capabilities": {"bounding": ["CAP_SYS_NICE"]}}}
    """
    if _all_known(config):
        return
    for pointer, _, text in _sets(config):
        if text not in _KNOWN and text.startswith("CAP_") and text.isupper():
            near = nearest(text, CAPABILITIES)
            yield pointer, f"no kernel has {text[:40]}{f'; did you mean {near}?' if near else ''}"


def _set(config: Any, name: str) -> frozenset[str]:
    return frozenset(known(config, "process", "capabilities", name) or ())


@rule
@about("process/capabilities", only="process/capabilities")
def effective_permitted(config: Any) -> Found:
    """RUN223 effective-not-permitted: effective capabilities are also permitted.

    capset(2) refuses it, so the container does not start.

    section: config.md / Linux process
    blocking: yes
    rows: RC33
    bad: {"process": {"capabilities": {"effective": ["CAP_KILL"], "permitted": [], "bounding": ["CAP_KILL"]}}}
    good: {"process": {"capabilities": {"effective": ["CAP_KILL"], "permitted": ["CAP_KILL"], "bounding": ["CAP_KILL"]}}}
    """
    if _within(config, "effective", "permitted"):
        return
    permitted = _set(config, "permitted")
    # what no kernel knows is left out with a warning
    lost = {text: pointer for pointer, name, text in _sets(config) if name == "effective" and text not in permitted and text in _KNOWN}
    if lost:
        words = f"{', '.join(lost)} {'is' if len(lost) == 1 else 'are'} effective and not permitted, which the kernel refuses"
        yield next(iter(lost.values())), words


@rule
@about("process/capabilities", only="process/capabilities")
def ambient(config: Any) -> Found:
    """RUN224 ambient-not-inheritable: ambient capabilities are also permitted and inheritable.

    The kernel raises no other; runc goes on without, so the program lacks them.

    section: config.md / Linux process
    severity: warning
    rows: RC33
    bad: {"process": {"capabilities": {"ambient": ["CAP_KILL"], "permitted": ["CAP_KILL"], "bounding": ["CAP_KILL"]}}}
    good: {"process": {"capabilities": {"ambient": ["CAP_KILL"], "inheritable": ["CAP_KILL"], "permitted": ["CAP_KILL"], "bounding": ["CAP_KILL"]}}}
    """
    if _within(config, "ambient", "permitted", "inheritable"):
        return
    allowed = _set(config, "permitted") & _set(config, "inheritable")
    lost = {text: pointer for pointer, name, text in _sets(config) if name == "ambient" and text not in allowed}
    if lost:
        yield (
            next(iter(lost.values())),
            f"{', '.join(lost)} {'is' if len(lost) == 1 else 'are'} ambient, and not both permitted and inheritable",
        )


@rule
@about("process/capabilities", only="process/capabilities")
def above_bounding(config: Any) -> Found:
    """RUN225 above-bounding: no set holds more than the bounding set.

    What is not in the bounding set is lost at the next execve, or refused.

    section: config.md / Linux process
    severity: warning
    rows: RC33
    bad: {"process": {"capabilities": {"bounding": [], "permitted": ["CAP_KILL"]}}}
    good: {"process": {"capabilities": {"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"]}}}
    """
    if _within(config, "permitted", "bounding") and _within(config, "inheritable", "bounding"):
        return
    bounding = _set(config, "bounding")
    for pointer, name, text in _sets(config):
        if name in ("permitted", "inheritable") and text not in bounding:
            yield pointer, f"{text[:40]} is {name} and not in the bounding set"


@rule
def user_ids(config: Any) -> Found:
    """RUN226 user-ids: user has uid and gid.

    Runtimes take 0, which is root, for what is left out.

    section: config.md / User
    rows: RC34
    bad: {"process": {"user": {"uid": 1000, "gid": null}}}
    good: {"process": {"user": {"uid": 1000, "gid": 1000}}}
    """
    process = get(config, "process")
    if process is None or ("windows" in config and "linux" not in config):
        return
    user = process.get("user")
    if user is None:
        yield "/process/user", "process.user is missing: the process would be root"
        return
    for name in ("uid", "gid"):
        if name not in user:
            yield f"/process/user/{name}", f"process.user.{name} is missing: it would be 0"


def _ends(config: Any, name: str) -> list[int]:
    """Where what is mapped begins and ends, by turns, in order; nothing when that cannot be said."""
    maps = known(config, "linux", name) or ()
    if not all({"containerID", "size"} <= item.keys() for item in maps):
        return []
    found: list[int] = []
    for start, size in sorted((item["containerID"], item["size"]) for item in maps):
        if found and start <= found[-1]:
            found[-1] = max(found[-1], start + size)
        else:
            found += [start, start + size]
    return found


@once
def _uids(config: Any) -> list[int]:
    return _ends(config, "uidMappings")


@once
def _gids(config: Any) -> list[int]:
    return _ends(config, "gidMappings")


def _mapped(config: Any, name: str, number: int) -> bool:
    """Whether an id is mapped, or that cannot be said."""
    ends = (_uids if name == "uidMappings" else _gids)(config)
    return not ends or bisect_right(ends, number) % 2 == 1


@rule
def unmapped_ids(config: Any) -> Found:
    """RUN227 unmapped-id: the ids of the process are mapped in its user namespace.

    The kernel has no other ids there: setuid(2) fails, and so does a mount whose options uid= and gid= name them.

    section: config-linux.md / User namespace mappings
    blocking: yes
    rows: RC35
    bad: {"process": {"user": {"uid": 5, "gid": 0}}, "linux": {"namespaces": [{"type": "user"}, {"type": "mount"}], "uidMappings": [{"containerID":
      0, "hostID": 1000, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}}
    good: {"process": {"user": {"uid": 0, "gid": 0}}, "linux": {"namespaces": [{"type": "user"}, {"type": "mount"}], "uidMappings":
      [{"containerID": 0, "hostID": 1000, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}}
    """
    if not has_namespace(config, "user"):
        return
    user = get(config, "process", "user") or {}
    groups = [("/process/user/gid", user.get("gid")), *each(config, "process", "user", "additionalGids")]
    for name, numbers in (("uidMappings", [("/process/user/uid", user.get("uid"))]), ("gidMappings", groups)):
        lost = {number: pointer for pointer, number in reversed(numbers) if number is not None and not _mapped(config, name, number)}
        if lost:
            words = f"the id {next(iter(lost))} is" if len(lost) == 1 else f"the ids {', '.join(map(str, sorted(lost)))} are"
            yield list(lost.values())[-1], f"{words} not mapped in the container's user namespace (linux.{name})"
    for pointer, mount in mounts(config):
        for index, text in enumerate(mount.get("options") or ()):
            kind, _, digits = text.partition("=") if text.__class__ is str else ("", "", "")
            id = number(digits) if kind in ("uid", "gid") else None
            if id is not None and not _mapped(config, f"{kind}Mappings", id):
                yield (
                    f"{pointer}/options/{index}",
                    f"the id {id} is not mapped in the container's user namespace (linux.{kind}Mappings)",
                )


@rule
@about("process/user/umask")
def umask(config: Any) -> Found:
    """RUN228 umask-range: umask is a number from 0 to 511.

    It is written decimal: 022 is 18. The kernel cuts off the rest.

    section: config.md / POSIX user
    severity: warning
    rows: RC36
    bad: {"process": {"user": {"umask": 777}}}
    good: {"process": {"user": {"umask": 18}}}
    """
    value = get(config, "process", "user", "umask")
    if value is not None and value > 0o777:
        yield "/process/user/umask", f"umask {value} is above 511, which is 0777: it is a decimal number"


@rule
@about("process/apparmorProfile", "process/selinuxLabel")
def labels(config: Any) -> Found:
    """RUN232 security-label-form: labels of AppArmor and SELinux are not empty, and an SELinux label has its parts.

    USER:ROLE:TYPE:LEVEL, where the level may hold a colon more.

    section: config.md / Linux process
    rows: RC43
    bad: {"process": {"selinuxLabel": "container_t"}}
    good: {"process": {"selinuxLabel": "system_u:system_r:container_t:s0:c124,c675"}}
    """
    for name in ("apparmorProfile", "selinuxLabel"):
        text = get(config, "process", name)
        if text == "":
            yield f"/process/{name}", f"{name} is empty: leave it out"
        elif name == "selinuxLabel" and text is not None and not 3 <= text.count(":") <= 4:
            yield f"/process/{name}", f"{text[:60]!r} is no SELinux label (USER:ROLE:TYPE:LEVEL)"


@rule
@about("linux/uidMappings", "linux/gidMappings")
def mappings_of_joined(config: Any) -> Found:
    """RUN233 mappings-of-joined-namespace: a user namespace that is joined brings its own mappings.

    With a path the mappings of the document have no effect; runc refuses those that differ.

    section: config-linux.md / User namespace mappings
    severity: warning
    rows: RL08
    bad: {"linux": {"namespaces": [{"type": "user", "path": "/proc/7/ns/user"}, {"type": "mount"}], "uidMappings": [{"containerID": 0, "hostID":
      1000, "size": 1}]}}
    good: {"linux": {"namespaces": [{"type": "user", "path": "/proc/7/ns/user"}, {"type": "mount"}]}}
    """
    user = namespace(config, "user")
    if user is not None and user[1].get("path"):
        for name in ("uidMappings", "gidMappings"):
            if get(config, "linux", name):
                yield f"/linux/{name}", f"{name} does not go with a user namespace that is joined: it has its own"
