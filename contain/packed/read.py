"""The head of a pack: makes the modules of a verb at once and calls the command line. Its code stands at the start of every pack.

A pack is a .pyc file that the front gives to the interpreter, when it was made for this one and of modules that are what they were: this
module's code; the functions that no run of the verb called yet, each a marshal of its own; a marshal of rows (a module's name, path, code);
lines that the front reads (the package's folder, then inode, size, mtime and path of each module); and a tail (TAIL). It lies beside the
cached plans, in the folder that only its owner can enter; contain.packed.write makes it.
"""

import marshal
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any

    Row = tuple[str, str, CodeType]

#: at the end of the file: the interpreter's inode, size and mtime, where the rows start and end, eight bytes each, and this word (front/packed.c)
TAIL = 48
WORD = b"CONTPCK1"
#: so many modules may be imported, and functions be read, one by one before the pack is made anew
STRAY = 8
COLD = 24
#: of co_flags: a plain function may not become one
GENERATOR = 0x20


class Noting:
    """A loader that notes when its module is complete; the order is that in which a pack makes them."""

    def __init__(self, real: "Any", done: "list[str]") -> None:
        """Wraps a loader of importlib's."""
        self.real, self.done = real, done

    def __getattr__(self, name: str) -> "Any":
        """All else is the loader's own."""
        return getattr(self.real, name)

    def exec_module(self, module: "ModuleType") -> None:
        """Runs the module's code."""
        self.real.exec_module(module)
        self.done.append(module.__name__)


class Finder:
    """Stands first among the finders; gives our modules as the others find them, and notes the order in which they are complete."""

    def __init__(self, done: "list[str]") -> None:
        """`done` holds what is complete, and goes on growing."""
        self.done = done

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "ModuleSpec | None":
        """importlib's protocol."""
        if name.partition(".")[0] != "contain":
            return None
        for other in sys.meta_path:
            spec = None if other is self else other.find_spec(name, path, target)
            if spec is not None:
                spec.loader = Noting(spec.loader, self.done)  # type: ignore[assignment]
                return spec
        return None


class Pack:
    """An open pack. It is the loader of the modules it made, and finds the functions that it left out (contain.packed.cold)."""

    def __init__(self, fd: int) -> None:
        """Of an open file, which nobody else inherits. Raises OSError, ValueError when it is not whole."""
        self.fd = fd
        posix.set_inheritable(fd, False)
        size = posix.fstat(self.fd).st_size
        tail = posix.pread(self.fd, TAIL, size - TAIL)
        start, end = (int.from_bytes(tail[at : at + 8], "little") for at in (24, 32))
        if tail[40:] != WORD or not start < end <= size - TAIL:
            raise ValueError("not a pack")
        self.rows: tuple[Row, ...] = marshal.loads(posix.pread(self.fd, end - start, start))  # noqa: S302  only we can write there
        self.done: list[str] = []
        self.read: dict[int, Callable[..., Any]] = {}

    def make(self) -> None:
        """Makes the modules. A package may be complete after its modules, which must find it."""
        kind = type(sys)
        modules = sys.modules
        made = []
        for name, path, code in self.rows:
            module = kind(name)
            space = module.__dict__
            space["__file__"] = path
            space["__loader__"] = self
            parent, _, child = name.rpartition(".")
            if path.endswith("/__init__.py"):
                self._make_package(module, path[:-12])
                modules[name] = module
            else:
                space["__package__"] = parent
            made.append((name, module, space, code, parent, child))
        for name, module, space, code, parent, child in made:
            modules[name] = module
            exec(code, space)  # noqa: S102  what import does
            if parent:
                setattr(modules[parent], child, module)
            self.done.append(name)

    def _make_package(self, module: "ModuleType", folder: str) -> None:
        name = module.__name__
        spec: ModuleSpec = type(sys.__spec__)(name, self, origin=module.__file__, is_package=True)  # type: ignore[arg-type]
        spec.submodule_search_locations = [folder]
        module.__spec__ = spec
        module.__package__ = name
        module.__path__ = [folder]

    def thaw(self, offset: int, size: int, space: "dict[str, Any]") -> "Callable[..., Any]":
        """The function that was left out, of the module whose names are `space`."""
        found = self.read.get(offset)
        if found is None:
            code = marshal.loads(posix.pread(self.fd, size, offset))  # noqa: S302  as above
            kind: Any = type(_run)
            found = self.read[offset] = kind(code, space)
            owner, _, name = code.co_qualname.rpartition(".")
            stub: Any = (vars(space[owner]) if owner in space else space if not owner else {}).get(name)
            if type(stub) is kind and stub.__code__.co_firstlineno == code.co_firstlineno and not code.co_flags & GENERATOR:
                stub.__code__ = code  # the next call needs no stub
        return found

    def get_code(self, name: str) -> "CodeType":
        """As importlib's loaders have it, but for functions that stand aside, and lines."""
        return next(row[2] for row in self.rows if row[0] == name)

    def is_enough(self) -> bool:
        """Whether the verb had of it nearly all that it needed."""
        return len(self.read) <= COLD and len(self.done) - len(self.rows) <= STRAY


def _run(words: "list[str]") -> int:
    """`contain`: the words are the pack, the package's __main__.py, our name, and what follows it."""
    import gc

    gc.disable()  # until the verb is known: a dozen collections among modules that all stay cost 2 ms
    path, main, name, *rest = words
    folder = main.rsplit("/", 2)[0]
    try:
        pack = Pack(int(path.rpartition("/")[2]))  # /proc/self/fd/N
        sys.path.append(folder)
        pack.make()
    except Exception:  # noqa: BLE001  import will say what is wrong, and where
        return _run_unpacked(main, name, rest)
    sys.meta_path.insert(0, Finder(pack.done))
    code: int = sys.modules["contain.cli.main"].main(rest, name=name)
    sys.modules["contain.packed.keep"].keep(fresh=False)
    return code


def _run_unpacked(main: str, name: str, rest: "list[str]") -> int:
    """The package's own entry with the same words."""
    for made in [made for made in sys.modules if made.partition(".")[0] == "contain"]:
        del sys.modules[made]
    sys.argv[:] = [main, name, *rest]
    with open(main, "rb") as file:
        code = compile(file.read(), main, "exec", dont_inherit=True)
    exec(code, {"__name__": "__main__", "__file__": main, "__package__": None, "__builtins__": __builtins__})  # noqa: S102
    return 0


if __name__ == "__main__":
    sys.exit(_run(sys.argv))
