"""Descriptor slots: numbers by which the operations of a plan hand descriptors to each other."""

from __future__ import annotations

NONE = 0
ROOT = 1  # the container's root: a mounted tree, later attached
CGROUP = 2  # the container's cgroup v2 folder, for CLONE_INTO_CGROUP
STATE = 3  # the container's state folder
CONSOLE = 4  # the terminal of the container, its own side
PROC = 5  # a procfs that was verified to be one
HOST_ROOT = 6  # the host's root as init sees it before pivot_root
LISTENER = 7  # a seccomp listener
NOTE = 8  # the note of a run that nobody can ask for: what its teardown has to undo
FIRST_FREE = 16
COUNT = 256
UNDOS = 64  # ARMED_COUNT of the launcher; 0 is no undo

NAMES = {
    ROOT: "ROOT",
    CGROUP: "CGROUP",
    STATE: "STATE",
    CONSOLE: "CONSOLE",
    PROC: "PROC",
    HOST_ROOT: "HOST_ROOT",
    LISTENER: "LISTENER",
    NOTE: "NOTE",
}


class Slots:
    """Gives out slot numbers while a plan is compiled."""

    __slots__ = ("_by_name", "_next", "_undos")

    def __init__(self) -> None:
        """None is taken yet."""
        self._by_name: dict[str, int] = {}
        self._next = FIRST_FREE
        self._undos: dict[str, int] = {}

    def undo(self, name: str) -> int:
        """The number by which an operation that changes the host arms its undo (launcher: arm, is_armed), a new one at the first call."""
        if name not in self._undos:
            if len(self._undos) + 1 >= UNDOS:
                raise OverflowError(f"more than {UNDOS - 1} changes of the host are to be undone")
            self._undos[name] = len(self._undos) + 1
        return self._undos[name]

    def new(self, name: str) -> int:
        """The slot of that name, a new one at the first call; names are free text (`mounts/3`)."""
        if name not in self._by_name:
            if self._next >= COUNT:
                raise OverflowError(f"more than {COUNT - FIRST_FREE} descriptors are wanted at once")
            self._by_name[name] = self._next
            self._next += 1
        return self._by_name[name]

    def has(self, name: str) -> bool:
        """Whether a slot of that name was given out."""
        return name in self._by_name

    def free(self) -> int:
        """How many more can be given out."""
        return COUNT - self._next
