"""The five capability sets of a spec as masks."""

from __future__ import annotations

from contain.errors import ManifestError
from contain.linux import CAPABILITIES
from contain.plan.compile.idmaps import has_new_userns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.host.model import Host
    from contain.spec.model import Spec

SETS = ("bounding", "effective", "permitted", "inheritable", "ambient")


def capability_masks(spec: Spec, host: Host, *, quiet: bool = False) -> dict[str, int]:
    """Each set as a mask; what this kernel or this user does not have is left out with a warning, as engines expect."""
    given: dict[str, Any] = spec.config["process"].get("capabilities") or {}
    possible = CAPABILITIES[: CAPABILITIES.index(host.last_cap) + 1] if host.last_cap in CAPABILITIES else CAPABILITIES
    had = frozenset(possible) if has_new_userns(spec) or spec.namespaces().get("user") else host.bounding or frozenset(possible)
    masks = {}
    missing: dict[str, str] = {}
    for name in SETS:
        wanted = dict.fromkeys(given.get(name) or ())
        missing |= {cap: f"/process/capabilities/{name}" for cap in wanted if cap not in had and cap not in missing}
        masks[name] = sum(1 << CAPABILITIES.index(cap) for cap in wanted if cap in had)
    for cap, pointer in {} if quiet else missing.items():
        spec.warn(f"capability {cap} is {'not to be had here' if cap in CAPABILITIES else 'unknown'}: left out", pointer)
    if masks["effective"] & ~masks["permitted"]:
        raise ManifestError(
            "cannot have an effective capability that is not permitted",
            place=spec.origins.place("/process/capabilities/effective"),
            remedy="add it to process.capabilities.permitted",
        )
    masks["ambient"] &= masks["permitted"] & masks["inheritable"]
    return masks
