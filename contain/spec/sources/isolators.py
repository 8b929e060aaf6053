"""What an appc manifest's isolators mean for the spec; each is enforced, or said to be ignored (appc: "MUST report")."""

from __future__ import annotations

from contain.linux import CAPABILITIES
from contain.spec import presets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from contain.spec.model import Spec

_PERIOD = 100_000
_SUFFIXES = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
_BINARY = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50, "Ei": 1 << 60}
#: what our own last steps before the program need, whatever a retain-set says
_OURS = ("execve", "exit", "exit_group", "read", "write", "close", "close_range", "rt_sigprocmask", "rt_sigreturn")
_CAPABILITIES = "os/linux/capabilities-"
_SECCOMP = "os/linux/seccomp-"


def quantity(text: object) -> float:
    """A number of appc: `500m` is 0.5, `1G` and `1Gi` are what they say; ValueError for all else."""
    word = str(text) if isinstance(text, (int, str)) and not isinstance(text, bool) else ""
    for suffix, factor in (*_BINARY.items(), *_SUFFIXES.items(), ("m", 0.001)):
        if word.endswith(suffix):
            return _decimal(word.removesuffix(suffix)) * factor
    return _decimal(word)


def _decimal(word: str) -> float:
    whole, dot, fraction = word.partition(".")
    if not (whole + fraction).isascii() or not (whole + fraction).isdecimal() or len(word) > 30 or (dot and not fraction):
        raise ValueError(f"{word!r} is not a quantity")
    return float(word)


def apply(spec: Spec, isolators: list[dict[str, Any]], pointer: str) -> None:
    """Applies all isolators of an app; ValueError carries (pointer, words) of the first that makes no sense."""
    names = [row["name"] for row in isolators]
    for family in (_CAPABILITIES, _SECCOMP):
        both = [f"{family}{kind}-set" for kind in ("retain", "remove")]
        if all(name in names for name in both):
            raise ValueError(f"{pointer}/{names.index(both[1])}", f"{both[0]} and {both[1]} exclude each other")
    for index, row in enumerate(isolators):
        at, handler = f"{pointer}/{index}", _HANDLERS.get(row["name"])
        if handler is None:
            spec.origins.move(f"/isolators/{index}", at)
            spec.warn(f"isolator {row['name']} is ignored", f"/isolators/{index}")
            continue
        try:
            handler(spec, row.get("value"), at)
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            raise ValueError(f"{at}/value", f"{row['name']}: {problem.args[0] if problem.args else 'makes no sense'}") from None


def _memory(spec: Spec, value: Any, at: str) -> None:
    limit = int(quantity(value["limit"] if "limit" in value else value["request"]))
    spec.config["linux"].setdefault("resources", {})["memory"] = {"limit": limit}
    spec.origins.move("/linux/resources/memory", f"{at}/value")


def _cpu(spec: Spec, value: Any, at: str) -> None:
    cores = quantity(value["limit"] if "limit" in value else value["request"])
    resources = spec.config["linux"].setdefault("resources", {})
    resources.setdefault("cpu", {}).update({"period": _PERIOD, "quota": max(int(cores * _PERIOD), 1000)})
    spec.origins.move("/linux/resources/cpu", f"{at}/value")


def _shares(spec: Spec, value: Any, at: str) -> None:
    if not 2 <= int(value) <= 262144:
        raise ValueError("is not from 2 to 262144")
    spec.config["linux"].setdefault("resources", {}).setdefault("cpu", {})["shares"] = int(value)
    spec.origins.move("/linux/resources/cpu/shares", f"{at}/value")


def _oom(spec: Spec, value: Any, at: str) -> None:
    if not -1000 <= int(value) <= 1000:
        raise ValueError("is not from -1000 to 1000")
    spec.config["process"]["oomScoreAdj"] = int(value)
    spec.origins.move("/process/oomScoreAdj", f"{at}/value")


def _names(value: Any) -> list[str]:
    names = value["set"]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise TypeError("set is not a list of names")
    return names


def hold(spec: Spec, names: set[str]) -> None:
    """Gives the app exactly these capabilities."""
    ordered = [name for name in CAPABILITIES if name in names]
    sets = {kind: list(ordered) for kind in ("bounding", "effective", "permitted")}
    spec.config["process"]["capabilities"] = {**sets, "inheritable": [], "ambient": []}


