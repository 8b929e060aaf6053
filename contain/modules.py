"""The modules of contain in one file: an interpreter that the front started finds a hundred of them with one read instead of a hundred look-ups.

The file lies beside the cached plans, in the folder that only its owner can enter, and is made by the first run that finds it missing or
stale. It has 8 bytes with the size of its index, the index, a marshal of ({module: (path, is a package, inode, size, mtime)}, {module: (offset,
size)}, {verb: modules in the order in which they were complete}), and the codes, each a marshal of its own: a verb needs a quarter of all
modules, and only these are checked, read and made. Those that a verb needed before are made at once, without an import each.
"""

import marshal
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

    Stamp = tuple[str, bool, int, int, int]
    Place = tuple[int, int]

PACKAGE = __file__.rsplit("/", 2)[0]
LIMIT = 32 << 20
HEAD = 8
PREFIX = ".codes-"
#: so many modules may a verb import one by one before its list is written anew
STRAY = 8


class Finder:
    """Gives modules from the file; whatever it lacks the ordinary finders look for."""

    __slots__ = ("done", "fd", "lists", "places", "stamps")

    def __init__(self, fd: int, stamps: "dict[str, Stamp]", places: "dict[str, Place]", lists: "dict[str, list[str]]") -> None:
        """The open file; stamps, which are checked when a module is asked for; where its code stands; what each verb needs."""
        self.fd = fd
        self.stamps = stamps
        self.places = places
        self.lists = lists
        self.done: list[str] = []  # in the order in which they were complete

    def make(self, verb: str) -> None:
        """Makes what the verb needed before, in that order. If one of them is not what it was, all are left to import."""
        names = [name for name in self.lists.get(verb, ()) if name not in sys.modules]
        if not names:
            return
        if not all(name in self.stamps and is_current(self.stamps[name]) for name in names):
            del self.lists[verb]
            return
        try:
            made = {name: self._empty(name) for name in names}
            # a package may be complete after its modules, which must find it
            sys.modules.update({name: module for name, module in made.items() if self.stamps[name][1]})
            for name, module in made.items():
                sys.modules[name] = module
                exec(marshal.loads(self.code(name)), module.__dict__)  # noqa: S102, S302  what import does, with what only we could write
                parent, _, child = name.rpartition(".")
                setattr(sys.modules[parent], child, module)
            self.done += names
        except Exception:  # noqa: BLE001  import will say what is wrong, and where
            self.lists.pop(verb, None)
            for name in names:
                sys.modules.pop(name, None)

    def _empty(self, name: str) -> "ModuleType":
        known = self.stamps[name]
        module = type(sys)(name)
        module.__dict__.update(__file__=known[0], __loader__=self, __spec__=self._spec(name, known))
        module.__package__ = name if known[1] else name.rpartition(".")[0]
        if known[1]:
            module.__path__ = [known[0].rsplit("/", 1)[0]]
        return module

    def _spec(self, name: str, known: "Stamp") -> "ModuleSpec":
        spec: ModuleSpec = type(sys.__spec__)(name, self, origin=known[0], is_package=known[1])  # type: ignore[arg-type]
        if known[1]:
            spec.submodule_search_locations = [known[0].rsplit("/", 1)[0]]
        return spec

    def find_spec(self, name: str, path: object = None, target: object = None) -> "ModuleSpec | None":  # noqa: ARG002  the protocol's
        """importlib's protocol."""
        known = self.stamps.get(name)
        if known is None:
            return None
        if not is_current(known):
            del self.stamps[name]
            return None
        return self._spec(name, known)

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
        self.done.append(module.__name__)

    def get_code(self, name: str) -> "CodeType":
        """As importlib's loaders have it."""
        code: CodeType = marshal.loads(self.code(name))  # noqa: S302  as above
        return code

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
    return f"{PREFIX}{sys.implementation.cache_tag}-{sys.hexversion:x}{place}"


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


def install(words: "list[str] | None" = None) -> None:
    """Puts the finder first, when the file is there and ours; the first of `words` that is a verb says what will be needed."""
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
    for word in words or ():
        if word in finder.lists:
            finder.make(word)
            break


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
    stamps, places, lists = marshal.loads(posix.pread(fd, min(size, found.st_size), HEAD))  # noqa: S302  as above
    if any(offset + length > found.st_size for offset, length in places.values()):
        raise ValueError("half a file")
    return Finder(fd, dict(stamps), places, dict(lists))


def keep(*, fresh: bool = True) -> None:
    """Writes the file anew when modules were imported that it, or the list of the verb, lacks. Never fails: a cache is a convenience.

    Only with `fresh` is the folder made: who only reads documents leaves nothing behind.
    """
    if not sys.flags.no_site or posix.environ.get(b"CONTAIN_CACHE") == b"0":
        return
    finder = next((one for one in sys.meta_path if isinstance(one, Finder)), None)
    loaded = {key: module for key, module in list(sys.modules.items()) if key.split(".")[0] == "contain" and hasattr(module, "__file__")}
    verb = next((word for word in sys.argv[1:] if f"contain.cli.{word}" in loaded), "")
    known = finder.stamps if finder else {}
    lists = dict(finder.lists) if finder else {}
    complete = finder is not None and loaded.keys() <= known.keys()
    if finder and complete:
        if not verb or len(set(finder.done) - set(lists.get(verb, ()))) <= STRAY:
            return
        lists[verb] = finder.done + [name for name in lists.get(verb, ()) if name not in finder.done]
    try:
        if not fresh:
            posix.stat(folder())
        _write(loaded, finder, lists)
    except (OSError, ValueError, AttributeError, ImportError):
        return


def _joined(stamps: "dict[str, Stamp]", codes: "dict[str, bytes]", lists: "dict[str, list[str]]") -> bytes:
    """The file: places are behind the index, whose size does not depend on them (they are filled up to 2**31, five bytes each)."""
    places = {key: (1 << 30, len(code)) for key, code in codes.items()}
    offset = HEAD + len(marshal.dumps((stamps, places, lists)))
    for key, code in codes.items():
        places[key] = (offset, len(code))
        offset += len(code)
    index = marshal.dumps((stamps, places, lists))
    if codes and places[next(iter(codes))][0] != HEAD + len(index):
        raise ValueError("an index of another size")
    return len(index).to_bytes(HEAD, "little") + index + b"".join(codes.values())


def _write(loaded: "dict[str, ModuleType]", finder: "Finder | None", lists: "dict[str, list[str]]") -> None:
    stamps = {key: known for key, known in finder.stamps.items() if is_current(known)} if finder else {}
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
        data = _joined(stamps, codes, lists)
        complete = posix.write(fd, data) == len(data)
    finally:
        posix.close(fd)
    if not complete:
        posix.unlink(fresh)
        return
    posix.rename(fresh, f"{place}/{name()}")
    _forget_removed(place)


def _forget_removed(place: str) -> None:
    """The files of packages that are no longer there go."""
    for other in posix.listdir(place):
        if not other.startswith(PREFIX) or other == name():
            continue
        try:
            fd = posix.open(f"{place}/{other}", posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_CLOEXEC)
            try:
                stamps = _opened(fd).stamps
            finally:
                posix.close(fd)
            gone = not any(map(is_current, stamps.values()))
        except (OSError, ValueError, EOFError, TypeError):
            gone = True
        if gone:
            posix.unlink(f"{place}/{other}")
