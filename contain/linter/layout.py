"""An image layout as a whole: its documents, and what they refer to."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from contain.document import parse
from contain.linter.kinds import MEDIA_TYPES
from contain.linter.reading import get
from contain.linter.rules.image.descriptor import descriptors
from contain.linter.rules.image.media import CONFIGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.document import Document
    from contain.linter.store import Store

_DEPTH = 16
_HEX = {"sha256": 64, "sha512": 128}


class Reference:
    """A descriptor somewhere in a layout: in which document and where, and the blob that it means."""

    __slots__ = ("blob", "descriptor", "document", "pointer")

    def __init__(self, document: str, pointer: str, descriptor: Any, blob: str) -> None:
        """`blob` is a name in the store, whether it is there or not."""
        self.document = document
        self.pointer = pointer
        self.descriptor = descriptor
        self.blob = blob


class Layout:
    """Everything that rules about layouts look at."""

    def __init__(self, store: Store, limit: int) -> None:
        """Reads what can be reached from index.json, each document once."""
        self.store = store
        self.limit = limit
        self.documents: dict[str, Document] = {}
        self.kinds: dict[str, str] = {}
        self.references: list[Reference] = []
        #: chains of indexes that are too deep or lead back to themselves
        self.cycles: list[Reference] = []
        self._add("oci-layout", "image-layout")
        self._add("index.json", "image-index")
        self._follow("index.json", ())

    def _add(self, name: str, kind: str) -> Document | None:
        data = self.store.read(name, self.limit)
        if data is None:
            return None
        document = parse(data, self.store.shown(name), limit=self.limit)
        self.documents[name], self.kinds[name] = document, kind
        return document

    def _follow(self, name: str, above: tuple[str, ...]) -> None:
        document = self.documents.get(name)
        if document is None or document.value.__class__ is not dict:
            return
        for pointer, item in descriptors(document.value):
            blob = blob_name(get(item, "digest")) if item.__class__ is dict else ""
            if not blob or pointer == "/subject":
                continue  # a subject may be elsewhere
            reference = Reference(name, pointer, item, blob)
            self.references.append(reference)
            kind = MEDIA_TYPES.get(str(item.get("mediaType")), "image-config" if item.get("mediaType") in CONFIGS else "")
            if blob in (*above, name) or len(above) >= _DEPTH:
                self.cycles.append(reference)
            elif kind and blob not in self.documents and self.store.kind(blob) == "file" and self._add(blob, kind):
                self._follow(blob, (*above, name))

    def of_kind(self, kind: str) -> Iterator[tuple[str, Any]]:
        """Name and value of every document of a kind that could be read."""
        for name, document in self.documents.items():
            if self.kinds[name] == kind and document.value.__class__ is dict:
                yield name, document.value

    def value(self, name: str) -> Any:
        """What a document says, None when it is not there or cannot be read."""
        document = self.documents.get(name)
        return document.value if document else None


def blob_name(digest: Any) -> str:
    """The file of a digest, or nothing when it is no digest."""
    algorithm, _, encoded = digest.partition(":") if digest.__class__ is str else ("", "", "")
    sound = algorithm and encoded and "/" not in encoded and "/" not in algorithm and encoded not in (".", "..")
    return f"blobs/{algorithm}/{encoded}" if sound else ""


def verifiable(digest: str) -> str:
    """The algorithm, when it is one that can be computed here."""
    algorithm, _, encoded = digest.partition(":")
    return algorithm if len(encoded) == _HEX.get(algorithm) and algorithm in hashlib.algorithms_available else ""
