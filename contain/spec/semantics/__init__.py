"""Does it mean something that can be run? What the shape alone cannot say, found before anything is touched.

Only the spec is looked at: what depends on the host is refused by plan/compile. The rules are those of runc's validator, the texts of the OCI
specification, and the manual pages of the calls that would fail later with a bare EINVAL.
"""

from __future__ import annotations

from contain.errors import ManifestError, UsageError
from contain.spec.semantics.finding import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain.spec.model import Spec

__all__ = ["Finding", "check", "require"]


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
        raise _error(spec, errors)
    for one in found:
        spec.warn(one.message, one.pointer)


def _error(spec: Spec, errors: list[Finding]) -> ManifestError | UsageError:
    first = errors[0]
    place = spec.origins.place(first.pointer)
    if spec.origins.option(first.pointer):
        return UsageError(first.message, place=place, cause=first.cause, remedy=first.remedy)
    more = [f"{spec.origins.place(one.pointer)}: {one.message}" for one in errors[1:4]]
    rest = len(errors) - 1 - len(more)
    also = "; ".join(more) + (f"; and {rest} more" if rest > 0 else "")
    cause = first.cause or (f"also {also}" if more else "")
    return ManifestError(first.message, place=place, cause=cause, remedy=first.remedy, diagnostics=_diagnostics(spec, errors))


def _diagnostics(spec: Spec, errors: list[Finding]) -> list[object]:
    """The errors that stand in a document, in the model that lint prints too."""
    from contain.diagnostics import model

    document = spec.origins.document
    if document is None:
        return []
    sources = [spec.origins.source(one.pointer) for one in errors]
    positions = document.positions(set(sources))
    return [
        model.make(one.id, one.message, spec.origins.label, source, positions[source] if document.is_text else None, fix=one.remedy)
        for one, source in zip(errors, sources, strict=True)
    ]
