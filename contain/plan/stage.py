"""The stages of a plan, in the order in which they happen (docs/design.md, "Stages").

A stage fixes which process executes an operation and what that process sees; no operation names a process.
"""

from __future__ import annotations

OPEN = 1  # host: open by descriptor what later stages need; claim the id
CGROUP = 2  # host: make and delegate cgroups
JOIN = 3  # a throw-away joiner: v1 placement, setns, unshare of user and time namespaces
MAP = 4  # host, for joiner or init: uid_map, gid_map, time offsets
ENTER = 5  # init, just made by clone3: ids in the map, private propagation
PLACE = 6  # host, for init: placement in cgroups, prlimit, oom_score_adj, net devices
PREPARE = 7  # init, the host still in view: mounts, /dev, console, loopback
HOST_HOOKS = 8  # host: limits and device rules, prestart and createRuntime hooks
PIVOT = 9  # init: createContainer hooks, pivot_root, masks, read-only, sysctl, host name
PUBLISH = 10  # host: state and pid file
LOCK = 11  # init: keyring, scheduling, LSM, ids, capabilities, no_new_privs, seccomp
GATE = 12  # init: wait at the start fifo (create) or not (run)
GO = 13  # init: startContainer hooks, close descriptors, execve
AFTER = 14  # host: poststart hooks
TEARDOWN = 15  # monitor or guardian, whoever is left: undo, in the order of the list; poststop hooks

NAMES = {
    OPEN: "open",
    CGROUP: "cgroup",
    JOIN: "join",
    MAP: "map",
    ENTER: "enter",
    PLACE: "place",
    PREPARE: "prepare",
    HOST_HOOKS: "host-hooks",
    PIVOT: "pivot",
    PUBLISH: "publish",
    LOCK: "lock",
    GATE: "gate",
    GO: "go",
    AFTER: "after",
    TEARDOWN: "teardown",
}
