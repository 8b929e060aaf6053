"""Limits that are asked for and cannot be had: whether that is an error, and why it is so."""

from __future__ import annotations

from contain.errors import HostError
from contain.plan.compile.cgroup import DELEGATE, RESOURCES
from contain.plan.compile.cgroup_groups import where
from contain.spec.model import path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.host.model import Host
    from contain.plan.compile.cgroup_limits import Setting
    from contain.spec.model import Spec


def report(spec: Spec, host: Host, one: Setting, *, disabled: bool) -> None:
    """One limit that will not be there: an error for options, engines and with --strict, else a warning; nothing for our own defaults."""
    why, remedy = (
        (one.lacking, "remove it") if one.lacking else (_why_not(one.controller, host, disabled=disabled), _remedy(one.controller, host))
    )
    must = _must(spec, one, disabled=disabled)
    place = spec.origins.place
    what = f"{spec_words(one.pointer)} cannot be set"
    option = spec.origins.option(one.pointer)
    if option and one.name not in spec.run.allow_missing:
        raise HostError(
            what, place=place(one.pointer), cause=why, remedy=f"{remedy}; or pass --allow-missing {one.name} to run without this limit"
        )
    if not option and must and spec.origins.source(one.pointer):
        raise HostError(what, place=place(one.pointer), cause=why, remedy=remedy)
    if option or spec.origins.source(one.pointer):
        spec.warn(f"{what}: {why}", one.pointer)


def _must(spec: Spec, one: Setting, *, disabled: bool) -> bool:
    """Whether a limit that only the manifest asks for is an error: of `create` and runc's `run`, as there, and with --strict.

    What cgroup v2 has not for anybody (swappiness, realtime budgets, …) engines send all the same, and runc passes over. `--cgroup-manager
    disabled` is what asked for no limits. "If unified … cannot be used, the runtime MUST generate an error".
    """
    if one.pointer.startswith(f"{RESOURCES}/unified/") or spec.run.strict:
        return True
    passed_over = one.lacking and one.controller in {"memory", "cpu", "io"} and one.name != "swap"
    return spec.run.runc and not disabled and not passed_over


def spec_words(pointer: str) -> str:
    """`/linux/resources/hugepageLimits/0` → `hugepageLimits[0]`."""
    return path(pointer).removeprefix("linux.resources.")


def _remedy(controller: str, host: Host) -> str:
    return DELEGATE if host.cgroup.is_v2(controller) else "run as root, or where cgroup v2 can be delegated to you: see `contain doctor`"


def _why_not(controller: str, host: Host, *, disabled: bool = False) -> str:
    layout = host.cgroup
    if disabled:
        return "cgroups are disabled (--cgroup-manager disabled)"
    if layout.mode == "none":
        return "no cgroup file system is mounted"
    if not layout.mount(controller):
        return f"no cgroup hierarchy with the controller {controller} is mounted"
    if layout.is_v2(controller) and layout.base.get("") and controller not in layout.available:
        return f"the controller {controller} is not available in {layout.base['']}"
    if not layout.is_v2(controller) and controller not in layout.base:
        return f"{layout.here.get(controller) or layout.mount(controller)} is not writable to us, and cgroup v1 is not delegated to users"
    return layout.reason or "we may not make that cgroup"


def report_devices(spec: Spec, host: Host) -> None:
    """The same of the rules for devices."""
    pointer = f"{RESOURCES}/devices"
    rows = (spec.config["linux"].get("resources") or {}).get("devices")
    why = _why_not("devices", host, disabled=where(spec, host).disabled)
    must = spec.run.strict or spec.run.runc or spec.origins.option(pointer)  # disabled never comes here
    if rows and must and "devices" not in spec.run.allow_missing:
        raise HostError("access to devices cannot be limited", place=spec.origins.place(pointer), cause=why, remedy=DELEGATE)
    spec.warn(f"access to devices cannot be limited: {why}", pointer if rows else "")
