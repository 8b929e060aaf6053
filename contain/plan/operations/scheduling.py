"""Operations of the family scheduling: when and where a process runs, and where its memory lies."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation


class SetPersonality(Operation):
    """Sets the execution domain (uname's machine, address layout)."""

    stage: int = at.LOCK
    domain: str
    value: int

    def describe(self) -> str:
        """See the base."""
        return f"set the personality {self.domain}"


class SetScheduler(Operation):
    """Sets policy and parameters by sched_setattr."""

    remedies = {
        "EPERM": "real-time policies and negative nice values need CAP_SYS_NICE",
        "EBUSY": "the processors have no room for this deadline",
        "EINVAL": "the policy does not take these parameters, or this kernel does not know them",
    }

    stage: int = at.LOCK
    policy: str
    number: int
    nice: int = 0
    priority: int = 0
    flags: int = 0
    runtime: int = 0
    deadline: int = 0
    period: int = 0

    def describe(self) -> str:
        """See the base."""
        parts = [
            ("nice", self.nice),
            ("priority", self.priority),
            ("runtime", self.runtime),
            ("deadline", self.deadline),
            ("period", self.period),
        ]
        return f"set the scheduler {self.policy}" + "".join(f", {name} {value}" for name, value in parts if value)


class SetIoPriority(Operation):
    """Sets the class and level for input and output."""

    remedies = {"EPERM": "the real-time class needs CAP_SYS_NICE or CAP_SYS_ADMIN"}

    stage: int = at.LOCK
    name: str
    value: int

    def describe(self) -> str:
        """See the base."""
        return f"set the io priority {self.name} {self.value & 0x1FFF}"


class SetMemoryPolicy(Operation):
    """Sets the NUMA policy; `nodes` is a bit mask, least significant byte first."""

    remedies = {"EINVAL": "name only nodes that this machine has, with memory", "ENOSYS": "this kernel is built without NUMA"}

    stage: int = at.LOCK
    mode: str
    number: int
    nodes: bytes

    def describe(self) -> str:
        """See the base."""
        found = [str(8 * at_ + bit) for at_, byte in enumerate(self.nodes) for bit in range(8) if byte >> bit & 1]
        return f"set the memory policy {self.mode}" + (f" to nodes {','.join(found)}" if found else "")


class SetAffinity(Operation):
    """Restricts the processors; `processors` is a bit mask, least significant byte first."""

    remedies = {"EINVAL": "none of these processors is online and in the cpuset"}

    stage: int = at.LOCK
    cpus: str
    processors: bytes

    def describe(self) -> str:
        """See the base."""
        return f"run on processors {self.cpus}"
