"""What stays the same about a finding when lines and neighbours change: rule, path, and the pointer with items named by what they are."""

from __future__ import annotations

from hashlib import sha256
from os import getcwd
from os.path import isabs, relpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contain.diagnostics.model import Diagnostic


def fingerprint(item: Diagnostic, salt: int = 0) -> str:
    """A hexadecimal number of 64 digits; `salt` parts findings that are otherwise alike."""
    text = "\0".join([item.id, path(item.file), item.key, *([str(salt)] if salt else [])])
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def path(file: str) -> str:
    """The file as code hosts want it: relative to where the command runs (the repository's root), with slashes."""
    return relpath(file) if isabs(file) and file.startswith(getcwd() + "/") else file.removeprefix("./")
