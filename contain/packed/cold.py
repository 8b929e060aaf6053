"""Functions that no run of a verb called stand outside the rows; a stub in their place reads them when they are called after all."""

from __future__ import annotations

import marshal
from types import CodeType, FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: a stub has some 300 bytes itself
SMALLEST = 450
#: bits of co_flags, as the standard library's inspect has them
OPTIMIZED, VARIADIC, KEYWORDS, ASYNCHRONOUS = 0x1, 0x4, 0x8, 0x80 | 0x100 | 0x200
MARK = "thaw"


def parted(code: CodeType, is_cold: Callable[[CodeType], bool], put: Callable[[bytes], int]) -> CodeType:
    """The code of a module or class without its cold functions; `put` keeps one and says where."""
    inner: list[object] = []
    for part in code.co_consts:
        if not isinstance(part, CodeType):
            inner.append(part)
        elif not part.co_flags & OPTIMIZED:
            inner.append(parted(part, is_cold, put))
        elif _can_stand_aside(part) and is_cold(part) and len(data := marshal.dumps(part)) >= SMALLEST:
            inner.append(_stub(part, put(data), len(data)))
        else:
            inner.append(part)
    return code.replace(co_consts=tuple(inner))


def without_lines(code: CodeType) -> CodeType:
    """The same code in which each function knows its first line only: a fifth of what is read. CONTAIN_DEBUG=1 runs without packs."""
    inner = tuple(without_lines(part) if isinstance(part, CodeType) else part for part in code.co_consts)
    return code.replace(co_consts=inner, co_linetable=b"")


def stubs(code: CodeType) -> Iterator[tuple[CodeType, int]]:
    """The stubs in the code of a module or class, and where their functions stand."""
    for part in code.co_consts:
        if isinstance(part, CodeType):
            if MARK in part.co_names and "__loader__" in part.co_names:
                yield part, next(number for number in part.co_consts if isinstance(number, int))
            elif not part.co_flags & OPTIMIZED:
                yield from stubs(part)


def _can_stand_aside(code: CodeType) -> bool:
    """A plain function of its own: no closure, and a name and parameters that can be written."""
    names = (code.co_name, *code.co_varnames[: code.co_argcount])
    return not code.co_freevars and not code.co_flags & ASYNCHRONOUS and all(name.isidentifier() for name in names)


def _stub(code: CodeType, offset: int, size: int) -> CodeType:
    """A function with the same parameters that calls the one at `offset`. Defaults belong to the function object, not to its code."""
    count, only = code.co_argcount, code.co_kwonlyargcount
    plain, keyword = list(code.co_varnames[:count]), list(code.co_varnames[count : count + only])
    rest = iter(code.co_varnames[count + only :])
    taken, given = plain[:], plain[:]
    if code.co_posonlyargcount:
        taken.insert(code.co_posonlyargcount, "/")
    if code.co_flags & VARIADIC:
        star = f"*{next(rest)}"
        taken.append(star)
        given.append(star)
    elif keyword:
        taken.append("*")
    taken += keyword
    given += [f"{name}={name}" for name in keyword]
    if code.co_flags & KEYWORDS:
        stars = f"**{next(rest)}"
        taken.append(stars)
        given.append(stars)
    said = FunctionType(code, {}).__doc__  # rules of lint are their docstrings
    text = f"def {code.co_name}({', '.join(taken)}):\n {said!r}\n return __loader__.{MARK}({offset}, {size}, globals())({', '.join(given)})"
    made = next(part for part in compile(text, code.co_filename, "exec", dont_inherit=True).co_consts if isinstance(part, CodeType))
    return made.replace(co_qualname=code.co_qualname, co_firstlineno=code.co_firstlineno)
