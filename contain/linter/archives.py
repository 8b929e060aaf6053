"""Docker archives and .aci files as wholes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from contain.document import parse
from contain.linter.reading import get
from contain.schema import rows

if TYPE_CHECKING:
    from contain.document import Document
    from contain.linter.store import Tar


class DockerArchive:
    """What `docker save` writes."""

    def __init__(self, store: Tar, limit: int) -> None:
        """Reads manifest.json and the configs that it names."""
        self.store = store
        self.limit = limit
        self.documents: dict[str, Document] = {}
        self.kinds: dict[str, str] = {}
        self._add("manifest.json", "docker-archive")
        value = self.documents["manifest.json"].value
        # what is not as the schema says is told by the schema, and no rule looks at it
        self.images: list[Any] = value if isinstance(value, list) and not rows("docker-archive", value) else []
        self.empty = value == []
        for image in self.images:
            name = get(image, "Config")
            if name.__class__ is str and name not in self.documents:
                self._add(name, "image-config")

    def _add(self, name: str, kind: str) -> None:
        data = self.store.read(name, self.limit)
        if data is not None:
            self.documents[name] = parse(data, self.store.shown(name), limit=self.limit)
            self.kinds[name] = kind

    def config(self, image: Any) -> Any:
        """What the config of an image says."""
        document = self.documents.get(str(get(image, "Config")))
        return document.value if document else None


class Aci:
    """An appc image archive."""

    def __init__(self, store: Tar, limit: int) -> None:
        """Reads its manifest."""
        self.store = store
        self.signed = os.path.exists(f"{store.path}.asc")
        self.documents: dict[str, Document] = {}
        self.kinds: dict[str, str] = {}
        data = store.read("manifest", limit)
        if data is not None:
            self.documents["manifest"] = parse(data, store.shown("manifest"), limit=limit)
            self.kinds["manifest"] = "appc-image"
