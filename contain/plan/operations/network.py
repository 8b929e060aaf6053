"""Operations of the family network: a network of its own for a few containers, its members, and what goes wrong on their links."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation


class MakeHosts(Operation):
    """Makes the folder `path` with a file `hosts` in it, which members read and their caller rewrites; `undo` removes it at the end."""

    remedies = {"EEXIST": "something else has taken that name", "EACCES": "set XDG_RUNTIME_DIR to a folder that you may write to"}

    stage: int = at.OPEN
    path: str
    text: str
    undo: int

    def describe(self) -> str:
        """See the base."""
        return f"make the hosts file {self.path}/hosts"


class MakeBridge(Operation):
    """Makes the bridge to which the members' links go, with the address that is our own on the network."""

    remedies = {
        "EOPNOTSUPP": "the kernel needs CONFIG_BRIDGE (modprobe bridge)",
        "EPERM": "the network namespace is not ours: see `contain doctor`",
    }

    stage: int = at.PREPARE
    name: str
    address: str
    prefix: int

    def describe(self) -> str:
        """See the base."""
        return f"make the bridge {self.name} with the address {self.address}/{self.prefix}"


class HoldNetwork(Operation):
    """Hands a pidfd of itself to the caller, and stays, so that the network does, until it is killed."""

    stage: int = at.GO

    def describe(self) -> str:
        """See the base."""
        return "hold the network"


class LinkHost(Operation):
    """Links the host to the bridge of the network that init holds: `link` is the host's end, with an address there; it goes with the network."""

    remedies = {
        "EPERM": "the host's network can be changed by root alone: use connect() and publish()",
        "EEXIST": "something of the host has that name",
        "EADDRINUSE": "choose another subnet",
    }

    stage: int = at.HOST_HOOKS
    link: str
    bridge: str
    address: str
    prefix: int

    def describe(self) -> str:
        """See the base."""
        return f"link the host to the network as {self.address}/{self.prefix} by {self.link}"


class EnterNetwork(Operation):
    """Enters the namespaces (CLONE_NEW* bits in `flags`) of the process that holds a network, by its pidfd `holder`, a descriptor of the caller's."""

    remedies = {"ESRCH": "the network was closed", "EBADF": "the network was closed"}

    stage: int = at.OPEN
    holder: int
    flags: int
    types: str

    def describe(self) -> str:
        """See the base."""
        return f"enter the network's namespaces: {self.types}"


class AddMember(Operation):
    """Leaves the network's namespace for a new one that is linked to its bridge: `link` is the index of the bridge's end, eth0 the member's.

    `replaces` is a link (0: none) that may still be there from an earlier member with the same address. `incoming` and `outgoing` are classic BPF
    for what goes to and comes from the member, `queue` is as of SetQueue. `ping_groups` are the groups that may ping without privileges.
    """

    remedies = {
        "EOPNOTSUPP": "the kernel needs CONFIG_VETH (modprobe veth)",
        "ENOENT": "the kernel needs CONFIG_NET_CLS_BPF, and for a delay CONFIG_NET_SCH_NETEM",
    }

    stage: int = at.JOIN
    bridge: str
    link: int
    replaces: int = 0
    address: str
    prefix: int
    ping_groups: str = ""
    incoming: bytes = b""
    outgoing: bytes = b""
    rate: int = 0
    burst: int = 0
    delay: int = 0
    jitter: int = 0
    reorder: int = 0

    def describe(self) -> str:
        """See the base."""
        return f"join the network as {self.address}/{self.prefix}"


class SetFilters(Operation):
    """Puts classic BPF on a member's link: `incoming` sees what goes to the member, `outgoing` what comes from it; empty is none."""

    remedies = {"ENODEV": "the member has ended", "ENOENT": "the kernel needs CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF"}

    stage: int = at.OPEN
    link: int
    incoming: bytes
    outgoing: bytes

    def describe(self) -> str:
        """See the base."""
        return f"filter the link {self.link}"


class SetQueue(Operation):
    """What goes to a member waits: `rate` bytes a second (0: any) with `burst` bytes at once, by tbf; `delay` and `jitter` nanoseconds, by netem.

    `reorder` is how many of 2**32 packets go at once instead of waiting. All zero is no queue.
    """

    remedies = {"ENODEV": "the member has ended", "ENOENT": "the kernel needs CONFIG_NET_SCH_TBF, and for a delay CONFIG_NET_SCH_NETEM"}

    stage: int = at.OPEN
    link: int
    rate: int = 0
    burst: int = 0
    delay: int = 0
    jitter: int = 0
    reorder: int = 0

    def describe(self) -> str:
        """See the base."""
        return f"queue what goes to the link {self.link}"
