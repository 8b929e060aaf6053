"""Does it mean something that can be run? What the shape alone cannot say, found before anything is touched.

Only the spec is looked at: what depends on the host is refused by plan/compile. The rules are those of runc's validator, the texts of the OCI
specification, and the manual pages of the calls that would fail later with a bare EINVAL.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain.spec.model import Spec

__all__ = ["Finding", "check", "require"]


class Finding:
    """One finding: where (a pointer into the spec), what, why, and what to do."""

    __slots__ = ("cause", "error", "id", "message", "pointer", "remedy")

    def __init__(self, id: str, pointer: str, message: str, remedy: str, *, cause: str = "", error: bool = True) -> None:
        """`id` is that of the rule of lint that says the same; `error` is false for what can be run, but hardly as it is meant."""
        self.pointer = pointer
        self.message = message
        self.remedy = remedy
        self.cause = cause
        self.error = error
        self.id = id

    def __repr__(self) -> str:
        """For debugging and tests."""
        return f"<{self.pointer}: {self.message}>"


def check(spec: Spec) -> list[Finding]:
    """All findings, errors and warnings, in the order of the document's sections."""
    found: list[Finding] = []
    for name in _families(spec):
        family: Any = __import__(f"contain.spec.semantics.{name}", fromlist=["RULES"])
        for rule in family.RULES:
            found += rule(spec)
    return found


def _families(spec: Spec) -> Iterator[str]:
    """The modules whose subject the spec has: who has none of it does not import it."""
    config, linux = spec.config, spec.config["linux"]
    resources = linux.get("resources") or {}
    yield "process"
    if config["process"].get("scheduler") or config["process"].get("ioPriority") or linux.get("memoryPolicy"):
        yield "scheduling"
    if any(config["hooks"].values()):
        yield "hooks"
    yield "isolation"
    if linux.get("uidMappings") or linux.get("gidMappings") or not spec.run.userns:
        yield "mappings"
    if linux.get("timeOffsets") or linux.get("sysctl"):
        yield "sysctl"
    if linux.get("seccomp"):
        yield "seccomp"
    yield "mounts"
    if linux.get("devices") or resources.get("devices"):
        yield "devices"
    if linux.get("cgroupsPath") or linux.get("intelRdt") or any(resources[key] for key in resources.keys() - {"devices", "pids"}):
        yield "limits"


def require(spec: Spec) -> None:
    """Raises for the first error (ManifestError, or UsageError when an option said it); warnings go to the spec."""
    found = check(spec)
    errors = [one for one in found if one.error]
    if errors:
        from contain.spec.semantics.refusal import refusal

        raise refusal(spec, errors)
    for one in found:
        spec.warn(one.message, one.pointer)
