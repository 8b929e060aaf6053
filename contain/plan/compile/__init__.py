"""From spec and host to a plan: one pure generator a family; nothing here looks at the machine, `host` has it all."""

from __future__ import annotations

from contain.plan.compile.cgroup import cgroup, folders
from contain.plan.compile.devices import devices
from contain.plan.compile.mounts import masks, mounts
from contain.plan.compile.namespaces import namespaces
from contain.plan.compile.process import process
from contain.plan.compile.rootfs import pivot, rootfs
from contain.plan.compile.security import security
from contain.plan.compile.supervise import frame
from contain.plan.compile.terminal import terminal
from contain.plan.plan import Plan
from contain.plan.slots import Slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contain.host.model import Host
    from contain.plan.operation import Operation
    from contain.spec.model import Spec

    Family = Callable[[Spec, Host, Slots], Iterator[Operation]]


def _seldom(name: str, asks: Callable[[Spec], object]) -> Family:
    """A family of which most runs have nothing: who asks for it imports it (0.2 ms each of the first run's 14)."""

    def family(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
        if asks(spec):
            yield from getattr(__import__(f"contain.plan.compile.{name}", fromlist=[name]), name)(spec, host, slots)

    return family


#: In the order in which their operations stand within a stage.
FAMILIES: tuple[Family, ...] = (
    namespaces,
    cgroup,
    _seldom("resctrl", lambda spec: spec.config["linux"].get("intelRdt")),
    rootfs,
    _seldom("hostview", lambda spec: spec.run.host_view),
    mounts,
    devices,
    terminal,
    _seldom("hooks", lambda spec: any(spec.config["hooks"].values())),
    _seldom("lifecycle", lambda spec: spec.run.contract == "create" or spec.run.detach),
    # all others stand before these two: the host's root must still be in view
    masks,
    pivot,
    # the last two, in this order: what needs privileges comes before the ids change, and `go` ends with execve
    process,
    security,
)


def compile_run(spec: Spec, host: Host) -> Plan:
    """The plan that runs `spec` on `host` from start to end.

    Raises ManifestError for what cannot be compiled, HostError for what this host or user lacks.
    """
    slots = Slots()
    operations: list[Operation] = []
    for family in FAMILIES:
        operations += family(spec, host, slots)
    operations = frame(spec, host, slots, operations, folders(spec, host))
    return Plan(operations, spec.origins.places)
