"""The modules of contain in one file: an interpreter that the front started finds a hundred of them with one read instead of a hundred look-ups.

The file lies beside the cached plans, in the folder that only its owner can enter, and is made by the first run that finds it missing or
stale. It has 8 bytes with the size of its index, the index, a marshal of ({module: (path, is a package, inode, size, mtime)}, {module: (offset,
size)}), and the codes, each a marshal of its own: a verb needs a quarter of all modules, and only these are checked, read and made.
"""

import marshal
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    Stamp = tuple[str, bool, int, int, int]
    Place = tuple[int, int]

PACKAGE = __file__.rsplit("/", 2)[0]
LIMIT = 32 << 20
HEAD = 8


class Finder:
    """Gives modules from the file; whatever it lacks the ordinary finders look for."""

    __slots__ = ("fd", "places", "stamps")

    def __init__(self, fd: int, stamps: "dict[str, Stamp]", places: "dict[str, Place]") -> None:
        """The open file; stamps, which are checked when a module is asked for; and where its code stands."""
        self.fd = fd
        self.stamps = stamps
        self.places = places

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
        try:
            code = marshal.loads(self.code(module.__name__))  # noqa: S302  written by us, for us, where nobody else can
        except (OSError, ValueError, EOFError, TypeError):  # a broken file is no error
            with open(module.__file__, "rb") as source:
                code = compile(source.read(), module.__file__, "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102  what import does

    def code(self, name: str) -> bytes:
        """As it stands in the file."""
        offset, size = self.places[name]
        return posix.pread(self.fd, size, offset)


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
        finder = _read(at)
    except (OSError, ValueError, EOFError, TypeError):
        return
    finally:
        posix.close(at)
    sys.meta_path.insert(0, finder)


def _read(at: int) -> Finder:
    place = posix.fstat(at)
    if place.st_uid != posix.geteuid() or place.st_mode & 0o77:
        raise ValueError("others may write there")
    fd = posix.open(name(), posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=at)
    try:
        return _opened(fd)
    except BaseException:
        posix.close(fd)
        raise


def _opened(fd: int) -> Finder:
    found = posix.fstat(fd)
    if found.st_uid != posix.geteuid() or found.st_size > LIMIT:
        raise ValueError("not ours")
    size = int.from_bytes(posix.pread(fd, HEAD, 0), "little")
    stamps, places = marshal.loads(posix.pread(fd, min(size, found.st_size), HEAD))  # noqa: S302  as above
    if any(offset + length > found.st_size for offset, length in places.values()):
        raise ValueError("half a file")
    return Finder(fd, dict(stamps), places)


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


def _joined(stamps: "dict[str, Stamp]", codes: "dict[str, bytes]") -> bytes:
    """The file: places are behind the index, whose size does not depend on them (they are filled up to 2**31, five bytes each)."""
    places = {key: (1 << 30, len(code)) for key, code in codes.items()}
    offset = HEAD + len(marshal.dumps((stamps, places)))
    for key, code in codes.items():
        places[key] = (offset, len(code))
        offset += len(code)
    index = marshal.dumps((stamps, places))
    if codes and places[next(iter(codes))][0] != HEAD + len(index):
        raise ValueError("an index of another size")
    return len(index).to_bytes(HEAD, "little") + index + b"".join(codes.values())


def _write(loaded: "dict[str, ModuleType]", finder: "Finder | None") -> None:
    stamps = dict(finder.stamps) if finder else {}
    codes = {key: finder.code(key) for key in stamps} if finder else {}
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
        data = _joined(stamps, codes)
        complete = posix.write(fd, data) == len(data)
    finally:
        posix.close(fd)
    if complete:
        posix.rename(fresh, f"{place}/{name()}")
    else:
        posix.unlink(fresh)
