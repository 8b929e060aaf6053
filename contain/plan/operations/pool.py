"""Operations of the family pool: cgroups that one run after another uses, and the process that has them."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation


class TakeCgroup(Operation):
    """Takes a cgroup of the pool MOUNT/PATH that no other run has, into `slot`: the first free one of 0, 1, …, made where it is missing.

    It stays ours until the launcher ends (flock); the pool has the same numbers in each hierarchy, and the first of these operations chooses.
    What an earlier run left does not count: the counters of `memory` and `cpu` are read before, `limits` are taken away until they are
    set again, and one that still holds much memory, or whose peak the kernel cannot set back, is made anew.
    """

    remedies = {"ENOENT": "the process that holds the pool was killed: run it again"}

    stage: int = at.CGROUP
    mount: str
    path: str
    slot: int
    v2: bool = False
    memory: bool = False
    cpu: bool = False
    limits: list[str]

    def describe(self) -> str:
        """See the base."""
        return f"take a free cgroup of {self.mount.rstrip('/')}/{self.path}"

    def words(self) -> str:
        """See the base."""
        return f"cannot take a cgroup of {self.mount.rstrip('/')}/{self.path}"


class HoldCgroups(Operation):
    """Says that the pool is there and stays until the caller ends, or wants no more of it; what teardown removes goes with it."""

    stage: int = at.CGROUP

    def describe(self) -> str:
        """See the base."""
        return "hold the cgroups until the caller ends"
