"""Makes a pack (contain.packed.read) of what the verb that ran imported, and of what runs of it before had needed."""

from __future__ import annotations

import marshal
import os
import sys

from contain.packed import cold
from contain.packed.read import TAIL, WORD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType

    from contain.packed.read import Pack, Row

PREFIX = ".pack-"
#: a .pyc file's head: the magic number, no flags, and neither time nor size of a source
HEAD = 16


def write(names: Iterable[str], pack: Pack | None, called: dict[int, CodeType], *, fresh: bool) -> None:
    """Of these modules, in the order in which they were complete. The verb ran from `pack`, or without one and called these.

    Only with `fresh` is the folder made. Raises OSError, ValueError, ImportError.
    """
    verb = next((word for word in sys.argv if f"contain.cli.{word}" in sys.modules), "")
    place = folder()
    if verb and "." not in verb and (fresh or os.path.exists(place)):
        found = [name for name in names if getattr(sys.modules.get(name), "__file__", None)]
        _place(place, name_of(verb), _joined(found, _cold_of_pack(pack) if pack else _cold_of_run(called)))


def folder() -> str:
    """The folder of the cached plans, wherever --root lies."""
    from contain.state.layout import own_root

    return own_root() + "-plans"


def package() -> str:
    """The folder in which the package is."""
    return __file__.rsplit("/", 3)[0]


def name_of(verb: str) -> str:
    """The file's name (front/packed.c): another interpreter or another place of the package has another one."""
    return f"{PREFIX}{verb}-{sys.version_info.major}.{sys.version_info.minor}{package().replace('/', '+')[-150:]}"


def _cold_of_run(called: dict[int, CodeType]) -> Callable[[CodeType], bool]:
    """What was not called while the verb ran without a pack; nothing when nobody looked."""
    seen = {_key(code) for code in called.values()}
    return lambda code: bool(seen) and _key(code) not in seen


def _cold_of_pack(pack: Pack) -> Callable[[CodeType], bool]:
    """What was not called before, nor now."""
    still = {_key(stub) for row in pack.rows for stub, offset in cold.stubs(row[2]) if offset not in pack.read}
    return lambda code: _key(code) in still


def _key(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _joined(names: Iterable[str], is_cold: Callable[[CodeType], bool]) -> bytes:
    """The file: head, functions that stand aside, rows, lines, tail."""
    from importlib.util import MAGIC_NUMBER

    parts = [MAGIC_NUMBER.ljust(HEAD, b"\0"), marshal.dumps(_code("contain.packed.read"))]
    sizes = [sum(map(len, parts))]

    def put(data: bytes) -> int:
        parts.append(data)
        sizes.append(sizes[-1] + len(data))
        return sizes[-2]

    rows: list[Row] = []
    lines = [package(), _stamp(f"{package()}/contain/packed/read.py")]
    for name in names:
        path = str(sys.modules[name].__file__)
        lines.append(_stamp(path))
        rows.append((name, path, cold.without_lines(cold.parted(_code(name), is_cold, put))))
    start = put(marshal.dumps(tuple(rows)))
    end = put(os.fsencode("".join(f"{line}\n" for line in lines)))
    python = os.stat(sys.executable)
    numbers = (python.st_ino, python.st_size, python.st_mtime_ns, start, end)
    tail = b"".join(number.to_bytes(8, "little") for number in numbers) + WORD
    assert len(tail) == TAIL  # noqa: S101  front/packed.c has the same number
    return b"".join(parts) + tail


def _stamp(path: str) -> str:
    if "\n" in path:
        raise ValueError("a line cannot hold it")
    found = os.stat(path)
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns} {path}"


def _code(name: str) -> CodeType:
    """A module's whole code, by the finder that finds it without a pack."""
    from importlib.machinery import PathFinder

    parent = name.rpartition(".")[0]
    spec = PathFinder.find_spec(name, list(sys.modules[parent].__path__) if parent else None)
    code: CodeType | None = spec.loader.get_code(name) if spec and spec.loader else None  # type: ignore[attr-defined]
    if code is None:
        raise ImportError(name)
    return code


def _place(place: str, name: str, data: bytes) -> None:
    try:
        os.mkdir(place, 0o700)
    except FileExistsError:
        pass
    found = os.lstat(place)
    if found.st_uid != os.geteuid() or found.st_mode & 0o77:
        return
    draft = f"{place}/.draft-{os.getpid()}"
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        complete = os.write(fd, data) == len(data)
    finally:
        os.close(fd)
    if complete:
        os.rename(draft, f"{place}/{name}")
    else:
        os.unlink(draft)
    _forget(place)


def _forget(place: str) -> None:
    """Packs of packages that are no longer there go, and drafts of processes that were killed."""
    for name in os.listdir(place):
        path = f"{place}/{name}"
        if name.startswith(PREFIX):
            if not os.path.exists(_folder_of(path)):
                os.unlink(path)
        elif name.startswith("."):
            pid = name.rpartition("-" if "-" in name else ".")[2]
            if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
                os.unlink(path)


def _folder_of(path: str) -> bytes:
    """Where a pack's package is; empty when it is no pack."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        size = os.fstat(fd).st_size
        tail = os.pread(fd, TAIL, max(size - TAIL, 0))
        end = int.from_bytes(tail[32:40], "little")
        return os.pread(fd, 4096, end).partition(b"\n")[0] if tail[40:] == WORD else b""
    finally:
        os.close(fd)
