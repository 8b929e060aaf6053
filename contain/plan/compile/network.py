"""Networks of their own: the process that holds one, what is done in it later, and how a container becomes its member.

As root a network is one network namespace. An ordinary user's lies in a user namespace of its own, in which all his ids are as they are
outside; each member's user namespace is made in that one, so that whoever starts the member may link the two.
"""

from __future__ import annotations

from contain.errors import HostError
from contain.plan import stage as at
from contain.plan.compile.idmaps import helper_for, text
from contain.plan.operations.namespaces import CreateProcess, WriteIdMap
from contain.plan.operations.network import AddMember, EnterNetwork, HoldNetwork, LinkHost, MakeBridge, MakeHosts
from contain.plan.operations.state import RemoveTree
from contain.plan.operations.supervise import Supervise
from contain.plan.plan import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from contain.host.model import Host
    from contain.kernel.idmaps import IdMap, Range
    from contain.plan.compile.idmaps import Line
    from contain.plan.operation import Operation

BRIDGE = "br0"
HOSTS_UNDO = 1
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
#: A descriptor that is not there: stands in a sandbox's plan until a run has the network's.
NOBODY = -1
LAST_GROUP = 4294967294


def owns_networks(host: Host) -> bool:
    """Whether network namespaces can be made and changed without a user namespace."""
    return host.can("CAP_SYS_ADMIN") and host.can("CAP_NET_ADMIN")


def compile_network(host: Host, *, address: str, prefix: int, folder: str, hosts: str, link: tuple[str, str] | None = None) -> Plan:
    """The plan of the process that holds a network whose bridge has `address`; `hosts` is the first text of the file in `folder`.

    `link` is the name and the address of the host's own end of a way to it.
    """
    if link is not None and not owns_networks(host):
        raise HostError(
            "an ordinary user cannot link the host to a network",
            remedy="reach members by connect() and publish(), which need no privileges",
        )
    inner = NEWPID | NEWNET | (0 if owns_networks(host) else NEWUSER)
    operations: list[Operation] = [
        Supervise(init=False, guardian=True),
        MakeHosts(path=folder, text=hosts, undo=HOSTS_UNDO),
        CreateProcess(flags=inner, types="pid network" if owns_networks(host) else "user pid network"),
        MakeBridge(name=BRIDGE, address=address, prefix=prefix),
        HoldNetwork(),
        RemoveTree(path=folder, undo=HOSTS_UNDO),
    ]
    if link is not None:
        operations.append(LinkHost(link=link[0], bridge=BRIDGE, address=link[1], prefix=prefix))
    return Plan([*operations, *_identity(host)])


def _identity(host: Host) -> Iterator[Operation]:
    """Every id of an ordinary user as itself."""
    if owns_networks(host):
        return
    groups, users = _groups(host), _users(host)
    helper = helper_for(groups, host.egid, host, group=True)
    yield WriteIdMap(file="gid_map", lines=text(groups), helper=helper, deny_setgroups=not helper)
    yield WriteIdMap(file="uid_map", lines=text(users), helper=helper_for(users, host.euid, host, group=False))


def _groups(host: Host) -> list[Line]:
    if host.can("CAP_SETGID") and host.can("CAP_SETUID"):
        return _whole(host.userns.gid_map)
    return _lines(host.egid, host.userns.subgid if host.userns.newgidmap else [])


def _users(host: Host) -> list[Line]:
    if host.can("CAP_SETGID") and host.can("CAP_SETUID"):
        return _whole(host.userns.uid_map)
    return _lines(host.euid, host.userns.subuid if host.userns.newuidmap else [])


def _whole(ours: list[IdMap]) -> list[Line]:
    """Root of a container without power over networks may map all that there is."""
    return [(row.inside, row.inside, row.count) for row in ours] or [(0, 0, LAST_GROUP + 1)]


def _lines(own: int, ranges: list[Range]) -> list[Line]:
    return [(own, own, 1), *((one.start, one.start, one.count) for one in ranges if not one.start <= own < one.start + one.count)]


def compile_within(host: Host, holder: int, operations: Iterable[Operation]) -> Plan:
    """The plan of what a process of the host does in the network that `holder`, a descriptor, stands for: all of it at the stage OPEN."""
    return Plan([_enter(host, holder, NEWNET | (0 if owns_networks(host) else NEWUSER)), *operations])


def _enter(host: Host, holder: int, flags: int, stage: int = at.OPEN) -> Operation:
    del host
    names = {NEWUSER: "user", NEWNET: "network"}
    return EnterNetwork(stage=stage, holder=holder, flags=flags, types=" ".join(name for bit, name in names.items() if flags & bit))


def join_network(host: Host) -> Iterator[Operation]:
    """The operations by which a run becomes a member; each run has its own descriptor and address in their place."""
    if not owns_networks(host):
        yield _enter(host, NOBODY, NEWUSER)
    yield _enter(host, NOBODY, NEWNET, at.JOIN)
    yield AddMember(bridge=BRIDGE, link=0, address="", prefix=0, ping_groups=_ping_groups(host))


def _ping_groups(host: Host) -> str:
    """From the first to the last group that the network's user namespace knows: the kernel wants both of them to be known there."""
    if owns_networks(host):
        return f"0 {max((row.inside + row.count - 1 for row in host.userns.gid_map), default=LAST_GROUP)}"
    lines = _groups(host)
    return f"{min(first for first, _, _ in lines)} {max(first + count - 1 for first, _, count in lines)}"
