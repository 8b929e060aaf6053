"""The formats by name: each is a module with `fragment` (what one file gives, small and picklable) and `whole` (all of them as text)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FORMATS = ("human", "concise", "json", "jsonl", "sarif", "github", "gitlab", "junit")


def pieces(name: str, fragments: Iterable[Any]) -> Iterator[str]:
    """The text of all fragments, part by part; they may be gone through more than once."""
    module = of(name)
    found: Iterator[str] = module.pieces(fragments) if hasattr(module, "pieces") else iter(fragments)
    return found


def of(name: str) -> Any:
    """The module of a format."""
    return import_module(f"contain.diagnostics.{name}")
