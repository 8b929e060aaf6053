"""Operations of the family devices: nodes and links of /dev."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation


class MakeDevice(Operation):
    """Makes a node (`kind` is c, b or p); where that is refused, shows the host's own at `source` in its place, verified by its numbers."""

    remedies = {
        "ENOENT": "a user namespace can only show devices of the host: this one is not there",
        "EPERM": "the user may not make this device",
        "EROFS": "mount a tmpfs on /dev, or create the device in the root",
        "EACCES": "mount a tmpfs on /dev: the folder belongs to another user",
    }

    stage: int = at.PREPARE
    path: str
    kind: str
    major: int = 0
    minor: int = 0
    mode: int = 0o666
    uid: int = 0
    gid: int = 0
    source: str = ""
    bind: bool = False

    def describe(self) -> str:
        """See the base."""
        what = "fifo" if self.kind == "p" else f"device {self.kind} {self.major}:{self.minor}"
        return f"show {self.source} as {self.path}" if self.bind else f"make {self.path}: {what}"

    def words(self) -> str:
        """See the base."""
        return f"cannot make {self.path}"


class MakeLink(Operation):
    """Makes a symbolic link; one that leads to nothing is not made unless it may be `dangling`, what is there stays unless `replace`."""

    stage: int = at.PREPARE
    path: str
    target: str
    replace: bool = False
    dangling: bool = False

    def describe(self) -> str:
        """See the base."""
        return f"link {self.path} to {self.target}"
