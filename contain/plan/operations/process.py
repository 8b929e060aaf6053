"""Operations of the family process: what the container's process is when it starts."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation


class LimitResource(Operation):
    """Sets one resource limit of init from outside; -1 is unlimited."""

    remedies = {"EPERM": "raising a hard limit above contain's own needs CAP_SYS_RESOURCE: lower it, or raise contain's own limit first"}

    stage: int = at.PLACE
    name: str
    number: int
    soft: int
    hard: int

    def describe(self) -> str:
        """See the base."""
        soft, hard = ("unlimited" if value == -1 else str(value) for value in (self.soft, self.hard))
        if self.name == "RLIMIT_NPROC" and not self.origin:  # contain's own default, which nobody gave as an rlimit
            return f"limit processes and threads to {soft}, by RLIMIT_NPROC"
        return f"limit {self.name} to {soft}, hard {hard}"


class SetOomScore(Operation):
    """Writes init's oom_score_adj from outside, through a procfs that was checked to be one."""

    remedies = {
        "EACCES": "lowering oom_score_adj needs CAP_SYS_RESOURCE: use a value that is not below contain's own",
        "EPERM": "lowering oom_score_adj needs CAP_SYS_RESOURCE: use a value that is not below contain's own",
    }

    stage: int = at.PLACE
    value: int

    def describe(self) -> str:
        """See the base."""
        return f"set oom_score_adj to {self.value}"


class EnterFolder(Operation):
    """Changes to the working folder and checks that it is inside the root (CVE-2024-21626).

    The `first` try has the privileges of the set-up and may leave what it cannot do to the second, which has those of the user; `make` makes a
    missing folder.
    """

    remedies = {
        "ENOENT": "make the folder in the root file system, or correct process.cwd or --workdir",
        "ENOTDIR": "a file stands there: give a folder of the root file system",
        "EACCES": "the user may not enter this folder",
    }

    stage: int = at.GO
    path: str
    first: bool = False
    make: bool = False

    def describe(self) -> str:
        """See the base."""
        return f"change to the folder {self.path}"

    def words(self) -> str:
        """See the base."""
        return f"cannot chdir to {self.path}"


class FindProgram(Operation):
    """Looks the program up inside the root: in `lock`, so that `create` already says what is wrong, and in `go` for Execute."""

    remedies = {
        "ENOENT": "install the program in the root file system, or correct its name: it is looked up inside the container, in its PATH",
        "EACCES": "it must be a file that this user may execute, on no mount with noexec",
        "EISDIR": "give the path of a program",
    }

    stage: int = at.LOCK
    name: str
    path: str

    def describe(self) -> str:
        """See the base."""
        return f"look up {self.name} in {self.path}" if "/" not in self.name else f"look up {self.name}"

    def words(self) -> str:
        """See the base: engines match what follows."""
        return f'exec: "{self.name}"'


class LeaveHost(Operation):
    """Leaves nothing of ours to the program: descriptors above 2 + `preserve` close, mask and dispositions are the default, umask is set."""

    stage: int = at.GO
    umask: int
    preserve: int = 0

    def describe(self) -> str:
        """See the base."""
        kept = f", keep descriptors 3 to {2 + self.preserve}" if self.preserve else ""
        return f"close descriptors{kept}, reset signals, umask {self.umask:04o}"

    def words(self) -> str:
        """See the base."""
        return "cannot clean up before the program is executed"


class Execute(Operation):
    """Replaces init by the program that FindProgram found last, and makes no other system call."""

    remedies = {
        "ENOENT": "its interpreter (the first line of a script, the loader of a dynamic program) is missing in the root file system",
        "ENOEXEC": "it is no program for this machine: a script needs a first line with #!, a binary the machine's architecture",
        "EACCES": "it must be a file that this user may execute, on no mount with noexec, and so must its interpreter",
        "E2BIG": "arguments and environment are too long together",
    }

    stage: int = at.GO
    args: list[str]
    env: list[str]

    def describe(self) -> str:
        """See the base."""
        return f"execute {' '.join(self.args)}"

    def words(self) -> str:
        """See the base: engines match what follows."""
        return f'exec: "{self.args[0]}"'
