"""What many rules ask of a runtime config, found once a document, so that a rule with nothing to say knows it at once.

What cannot be known makes these raise as reading it does, or answer that nothing is sure: the rule then looks at each thing itself.
"""

from __future__ import annotations

import posixpath
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from contain.linter.names import HOOKS
from contain.linter.reading import each, get, once, once_each
from contain.linter.unknown import UnknowableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@lru_cache(maxsize=4096)
def normal(path: str) -> str:
    """A path from the container's root, without what means nothing."""
    return posixpath.normpath("/" + path.lstrip("/"))


def for_linux(config: Any) -> bool:
    """Whether the document is for Linux, or for no platform in particular."""
    return "linux" in config or not {"windows", "solaris", "zos", "freebsd", "vm"} & config.keys()


@once
def mounts(config: Any) -> list[tuple[str, Any]]:
    """Pointer and object of each mount."""
    return list(each(config, "mounts"))


@once_each
def places(config: Any) -> Iterator[tuple[str, Any, str]]:
    """Pointer, object and destination of each mount that has one."""
    for pointer, mount in mounts(config):
        destination = mount.get("destination")
        if destination:
            yield pointer, mount, normal(destination)


@once
def _members(config: Any) -> frozenset[str] | None:
    try:
        return frozenset().union(*(config.get("mounts") or ()))
    except UnknowableError:
        return None


@once
def _options(config: Any) -> frozenset[str] | None:
    try:
        return frozenset().union(*[mount.get("options") or () for mount in config.get("mounts") or ()])
    except UnknowableError:
        return None


def no_mount_has(config: Any, *names: str) -> bool:
    """Whether it is sure that no mount has any of these members."""
    members = _members(config)
    return members is not None and members.isdisjoint(names)


def no_option_of(config: Any, names: Iterable[str]) -> bool:
    """Whether it is sure that no mount has any of these options."""
    options = _options(config)
    return options is not None and options.isdisjoint(names)


def only_options_of(config: Any, names: frozenset[str]) -> bool:
    """Whether it is sure that every option of every mount is one of these."""
    options = _options(config)
    return options is not None and options <= names


@once
def calls(config: Any) -> list[tuple[str, Any]]:
    """Pointer and object of each rule of the filter of system calls."""
    return list(each(config, "linux", "seccomp", "syscalls"))


@once_each
def conditions(config: Any) -> Iterator[tuple[str, Any]]:
    """Pointer and object of each rule of the filter that looks at arguments."""
    for pointer, item in calls(config):
        if item.get("args"):
            yield pointer, item


@once
def _call_members(config: Any) -> frozenset[str] | None:
    try:
        return frozenset().union(*(get(config, "linux", "seccomp", "syscalls") or ()))
    except UnknowableError:
        return None


def no_call_has(config: Any, name: str) -> bool:
    """Whether it is sure that no rule of the filter has a member."""
    members = _call_members(config)
    return members is not None and name not in members


@once
def named_calls(config: Any) -> dict[Any, set[str]] | None:
    """The calls that the filter names without a condition, by action; those with one under None. None when not all is sure."""
    found: dict[Any, set[str]] = {}
    try:
        for item in get(config, "linux", "seccomp", "syscalls") or ():
            action = None if item.get("args") else item.get("action")
            if action in found:
                found[action].update(item.get("names") or ())
            else:
                found[action] = set(item.get("names") or ())
    except UnknowableError:
        return None
    return found


@once
def capability_sets(config: Any) -> dict[str, frozenset[str]] | None:
    """The sets of capabilities; None when not all is sure."""
    try:
        return {name: frozenset(items) for name, items in (get(config, "process", "capabilities") or {}).items()}
    except (UnknowableError, TypeError):
        return None


@once_each
def hooks(config: Any) -> Iterator[tuple[str, Any]]:
    """Pointer and object of each hook."""
    for name in HOOKS:
        yield from each(config, "hooks", name)
