"""The layers of a layout, each read once as a stream: what is odd about its entries is noted by kind."""

from __future__ import annotations

import posixpath
import tarfile
import zlib
from typing import IO, TYPE_CHECKING

from contain.linter.layout import blob_name, verifiable
from contain.linter.limits import ENTRIES, FREE, RATIO
from contain.linter.reading import get
from contain.linter.rules.image.media import LAYERS, NONDISTRIBUTABLE
from contain.linter.unpack import Hashed, TooMuchError, opened, packing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
        #: digests of the archive as it is before it is compressed, by algorithm; empty when they are not known
        self.digests: dict[str, str] = {}

    def note(self, word: str, name: str) -> None:
        """Remember one odd entry."""
        self.notes.setdefault(word, []).append(name)


class Wanted:
    """A diff_id of an image: in which config and where, and the layer that should have it."""

    __slots__ = ("blob", "digest", "document", "pointer")

    def __init__(self, document: str, pointer: str, digest: str, blob: str) -> None:
        """`digest` is one that can be computed here."""
        self.document = document
        self.pointer = pointer
        self.digest = digest
        self.blob = blob


class Layers:
    """All layers of a layout that can be read here: plain, gzip, and zstd where Python has it."""

    def __init__(self, layout: Layout, entries: int = ENTRIES, ratio: int = RATIO) -> None:
        """Reads them, each with so many entries at most, that unpack to so many times its size."""
        self._entries, self._ratio = entries, ratio
        self.found: list[Layer] = []
        self.wanted = list(_wanted(layout))
        self.by_blob: dict[str, Layer] = {}
        for reference in layout.references:
            kind = str(reference.descriptor.get("mediaType"))
            known = kind in (*LAYERS, *NONDISTRIBUTABLE)
            if not known or reference.blob in self.by_blob or layout.store.kind(reference.blob) != "file":
                continue
            layer = self.by_blob[reference.blob] = Layer(reference, layout.store.size(reference.blob))
            self.found.append(layer)
            stream = layout.store.open(reference.blob)
            if stream is not None and layer.size:
                with stream:
                    self._read(layer, stream, kind, {verifiable(one.digest) for one in self.wanted if one.blob == reference.blob})

    def __iter__(self) -> Iterator[Layer]:
        """Layer by layer."""
        return iter(self.found)

    def _read(self, layer: Layer, stream: IO[bytes], kind: str, algorithms: Iterable[str]) -> None:
        """Note what is odd about a layer's entries, and the digests of the whole."""
        said = next((name for name in ("gzip", "zstd") if kind.endswith(name)), "")
        is_so = packing(stream)
        if said != is_so:
            wrong = said or is_so
            layer.error = f"the layer is {'not ' if said else ''}compressed by {wrong}, its media type says otherwise"
            return
        content = opened(stream, is_so)
        if content is None:
            return  # nothing here reads zstd
        hashed = Hashed(content, layer.size, algorithms, self._ratio)
        try:
            if self._archive(layer, hashed):
                layer.digests = hashed.digests()
        except TooMuchError:
            return
        except (EOFError, OSError, zlib.error) as error:
            layer.error = layer.error or f"the layer is no tar archive, or a broken one: {error}"

    def _archive(self, layer: Layer, stream: Hashed) -> bool:
        """Note what is odd about the entries of an archive; whether it could be read to its end."""
        names: set[str] = set()
        hidden: set[str] = set()
        total = 0
        try:
            with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]  # it reads, and more is not asked
                for number, member in enumerate(archive):
                    total += member.size
                    if number >= self._entries or total > max(FREE, self._ratio * layer.size):
                        layer.note(
                            "bomb",
                            f"more than {self._entries} entries"
                            if number >= self._entries
                            else f"unpacks to more than {self._ratio} times its size",
                        )
                        return False
                    _entry(layer, member, names, hidden)
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            layer.error = f"the layer is no tar archive, or a broken one: {error}"
        for name in sorted(names & hidden):
            layer.note("again", name)
        return not layer.error


def _wanted(layout: Layout) -> Iterator[Wanted]:
    """Every diff_id of every image, with the blob of its layer."""
    for _, manifest in layout.of_kind("image-manifest"):
        name = blob_name(get(manifest, "config", "digest"))
        ids, layers = get(layout.value(name), "rootfs", "diff_ids"), manifest.get("layers")
        if ids.__class__ is not list or layers.__class__ is not list or len(ids) != len(layers):
            continue
        for index, (digest, layer) in enumerate(zip(ids, layers, strict=True)):
            blob = blob_name(get(layer, "digest"))
            if blob and digest.__class__ is str and verifiable(digest):
                yield Wanted(name, f"/rootfs/diff_ids/{index}", digest, blob)


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
