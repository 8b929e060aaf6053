"""Functions that stand aside: called through their stubs they do what they did, whatever their parameters are."""

from __future__ import annotations

import inspect
import marshal
from types import CodeType, FunctionType
from typing import Any

import pytest

from contain.packed import cold

SOURCE = '''
"""A module."""

def plain(a, b=2):
    "what it says"
    return a, b

def only(a, /, b, *, c=3, d):
    return a, b, c, d

def many(a, *rest, k=1, **more):
    return a, rest, k, more

def keywords(*, k, j=5):
    return k, j

def steps(count):
    yield from range(count)

def counter(kept=[]):
    kept.append(1)
    return len(kept)

def outer(x):
    def inner(y):
        return x + y
    return inner

class Thing:
    """A class."""

    size = 3

    def __init__(self, word, *rest):
        self.word = word
        self.rest = rest

    def method(self, n=1):
        """how it goes"""
        return self.word * n

    @staticmethod
    def alone(a):
        return a

    @classmethod
    def made(cls, word):
        return cls(word).method(2)

    @property
    def first(self):
        return self.word[0]

    def __private(self, __x):
        return __x

    def calls(self, x):
        return self.__private(x)

    def parent(self):
        return super().__repr__()[:1]

same = lambda v: v
listed = [same(n) for n in range(3)]
'''
CALLS = [
    "plain(1)",
    "plain(1, b=4)",
    "only(1, b=2, d=4)",
    "only(1, 2, c=0, d=4)",
    "many(1, 2, 3, k=4, z=5)",
    "many(1)",
    "keywords(k=1)",
    "list(steps(3))",
    "counter() * 0 + counter()",
    "outer(1)(2)",
    "Thing('ab', 1, 2).rest",
    "Thing('ab').method()",
    "Thing('ab').method(n=3)",
    "Thing.alone(5)",
    "Thing.made('x')",
    "Thing('ab').first",
    "Thing('ab').calls(7)",
    "Thing('ab').parent()",
    "listed",
    "plain.__doc__, Thing.method.__doc__, only.__doc__, plain.__name__, Thing.method.__qualname__",
]


class Store:
    """What stands aside, and the loader that reads it."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    def put(self, data: bytes) -> int:
        """Keeps one; where."""
        self.kept.append(data)
        return len(self.kept) - 1

    def thaw(self, offset: int, size: int, space: dict[str, Any]) -> FunctionType:
        """As Pack.thaw."""
        assert len(self.kept[offset]) == size
        return FunctionType(marshal.loads(self.kept[offset]), space)


def spaces(monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], dict[str, Any], Store]:
    """The module as it is, and with all that can stand aside outside."""
    monkeypatch.setattr(cold, "SMALLEST", 0)
    code = compile(SOURCE, "module.py", "exec")
    store = Store()
    whole: dict[str, Any] = {"__name__": "module"}
    apart: dict[str, Any] = {"__name__": "module", "__loader__": store}
    exec(code, whole)
    exec(cold.parted(code, lambda _: True, store.put), apart)
    return whole, apart, store


@pytest.mark.parametrize("call", CALLS)
def test_stub_does_what_the_function_does(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Result, defaults, documentation, names."""
    whole, apart, store = spaces(monkeypatch)
    assert len(store.kept) > 10
    assert eval(call, apart) == eval(call, whole)
    assert eval(call, apart) == eval(call, whole)


def test_signature_is_the_function_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks at the parameters sees the same."""
    whole, apart, _ = spaces(monkeypatch)
    for name in ("plain", "only", "many", "keywords", "steps", "Thing.method", "Thing.__init__"):
        assert inspect.signature(eval(name, apart)) == inspect.signature(eval(name, whole))


def test_wrong_arguments_are_refused_in_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the stub itself."""
    for space in spaces(monkeypatch)[:2]:
        with pytest.raises(TypeError, match=r"plain\(\) missing 1 required positional argument: 'a'"):
            eval("plain()", space)


def test_stubs_are_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack that is made anew leaves out what nobody called meanwhile."""
    monkeypatch.setattr(cold, "SMALLEST", 0)
    code = compile(SOURCE, "module.py", "exec")
    store = Store()
    apart = cold.parted(code, lambda part: part.co_name in {"plain", "method"}, store.put)
    assert [(stub.co_qualname, offset) for stub, offset in cold.stubs(apart)] == [("plain", 0), ("Thing.method", 1)]


def test_small_ones_and_closures_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stub is no smaller than they are, or could not have their variables."""
    code = compile(SOURCE, "module.py", "exec")
    assert cold.parted(code, lambda _: True, Store().put) == code
    monkeypatch.setattr(cold, "SMALLEST", 0)
    names: list[str] = []
    cold.parted(code, lambda part: bool(names.append(part.co_name)) or True, Store().put)
    assert "parent" not in names
    assert "<lambda>" not in names


def test_every_module_of_ours_can_be_parted() -> None:
    """Nothing in the package is written in a way that has no stub."""
    import contain

    for folder, _, files in __import__("os").walk(contain.__path__[0]):
        for name in files:
            if name.endswith(".py"):
                with open(f"{folder}/{name}", "rb") as file:
                    code = compile(file.read(), name, "exec")
                store = Store()
                found = cold.parted(code, lambda _: True, store.put)
                assert isinstance(found, CodeType)
                assert len(list(cold.stubs(found))) == len(store.kept)
