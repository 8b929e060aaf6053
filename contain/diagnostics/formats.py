"""The formats by name: each is a module with `fragment` (what one file gives, small and picklable) and `whole` (all of them as text)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

FORMATS = ("human", "concise", "json", "jsonl", "sarif", "github", "gitlab", "junit")


def of(name: str) -> Any:
    """The module of a format."""
    return import_module(f"contain.diagnostics.{name}")
