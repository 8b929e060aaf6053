"""A seccomp profile in a file, for --security-opt seccomp=FILE: the OCI's object, or docker's and podman's format, which is resolved to it."""

from __future__ import annotations

import os

from contain.errors import ManifestError, UsageError
from contain.spec.sources import manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: machine → (docker's name, libseccomp's names of the machine and what it can run)
_MACHINES = {
    "x86_64": ("amd64", ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]),
    "aarch64": ("arm64", ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]),
    "riscv64": ("riscv64", ["SCMP_ARCH_RISCV64"]),
    "ppc64le": ("ppc64le", ["SCMP_ARCH_PPC64LE"]),
    "s390x": ("s390x", ["SCMP_ARCH_S390X", "SCMP_ARCH_S390"]),
}


def read(file: str, *, shown: str, place: str, held: list[str]) -> dict[str, Any]:
    """The OCI seccomp object; `held` are the capabilities of the container, on which docker's rules depend."""
    try:
        data = manifest.read(file, shown)
    except ManifestError as error:
        raise UsageError(f"{shown}: {error.message}", place=place, remedy="give the path of a seccomp profile") from None
    document = manifest.parse(data, shown)
    if document.problems or not isinstance(document.value, dict):
        problem = document.problems[0] if document.problems else None
        where = f"{shown}:{problem.position.line}:{problem.position.column}" if problem else f"{shown}:1:1"
        raise UsageError(f"{where}: {problem.message if problem else 'is not a JSON object'}", place=place, remedy="mend the profile")
    profile = document.value
    inner = profile.get("linux", {}).get("seccomp") if isinstance(profile.get("linux"), dict) else None
    resolved = _resolve(inner if isinstance(inner, dict) else profile, held)
    _check(resolved, shown, place)
    return resolved


def _resolve(profile: dict[str, Any], held: list[str]) -> dict[str, Any]:
    """Docker's archMap, includes, excludes and single names as the OCI has them."""
    machine, architectures = _MACHINES.get(os.uname().machine, (os.uname().machine, []))
    out = {
        key: profile[key]
        for key in ("defaultAction", "defaultErrnoRet", "architectures", "flags", "listenerPath", "listenerMetadata")
        if profile.get(key) is not None
    }
    if "archMap" in profile and "architectures" not in out:
        out["architectures"] = architectures
    syscalls = []
    for rule in profile.get("syscalls") or ():
        if not isinstance(rule, dict) or not _applies(rule, held, machine):
            continue
        names = rule.get("names") or ([rule["name"]] if rule.get("name") else [])
        kept = {key: rule[key] for key in ("action", "args", "errnoRet") if rule.get(key) is not None}
        syscalls.append({"names": names, **kept})
    out["syscalls"] = syscalls
    return out


def _applies(rule: dict[str, Any], held: list[str], machine: str) -> bool:
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    if includes.get("arches") and machine not in includes["arches"]:
        return False
    if includes.get("caps") and not set(includes["caps"]) <= set(held):
        return False
    if includes.get("minKernel") and _kernel(os.uname().release) < _kernel(includes["minKernel"]):
        return False
    if machine in (excludes.get("arches") or ()) or set(excludes.get("caps") or ()) & set(held):
        return False
    return not (excludes.get("minKernel") and _kernel(os.uname().release) >= _kernel(excludes["minKernel"]))


def _kernel(release: str) -> tuple[int, int]:
    numbers = [int(part) if part.isdecimal() else 0 for part in release.partition("-")[0].split(".")[:2]]
    return (numbers[0], numbers[1] if len(numbers) > 1 else 0)


def _check(profile: dict[str, Any], shown: str, place: str) -> None:
    """Held against the schema inside a whole document, so that there is one description of the shape."""
    from contain import schema

    config = {"ociVersion": "1.3.0", "root": {"path": "/"}, "linux": {"seccomp": profile}}
    found = [one for one in schema.validate("runtime-config", config) if one.pointer.startswith("/linux/seccomp")]
    if found:
        words = found[0].pointer.removeprefix("/linux/seccomp/").replace("/", ".")
        raise UsageError(
            f"{shown}: {words}: {found[0].message}",
            place=place,
            remedy="see the OCI runtime-spec, linux.seccomp, or docker's profile format",
        )
