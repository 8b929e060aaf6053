"""The cache of plans: what `contain run` planned is kept for the front, which executes it again without Python while all that it depends on holds.

An entry is `contain plan 1`, lines of stamps (launcher/src/front/stamps.h) and of the launcher's words, an empty line, the plan. What the
plan depends on is what was opened while it was made, and the paths that the spec names. CONTAIN_CACHE=0 turns the cache off.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from contain.spec.model import Spec

KEY = "CONTAIN_PLAN_KEY"
MAGIC = b"contain plan 1\n"
PLAN_WORD = "\x01plan"
#: entries that are kept, the newest ones
KEPT = 256
#: kernel files whose text says something about this very process or moment, and nothing that a plan uses
IGNORED = ("/proc/self/fd", "/proc/self/ns", "/proc/self/exe", "/dev/null")


class Journal:
    """Notes every path that this process opens from now on; made by `begin` when the front asked for it."""

    __slots__ = ("key", "paths")

    def __init__(self, key: str) -> None:
        """`key` is the entry's name."""
        self.key = key
        self.paths: dict[str, None] = {}

    def heed(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The audit hook (PEP 578): opens and listings of absolute paths."""
        if event in {"open", "os.listdir", "os.scandir"} and arguments and isinstance(arguments[0], str) and arguments[0].startswith("/"):
            self.paths[arguments[0]] = None


def begin() -> Journal | None:
    """A journal when the front gave a key: before anything is read for the plan."""
    key = os.environ.pop(KEY, "")
    if len(key) != 64 or not key.isalnum():
        return None
    journal = Journal(key)
    journal.heed("", ())  # where it stands aside (contain/packed) it is read now: to read it is an event too, which it would be told of
    sys.addaudithook(journal.heed)
    return journal


def keep(journal: Journal, spec: Spec, plan: bytes, words: Sequence[str]) -> None:
    """Writes the entry; a run whose plan stands for this moment only is not kept. Never fails: a cache is a convenience."""
    if spec.run.temporary or spec.run.tty or spec.run.devices_all or spec.warnings or spec.kind == "aci":
        return
    try:
        _write(journal.key, b"".join(_lines(journal, spec, words)) + b"\n" + plan)
    except (OSError, ValueError):
        return


def folder() -> str:
    """Where the plans of this user are: beside the state root, never in it."""
    from contain.state.layout import own_root

    return own_root() + "-plans"


def _lines(journal: Journal, spec: Spec, words: Sequence[str]) -> Iterable[bytes]:
    from contain.plan.wanted import wanted

    yield MAGIC
    same = {path for path in (spec.bundle, spec.run.workspace_path, *wanted(spec).sources) if path}
    for path in list(journal.paths):
        if path.startswith(("/proc/", "/sys/")):
            if not path.startswith(IGNORED):
                yield _text_stamp(path)
        elif not path.endswith(".pyc") and path not in same:
            yield _stamp("S", path)
    yield from _own_files()
    for path in (spec.root, f"{spec.root}/etc", f"{spec.root}/etc/passwd", f"{spec.root}/etc/group") if spec.root else ():
        yield _stamp("S", path)
    for path in sorted(same):
        yield _stamp("I", path)
    if spec.kind == "rootfs":  # it would be a bundle or an image's layout if these were there
        yield _stamp("S", f"{spec.root}/config.json")
        yield _stamp("S", f"{spec.root}/manifest")
    for word in words:
        yield b"W " + _safe(word) + b"\n"


def _own_files() -> Iterable[bytes]:
    """Contain's own modules, seventy of them, below one folder: the front walks to it once."""
    folder = os.path.dirname(getattr(sys.modules["contain"], "__file__", None) or "")
    yield b"D " + _safe(folder) + b"\n"
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) or ""
        if "/contain/" in file and getattr(module, "__name__", "").startswith("contain"):
            yield _stamp("S", file, file.removeprefix(f"{folder}/"))


def _safe(text: str) -> bytes:
    data = os.fsencode(text)
    if b"\n" in data or b"\0" in data:
        raise ValueError("a line cannot hold it")
    return data


def _stamp(kind: str, path: str, name: str = "") -> bytes:
    """`name`, below the folder of the last `D`, stands for the path in the line."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return b"A " + _safe(path) + b"\n"
    numbers = [found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_gid]
    if kind == "S":
        numbers += [found.st_size, found.st_mtime_ns, found.st_ctime_ns]
    return f"{kind} {' '.join(map(str, numbers))} ".encode() + _safe(name or path) + b"\n"


def _text_stamp(path: str) -> bytes:
    import hashlib

    try:
        with open(path, "rb", buffering=0) as file:
            data = b"".join(iter(lambda: file.read(1 << 16), b""))
    except FileNotFoundError:
        return b"A " + _safe(path) + b"\n"
    except IsADirectoryError:
        return _stamp("I", path)
    except OSError:  # an LSM that is off
        return b"U " + _safe(path) + b"\n"
    if path == "/proc/self/status":
        starts = (b"Uid:", b"Gid:", b"Groups:", b"Cap", b"NoNewPrivs:", b"Seccomp:")
        data = b"".join(line + b"\0" for line in data.split(b"\n") if line.startswith(starts))
    elif path.endswith("/cgroup.procs"):  # whether somebody is there, not who
        data = b"x" if data else b""
    elif path == "/proc/net/unix":
        data = b"".join(line[line.index(b"/") :] + b"\0" for line in data.split(b"\n") if b"/" in line and b" 00010000 " in line)
    return f"H {hashlib.sha256(data).hexdigest()} ".encode() + _safe(path) + b"\n"


def _write(key: str, data: bytes) -> None:
    path = folder()
    os.makedirs(path, mode=0o700, exist_ok=True)
    found = os.lstat(path)
    if found.st_uid != os.geteuid() or found.st_mode & 0o77:
        return
    fresh = f"{path}/.{key}.{os.getpid()}"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
    os.rename(fresh, f"{path}/{key}")
    _prune(path)


def _prune(path: str) -> None:
    """Beyond KEPT entries the oldest half goes."""
    names = [name for name in os.listdir(path) if not name.startswith(".")]
    if len(names) <= KEPT:
        return
    names.sort(key=lambda name: os.lstat(f"{path}/{name}").st_mtime_ns)
    for name in names[: len(names) // 2]:
        os.unlink(f"{path}/{name}")
