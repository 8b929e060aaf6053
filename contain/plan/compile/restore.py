"""The tiny plan before a restore: the container's cgroups with their limits, into which CRIU puts its processes."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.compile.cgroup import cgroup
from contain.plan.operations.cgroup import AttachDeviceProgram, DelegateCgroup, MakeCgroup, WriteCgroup, WriteDeviceRules
from contain.plan.plan import Plan
from contain.plan.slots import Slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.host.model import Host
    from contain.spec.model import Spec

#: What concerns cgroups, and not the process in them.
_GROUPS = (MakeCgroup, DelegateCgroup, WriteCgroup, WriteDeviceRules, AttachDeviceProgram)


def compile_groups(spec: Spec, host: Host) -> Plan:
    """CRIU itself enables no controllers on the way, and knows nothing of device programs."""
    found = [type(one)(**{**one.values(), "stage": at.CGROUP}) for one in cgroup(spec, host, Slots()) if isinstance(one, _GROUPS)]
    return Plan(found, spec.origins.places)
