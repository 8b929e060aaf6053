"""What runtime configs are compared with: `--image`, the image config that they were made from, and `--host`, facts about a host."""

from __future__ import annotations

import json
import os
from typing import Any

from contain.document import parse
from contain.errors import UsageError
from contain.linter.kinds import decide
from contain.linter.layout import Layout
from contain.linter.reading import pruned
from contain.linter.store import ArchiveError, Folder, Tar
from contain.schema import rows


def image_config(path: str, limit: int) -> Any:
    """The one image config in a file, layout folder or layout archive; it must be sound, and there must be one only."""
    where = "<command line>:--image"
    try:
        if os.path.isdir(path):
            values = [value for _, value in Layout(Folder(path), limit).of_kind("image-config")]
        elif path.endswith(".tar"):
            values = [value for _, value in Layout(Tar(path), limit).of_kind("image-config")]
        else:
            with open(path, "rb") as file:
                values = [parse(file.read(limit + 1), path, limit=limit).value]
    except (OSError, ArchiveError) as error:
        raise UsageError(f"cannot read {path}: {error}", place=where) from None
    values = [value for value in values if decide(value).kind == "image-config"]
    if len(values) != 1:
        raise UsageError(f"{path} holds {len(values) or 'no'} image configs: name a file, or a layout of one image", place=where)
    if rows("image-config", values[0]):
        raise UsageError(f"{path} is no sound image config: lint it first", place=where)
    return pruned(values[0], frozenset())


def host_facts(path: str) -> Any:
    """Facts about a host, saved by `contain doctor --host`."""
    where = "<command line>:--host"
    try:
        with open(path, "rb") as file:
            facts = json.load(file)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}", place=where) from None
    if not isinstance(facts, dict) or "kernel" not in facts:
        raise UsageError(f"{path} holds no facts about a host: contain doctor --host prints them", place=where)
    return facts
