"""Mount options: what each word of the runtime specification's table means, as bits of mount_setattr(2) and as the file system's own."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RDONLY, NOSUID, NODEV, NOEXEC, NODIRATIME, NOSYMFOLLOW = 0x1, 0x2, 0x4, 0x8, 0x80, 0x200000
NOATIME, STRICTATIME, ATIME = 0x10, 0x20, 0x70
UNBINDABLE, PRIVATE, SLAVE, SHARED = 1 << 17, 1 << 18, 1 << 19, 1 << 20

#: option → (bits set, bits cleared); with an r in front they count for all mounts below too
_ATTRIBUTES = {
    "ro": (RDONLY, 0),
    "rw": (0, RDONLY),
    "nosuid": (NOSUID, 0),
    "suid": (0, NOSUID),
    "nodev": (NODEV, 0),
    "dev": (0, NODEV),
    "noexec": (NOEXEC, 0),
    "exec": (0, NOEXEC),
    "nodiratime": (NODIRATIME, 0),
    "diratime": (0, NODIRATIME),
    "nosymfollow": (NOSYMFOLLOW, 0),
    "symfollow": (0, NOSYMFOLLOW),
    "noatime": (NOATIME, ATIME),
    "strictatime": (STRICTATIME, ATIME),
    "relatime": (0, ATIME),
    "atime": (0, ATIME),
    "norelatime": (0, ATIME),
    "nostrictatime": (0, ATIME),
}
_PROPAGATIONS = {"private": PRIVATE, "shared": SHARED, "slave": SLAVE, "unbindable": UNBINDABLE}
#: flags of a whole file system: passed to it by name; their opposites are what is so anyway
_SYSTEM_FLAGS = ("sync", "dirsync", "lazytime", "mand")
#: kernels count versions of inodes where the file system can, asked or not, and fsconfig(2) knows no word for it
_NOTHING = ("defaults", "async", "nolazytime", "nomand", "iversion", "noiversion", "silent", "loud")


class Options:
    """The options of one mount, read in their order: a later one undoes an earlier one."""

    __slots__ = (
        "attr_clear",
        "attr_set",
        "bind",
        "copy_up",
        "data",
        "idmap",
        "overlay",
        "propagation",
        "propagation_recursive",
        "recursive",
        "recursive_clear",
        "recursive_set",
        "remount",
        "system",
    )

    def __init__(self, words: list[str]) -> None:
        """Reads the words; what no table knows is the file system's own (`data`)."""
        self.attr_set = self.attr_clear = self.recursive_set = self.recursive_clear = self.propagation = 0
        self.propagation_recursive = self.bind = self.recursive = self.remount = self.copy_up = self.overlay = False
        self.idmap = ""  # "idmap", "ridmap" or ""
        self.system: list[str] = []
        self.data: list[str] = []
        for word in words:
            self._read(word)

    def _read(self, word: str) -> None:
        below = word[1:] if word[:1] == "r" else ""
        if word in _ATTRIBUTES:
            self.attr_set, self.attr_clear = _apply(self.attr_set, self.attr_clear, _ATTRIBUTES[word])
        elif word in _PROPAGATIONS:
            self.propagation, self.propagation_recursive = _PROPAGATIONS[word], False
        elif word in ("bind", "rbind"):
            self.bind, self.recursive = True, self.recursive or word == "rbind"
        elif below in _PROPAGATIONS:
            self.propagation, self.propagation_recursive = _PROPAGATIONS[below], True
        elif below in _ATTRIBUTES:
            self.recursive_set, self.recursive_clear = _apply(self.recursive_set, self.recursive_clear, _ATTRIBUTES[below])
        elif word in ("idmap", "ridmap"):
            self.idmap = word
        elif word == "remount":
            self.remount = True
        elif word == "tmpcopyup":
            self.copy_up = True
        elif word == "O":  # docker and podman's word for a throw-away overlay
            self.overlay = True
        elif word in _SYSTEM_FLAGS:
            self.system.append(word)
        elif word not in _NOTHING:
            self.data.append(word)

    def attributes(self) -> dict[str, Any]:
        """As the fields of a mount operation."""
        return {
            "attr_set": self.attr_set,
            "attr_clear": self.attr_clear,
            "recursive_set": self.recursive_set,
            "recursive_clear": self.recursive_clear,
            "propagation": self.propagation,
            "propagation_recursive": self.propagation_recursive,
        }


def _apply(old_set: int, old_clear: int, bits: tuple[int, int]) -> tuple[int, int]:
    set_now, clear_now = bits
    return (old_set & ~clear_now) | set_now, (old_clear & ~set_now) | clear_now


def propagation_of(word: str) -> tuple[int, bool]:
    """`rslave` → (MS_SLAVE, True); (0, False) for none."""
    if word in _PROPAGATIONS:
        return _PROPAGATIONS[word], False
    return (_PROPAGATIONS[word[1:]], True) if word[:1] == "r" and word[1:] in _PROPAGATIONS else (0, False)


def known_words() -> list[str]:
    """Every option that does not belong to a file system, sorted: what `features` reports."""
    below = ["r" + word for word in (*_ATTRIBUTES, *_PROPAGATIONS)]
    return sorted(
        {*_ATTRIBUTES, *_PROPAGATIONS, *below, *_SYSTEM_FLAGS, *_NOTHING, "bind", "rbind", "remount", "tmpcopyup", "idmap", "ridmap"}
    )
