"""The keywords of the library, for type checkers: Sandbox's are the rows of contain/spec/options.py (a test compares), run's are here.

Never imported when a program runs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Literal, Required, TypeAlias, TypedDict

if TYPE_CHECKING:
    from contain.container.member import Network

StrPath: TypeAlias = str | os.PathLike[str]
Size: TypeAlias = int | str
Time: TypeAlias = float | str
Rows: TypeAlias = Sequence[StrPath] | Mapping[str, Any] | str
Stream: TypeAlias = int | IO[Any] | None
User: TypeAlias = str | int | tuple[int, int]


class SandboxOptions(TypedDict, total=False):
    """What a Sandbox takes; docs/options.md says what each means."""

    rootfs: StrPath | None
    image: StrPath | None
    spec: StrPath | Mapping[str, Any] | None
    keep: bool
    env: Rows
    env_file: Rows
    workdir: StrPath
    cwd: StrPath
    user: User
    tty: bool
    init: bool
    hostname: str
    ulimit: Rows
    ulimits: Rows
    memory: Size | None
    memory_swap: Size | None
    cpus: float | str | None
    cpuset_cpus: str | None
    pids_limit: int | None
    timeout: Time | None
    cpu_time: Time | None
    disk: Size | None
    cgroup_parent: str
    volume: Rows
    volumes: Rows
    mount: Rows
    mounts: Rows
    tmpfs: Rows
    read_only: bool
    workspace: Literal["ro", "overlay", "rw", "none"]
    overlay: bool
    socket: Rows
    sockets: Rows
    device: Rows
    devices: Rows
    privileged: bool
    cap_add: Rows
    cap_drop: Rows
    security_opt: Rows
    seccomp_action: Literal["errno", "report", "kill", "log", "trap"]
    network: Literal["none", "host"] | Network
    userns: Literal["auto", "keep-id", "host"]
    name: str
    label: Rows
    labels: Rows
    rm: bool
    pid_file: StrPath
    die_with_parent: bool
    strict: bool
    allow_missing: Sequence[str] | str
    console_socket: StrPath
    pidfd_socket: StrPath
    no_pivot: bool
    no_new_keyring: bool
    no_subreaper: bool
    no_mount_fallback: bool


class StartOptions(TypedDict, total=False):
    """What Sandbox.start takes."""

    input: bytes | str | None
    stdin: Stream
    stdout: Stream
    stderr: Stream
    capture_output: bool
    text: bool | None
    encoding: str | None
    errors: str | None
    env: Mapping[str, str] | None
    cwd: StrPath | None
    timeout: Time | None
    cpu_time: Time | None
    output_limit: Size | None
    on_excess: Literal["tail", "drain", "kill"] | None
    pass_fds: Sequence[int]
    member: str


class RunOptions(StartOptions, total=False):
    """What Sandbox.run takes."""

    check: bool


class BytesOptions(TypedDict, total=False):
    """Those of a run that gives bytes."""

    input: bytes | str | None
    stdin: Stream
    stdout: Stream
    stderr: Stream
    capture_output: bool
    env: Mapping[str, str] | None
    cwd: StrPath | None
    timeout: Time | None
    cpu_time: Time | None
    output_limit: Size | None
    on_excess: Literal["tail", "drain", "kill"] | None
    pass_fds: Sequence[int]
    check: bool
    member: str


class TextOptions(BytesOptions, total=False):
    """Those of a run that gives text: `text=True`."""

    text: Required[Literal[True]]
    encoding: str | None
    errors: str | None


class EncodedOptions(BytesOptions, total=False):
    """The same by `encoding`."""

    encoding: Required[str]
    text: bool | None
    errors: str | None


class ExecOptions(RunOptions, total=False):
    """What Container.exec and Container.popen take."""

    user: User


class AllOptions(SandboxOptions, total=False):
    """What run() takes: both (`env`, `cwd` and the times mean the same in both)."""

    input: bytes | str | None
    stdin: Stream
    stdout: Stream
    stderr: Stream
    capture_output: bool
    text: bool | None
    encoding: str | None
    errors: str | None
    check: bool
    output_limit: Size | None
    on_excess: Literal["tail", "drain", "kill"] | None
    pass_fds: Sequence[int]
    member: str


class AllBytesOptions(SandboxOptions, total=False):
    """Those of run() that give bytes."""

    input: bytes | str | None
    stdin: Stream
    stdout: Stream
    stderr: Stream
    capture_output: bool
    check: bool
    output_limit: Size | None
    on_excess: Literal["tail", "drain", "kill"] | None
    pass_fds: Sequence[int]
    member: str


class AllTextOptions(AllBytesOptions, total=False):
    """Those of run() that give text: `text=True`."""

    text: Required[Literal[True]]
    encoding: str | None
    errors: str | None


class AllEncodedOptions(AllBytesOptions, total=False):
    """The same by `encoding`."""

    encoding: Required[str]
    text: bool | None
    errors: str | None


class ExecBytesOptions(BytesOptions, total=False):
    """Those of exec() that give bytes."""

    user: User


class ExecTextOptions(TextOptions, total=False):
    """Those of exec() that give text: `text=True`."""

    user: User


class ExecEncodedOptions(EncodedOptions, total=False):
    """The same by `encoding`."""

    user: User
