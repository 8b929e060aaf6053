"""Where the container's cgroups lie: one group for each hierarchy that it needs."""

from __future__ import annotations

from contain.errors import ManifestError
from contain.plan.operations.cgroup import UNIQUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from contain.host.model import Host
    from contain.plan.compile.cgroup_systemd import Scope
    from contain.spec.model import Spec

#: What the cgroups of runs that say nothing else begin with.
OURS = "contain"
POINTER = "/linux/cgroupsPath"


class Where:
    """The path below the hierarchies: from their mount point when `absolute`, else from where we may make cgroups."""

    __slots__ = ("absolute", "disabled", "origin", "path", "scope")

    def __init__(self, path: str, *, absolute: bool, origin: str, scope: Scope | None = None, disabled: bool = False) -> None:
        """`scope` is what systemd makes; `disabled`: no cgroups at all."""
        self.path = path
        self.absolute = absolute
        self.origin = origin
        self.scope = scope
        self.disabled = disabled


class Group:
    """The container's cgroup in one hierarchy."""

    __slots__ = ("controllers", "mount", "path", "v2")

    def __init__(self, mount: str, path: str, controllers: list[str], *, v2: bool) -> None:
        """`controllers` are those of v1 that the mount holds; of v2 those that are needed."""
        self.mount = mount
        self.path = path
        self.controllers = controllers
        self.v2 = v2

    @property
    def folder(self) -> str:
        """Absolute path on the host."""
        return f"{self.mount.rstrip('/')}/{self.path}"


def where(spec: Spec, host: Host) -> Where:
    """The place that option or manifest names, else our own."""
    if spec.run.cgroup_manager == "disabled":
        return Where("", absolute=True, origin="--cgroup-manager", disabled=True)
    if spec.run.cgroup_manager == "systemd":
        from contain.plan.compile.cgroup_systemd import scope_of

        scope = scope_of(spec, host)
        return Where(scope.path, absolute=True, origin=POINTER, scope=scope)
    name = spec.run.name or UNIQUE
    given = spec.config["linux"].get("cgroupsPath") or ""
    if spec.run.cgroup_parent:
        parent = spec.run.cgroup_parent
        return Where(_clean(spec, f"{parent}/{name}", "--cgroup-parent"), absolute=parent.startswith("/"), origin="--cgroup-parent")
    if given:
        return Where(_clean(spec, given, POINTER), absolute=given.startswith("/"), origin=POINTER)
    # no common parent: to make and remove a memory cgroup more for each run costs 0.2 ms, and a bundle's ten cgroups more 0.7
    return Where(f"{OURS}-{name}", absolute=False, origin="")


def _clean(spec: Spec, path: str, origin: str) -> str:
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise ManifestError(f"the cgroup {path} must not contain ..", place=spec.origins.place(origin), remedy="name the cgroup itself")
    if not parts:
        raise ManifestError(f"{path} is no cgroup of a container's", place=spec.origins.place(origin), remedy="name one below it, or none")
    return "/".join(parts)


def group_of(controller: str, at: Where, host: Host) -> Group | None:
    """The group that would hold `controller` ("" for the unified hierarchy itself); None when we may not make it."""
    layout = host.cgroup
    v2 = layout.is_v2(controller)
    mount = layout.mount(controller)
    if not mount or at.disabled:
        return None
    if at.scope and v2:
        return Group(mount, at.path, [], v2=True)  # systemd enables what there is, and what there is not fails when it is written
    base = layout.folder(controller)
    if v2 and controller and controller not in layout.controllers:
        return None
    if not at.absolute:
        if not base:
            return None
        below = base[len(mount.rstrip("/")) :].strip("/")
        return Group(mount, f"{below}/{at.path}" if below else at.path, [], v2=v2)
    group = Group(mount, at.path, [], v2=v2)
    inside = bool(base) and group.folder.startswith(base.rstrip("/") + "/")
    return group if inside or (host.privileged and base) else None


def everywhere(spec: Spec) -> bool:
    """Whether the container shall be in all hierarchies: engines look for it at one path in each."""
    return spec.kind == "oci" or spec.run.cgroup_manager == "systemd"


def groups(spec: Spec, host: Host, needed: Iterable[str], at: Where) -> list[Group]:
    """The groups for the `needed` controllers ("" is the unified hierarchy), and for bundles all others that can be had."""
    layout = host.cgroup
    names = list(dict.fromkeys(needed))
    if everywhere(spec):
        names += [name for name in (*layout.hierarchies, *([""] if layout.unified else [])) if name not in names]
    if at.scope:
        names = [name for name in names if name != "name=systemd"]  # that one is systemd's own
    found: dict[str, Group] = {}
    for controller in names:
        group = group_of(controller, at, host)
        if group is None:
            continue
        group = found.setdefault(group.mount, group)
        if controller and controller not in group.controllers:
            group.controllers.append(controller)
    for group in found.values():
        if not group.v2:  # all that the mount holds, whatever was asked for
            group.controllers = [name for name, mount in layout.hierarchies.items() if mount == group.mount]
    return sorted(found.values(), key=lambda group: (_certainty(group), group.mount))


def _certainty(group: Group) -> int:
    """How surely all in a group can be killed: a loop, pids.max=0, cgroup.kill, v1's freezer, which alone can end what it froze.

    The surest is made last and undone first, also by those who undo what a state folder lists.
    """
    if "freezer" in group.controllers and not group.v2:
        return 3
    return 2 if group.v2 else 1 if "pids" in group.controllers else 0
