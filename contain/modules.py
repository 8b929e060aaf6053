"""The modules of contain in one file: an interpreter that the front started finds a hundred of them with one read instead of a hundred look-ups.

The file lies beside the cached plans, in the folder that only its owner can enter, and is made by the first run that finds it missing or
stale. It is a marshal of ({module: (path, is a package, inode, size, mtime)}, {module: its code, as a marshal of its own}): a verb needs a
quarter of all modules, and only their stamps are checked and their codes made.
"""

import marshal
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    Stamp = tuple[str, bool, int, int, int]

PACKAGE = __file__.rsplit("/", 2)[0]
LIMIT = 32 << 20


class Finder:
    """Gives modules from the file; whatever it lacks the ordinary finders look for."""

    __slots__ = ("codes", "stamps")

    def __init__(self, stamps: "dict[str, Stamp]", codes: "dict[str, bytes]") -> None:
        """Stamps, which are checked when a module is asked for, and the codes for the same names."""
        self.stamps = stamps
        self.codes = codes

    def find_spec(self, name: str, path: object = None, target: object = None) -> "ModuleSpec | None":  # noqa: ARG002  the protocol's
        """importlib's protocol."""
        known = self.stamps.get(name)
        if known is None:
            return None
        if not is_current(known):
            del self.stamps[name]
            return None
        spec = type(sys.__spec__)(name, self, origin=known[0], is_package=known[1])  # type: ignore[arg-type]
        if known[1]:
            spec.submodule_search_locations = [known[0].rsplit("/", 1)[0]]
        return spec

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":  # noqa: ARG002
        """The usual kind."""
        return None

    def exec_module(self, module: "ModuleType") -> None:
        """Runs the module's code."""
        module.__file__ = self.stamps[module.__name__][0]  # not by importlib, which would look for a place of its own cache too
        code = marshal.loads(self.codes[module.__name__])  # noqa: S302  written by us, for us, where nobody else can
        exec(code, module.__dict__)  # noqa: S102  what import does


def folder() -> str:
    """The folder of the cached plans (contain.container.cache.folder), found without importing anything."""
    uid = posix.geteuid()
    runtime = posix.environ.get(b"XDG_RUNTIME_DIR", b"").decode(errors="surrogateescape")
    root = "/run/contain" if uid == 0 else f"{runtime}/contain" if runtime.startswith("/") else f"/tmp/contain-{uid}"
    return f"{root}-plans"


def name() -> str:
    """The file's name: another interpreter or another place of the package has another one."""
    place = PACKAGE.replace("/", "+")[-150:]
    return f".codes-{sys.implementation.cache_tag}-{sys.hexversion:x}{place}"


def stamp(path: str) -> tuple[int, int, int]:
    """Inode, size, time of change."""
    found = posix.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns


def is_current(known: "Stamp") -> bool:
    """Whether the file is what it was."""
    try:
        return stamp(known[0]) == known[2:]
    except OSError:
        return False


def install() -> None:
    """Puts the finder first, when the file is there and ours."""
    if posix.environ.get(b"CONTAIN_CACHE") == b"0":
        return
    try:
        at = posix.open(folder(), posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC)
    except OSError:
        return
    try:
        stamps, codes = _read(at)
    except (OSError, ValueError, EOFError, TypeError):
        return
    finally:
        posix.close(at)
    sys.meta_path.insert(0, Finder(stamps, codes))


def _read(at: int) -> "tuple[dict[str, Stamp], dict[str, bytes]]":
    place = posix.fstat(at)
    if place.st_uid != posix.geteuid() or place.st_mode & 0o77:
        raise ValueError("others may write there")
    fd = posix.open(name(), posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=at)
    try:
        found = posix.fstat(fd)
        if found.st_uid != posix.geteuid() or found.st_size > LIMIT:
            raise ValueError("not ours")
        stamps, codes = marshal.loads(posix.read(fd, found.st_size))  # noqa: S302  written by us, for us, where nobody else can
    finally:
        posix.close(fd)
    return dict(stamps), dict(codes)


def keep() -> None:
    """Writes the file anew when modules were imported that it lacks. Never fails: a cache is a convenience."""
    if not sys.flags.no_site or posix.environ.get(b"CONTAIN_CACHE") == b"0":
        return
    finder = next((one for one in sys.meta_path if isinstance(one, Finder)), None)
    known = finder.stamps if finder else {}
    loaded = {key: module for key, module in list(sys.modules.items()) if key.split(".")[0] == "contain" and hasattr(module, "__file__")}
    if loaded.keys() <= known.keys():
        return
    try:
        _write(loaded, finder)
    except (OSError, ValueError, AttributeError, ImportError):
        return


def _write(loaded: "dict[str, ModuleType]", finder: "Finder | None") -> None:
    stamps, codes = (dict(finder.stamps), dict(finder.codes)) if finder else ({}, {})
    for key, module in loaded.items():
        if key in stamps or not module.__file__ or module.__spec__ is None:
            continue
        code = marshal.dumps(module.__spec__.loader.get_code(key))  # type: ignore[union-attr]
        stamps[key] = (module.__file__, hasattr(module, "__path__"), *stamp(module.__file__))
        codes[key] = code
    place = folder()
    try:
        posix.mkdir(place, 0o700)
    except FileExistsError:
        pass
    if posix.lstat(place).st_uid != posix.geteuid() or posix.lstat(place).st_mode & 0o77:
        return
    fresh = f"{place}/.fresh-{posix.getpid()}"
    fd = posix.open(fresh, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC | posix.O_NOFOLLOW, 0o600)
    try:
        data = marshal.dumps((stamps, codes))
        complete = posix.write(fd, data) == len(data)
    finally:
        posix.close(fd)
    if complete:
        posix.rename(fresh, f"{place}/{name()}")
    else:
        posix.unlink(fresh)
