"""The layers of a layout, each read once as a stream: what is odd about its entries is noted by kind."""

from __future__ import annotations

import posixpath
import tarfile
import zlib
from typing import IO, TYPE_CHECKING

from contain.linter.rules.image.media import LAYERS, NONDISTRIBUTABLE
from contain.linter.store import ENTRIES, FREE, RATIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.linter.layout import Layout, Reference


class Layer:
    """One layer and what was noted about its entries: kind of note → names."""

    def __init__(self, reference: Reference, size: int) -> None:
        """Nothing is read yet."""
        self.document = reference.document
        self.pointer = reference.pointer
        self.size = size
        self.error = ""
        self.notes: dict[str, list[str]] = {}

    def note(self, word: str, name: str) -> None:
        """Remember one odd entry."""
        self.notes.setdefault(word, []).append(name)


class Layers:
    """All layers of a layout that can be read here: plain and gzip."""

    def __init__(self, layout: Layout) -> None:
        """Reads them."""
        self.found: list[Layer] = []
        done: set[str] = set()
        for reference in layout.references:
            kind = str(reference.descriptor.get("mediaType"))
            known = kind in (*LAYERS, *NONDISTRIBUTABLE) and "zstd" not in kind
            if not known or reference.blob in done or layout.store.kind(reference.blob) != "file":
                continue
            done.add(reference.blob)
            layer = Layer(reference, layout.store.size(reference.blob))
            self.found.append(layer)
            stream = layout.store.open(reference.blob)
            if stream is not None and layer.size:
                with stream:
                    _read(layer, stream, kind)

    def __iter__(self) -> Iterator[Layer]:
        """Layer by layer."""
        return iter(self.found)


def _read(layer: Layer, stream: IO[bytes], kind: str) -> None:
    """Note what is odd about a layer's entries."""
    packed = kind.endswith("gzip")
    head = stream.read(2)
    stream.seek(0)
    if packed != (head == b"\x1f\x8b"):
        layer.error = f"the layer is {'not ' if packed else ''}compressed by gzip, its media type says otherwise"
        return
    names: set[str] = set()
    hidden: set[str] = set()
    total = 0
    try:
        with tarfile.open(fileobj=stream, mode="r|gz" if packed else "r|") as archive:
            for number, member in enumerate(archive):
                total += member.size
                if number >= ENTRIES or total > max(FREE, RATIO * layer.size):
                    layer.note(
                        "bomb", "more than a million entries" if number >= ENTRIES else f"unpacks to more than {RATIO} times its size"
                    )
                    return
                _entry(layer, member, names, hidden)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        layer.error = f"the layer is no tar archive, or a broken one: {error}"
    for name in sorted(names & hidden):
        layer.note("again", name)


def _entry(layer: Layer, member: tarfile.TarInfo, names: set[str], hidden: set[str]) -> None:
    raw = member.name
    name = posixpath.normpath(raw)
    if raw.startswith("/") or ".." in raw.split("/"):
        layer.note("escape", raw)
    if member.islnk() and (member.linkname.startswith("/") or ".." in member.linkname.split("/")):
        layer.note("escape", f"{raw} (link to {member.linkname})")
    if name in names and not member.isdir():
        layer.note("repeated", name)
    names.add(name)
    folder, base = posixpath.split(name)
    if base == ".wh..wh..opq":
        layer.note("opaque", name)
    elif base.startswith(".wh."):
        if base == ".wh.":
            layer.note("bare", name)
        elif not member.isreg() or member.size:
            layer.note("whiteout", name)
        hidden.add(posixpath.join(folder, base[4:]))
    if member.issparse():
        layer.note("sparse", name)
    if member.isdev() and not member.isfifo():
        layer.note("device", name)
    if member.mode & 0o6000 and member.isreg():
        layer.note("setuid", name)