def _retain_capabilities(spec: Spec, value: Any, at: str) -> None:
    names = _names(value)
    unknown = [name for name in names if name not in CAPABILITIES]
    if unknown:
        raise ValueError(f"unknown capability {unknown[0]}")
    hold(spec, set(names))
    spec.origins.move("/process/capabilities", f"{at}/value/set")


def _remove_capabilities(spec: Spec, value: Any, at: str) -> None:
    hold(spec, set(presets.APPC_CAPABILITIES) - set(_names(value)))
    spec.origins.move("/process/capabilities", f"{at}/value/set")


def _no_new_privileges(spec: Spec, value: Any, at: str) -> None:
    if not isinstance(value, bool):
        raise TypeError("is neither true nor false")
    spec.config["process"]["noNewPrivileges"] = value
    spec.origins.move("/process/noNewPrivileges", f"{at}/value")


def _seccomp(*, retain: bool) -> Callable[[Spec, Any, str], None]:
    def handler(spec: Spec, value: Any, at: str) -> None:
        names = _names(value)
        wildcards = [name for name in names if name.startswith("@")]
        plain = [name for name in names if not name.startswith("@")]
        spec.origins.move("/linux/seccomp", f"{at}/value")
        if "@appc.io/all" in wildcards or "@appc.io/empty" in wildcards:
            nothing_blocked = retain is ("@appc.io/all" in wildcards)
            spec.run.seccomp = "unconfined" if nothing_blocked else "default"
            return
        if wildcards:  # a set that another implementation has chosen: ours takes its place
            spec.run.seccomp = "default"
            if plain:
                spec.warn(f"{', '.join(plain)}: single names beside {wildcards[0]} are ignored", "/linux/seccomp")
            return
        errno = value.get("errno", "")
        blocked: dict[str, Any] = {"action": "SCMP_ACT_ERRNO", "errnoRet": _errno(errno)} if errno else {"action": "SCMP_ACT_KILL_PROCESS"}
        if retain:
            profile: dict[str, Any] = {
                "defaultAction": blocked["action"],
                "syscalls": [{"names": sorted({*plain, *_OURS}), "action": "SCMP_ACT_ALLOW"}],
            }
            profile.update({"defaultErrnoRet": blocked["errnoRet"]} if errno else {})
        else:
            profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": plain, **blocked}]}
        spec.config["linux"]["seccomp"] = profile
        spec.run.seccomp = ""

    return handler


def _errno(name: str) -> int:
    import errno

    number: int | None = getattr(errno, name, None) if name.isupper() else None
    if number is None:
        raise ValueError(f"unknown errno {name!r}")
    return number


def _selinux(spec: Spec, value: Any, at: str) -> None:
    parts = [value.get(part, "") for part in ("user", "role", "type", "level")]
    if not all(isinstance(part, str) and part and (index == 3 or ":" not in part) for index, part in enumerate(parts)):
        raise ValueError("needs user, role, type and level")
    spec.config["process"]["selinuxLabel"] = ":".join(parts)
    spec.origins.move("/process/selinuxLabel", f"{at}/value")


def _apparmor(spec: Spec, value: Any, at: str) -> None:
    name = value["name"] if isinstance(value, dict) else value
    if not isinstance(name, str) or not name:
        raise TypeError("names no profile")
    spec.config["process"]["apparmorProfile"] = name
    spec.origins.move("/process/apparmorProfile", f"{at}/value")


_HANDLERS: dict[str, Callable[[Spec, Any, str], None]] = {
    "resource/memory": _memory,
    "resource/cpu": _cpu,
    "os/linux/cpu-shares": _shares,
    "os/linux/oom-score-adj": _oom,
    "os/linux/capabilities-retain-set": _retain_capabilities,
    "os/linux/capabilities-remove-set": _remove_capabilities,
    "os/linux/no-new-privileges": _no_new_privileges,
    "os/linux/seccomp-retain-set": _seccomp(retain=True),
    "os/linux/seccomp-remove-set": _seccomp(retain=False),
    "os/linux/selinux-context": _selinux,
    "os/linux/apparmor-profile": _apparmor,
}
