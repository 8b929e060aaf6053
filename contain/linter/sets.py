"""Manifests that are more than one document: image layouts and archives."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from contain.diagnostics import model
from contain.linter import keyed
from contain.linter.archives import Aci, DockerArchive
from contain.linter.layers import Layers
from contain.linter.layout import Layout
from contain.linter.store import ArchiveError, Folder, Store, Tar

if TYPE_CHECKING:
    from contain.diagnostics.model import Diagnostic
    from contain.document import Document
    from contain.linter.engine import Linter

    #: name as it is shown, findings, text
    Part = tuple[str, list[Diagnostic], str]


def check(linter: Linter, path: str, kind: str, *, named: bool) -> list[Part]:
    """Everything that is to be said about a layout or archive, document by document."""
    if kind == "layout":
        return layout(linter, Folder(path.removesuffix("oci-layout").rstrip("/") or "."))
    try:
        store = Tar(path, linter.settings.max_entries, linter.settings.max_ratio)
    except ArchiveError as error:
        id = "ACI005" if path.endswith(".aci") else "LAY101"
        return [(path, [model.make(id, str(error), path)] if id in linter.table else [], "")]
    except OSError as error:
        return [(path, [model.make("DOC301", f"{path}: {error.strerror}", path)], "")]
    names = set(store.names())
    if "oci-layout" in names or (
        "index.json" in names and "blobs" in {name.split("/")[0] for name in names} and "manifest.json" not in names
    ):
        return layout(linter, store)
    if "manifest.json" in names:
        return _whole(linter, DockerArchive(store, linter.settings.max_size), "docker-archive-file")
    if path.endswith(".aci") or "manifest" in names:
        return _whole(linter, Aci(store, linter.settings.max_size), "aci-file")
    words = "the archive is neither an image layout, nor a docker archive, nor an appc image"
    return [(path, [model.make("DOC301", words, path)] if named and "DOC301" in linter.table else [], "")]


def layout(linter: Linter, store: Store) -> list[Part]:
    """An image layout, its layers too."""
    whole = Layout(store, linter.settings.max_size)
    parts = _whole(linter, whole, "image-layout-folder")
    if any(id in linter.table for id, _, _ in linter.rules_of("image-layers")):
        found = _run(linter, Layers(whole, linter.settings.max_entries, linter.settings.max_ratio), "image-layers")
        _add(linter, parts, whole, found)
    return parts


def _whole(linter: Linter, whole: Any, kind: str) -> list[Part]:
    """Each document by its own rules, and then the rules of the whole."""
    parts: list[Part] = []
    for name, document in whole.documents.items():
        parts.append((document.name, linter.check(document, kind=whole.kinds[name]), document.text))
    _add(linter, parts, whole, _run(linter, whole, kind))
    return parts


def _run(linter: Linter, whole: Any, kind: str) -> list[tuple[str, str, str, str]]:
    """Rule id, file, pointer and words of all findings of the rules of a kind."""
    found = []
    for id, function, _ in linter.rules_of(kind):
        try:
            rows = islice(function(whole), linter.settings.max_findings + 1)
            found += [(id, str(row[0]), str(row[1]), str(row[2])) for row in rows]  # type: ignore[misc, index]
        except Exception as error:  # noqa: BLE001  one broken rule does not stop the others
            linter.failed = True
            found.append(("DOC999", "", "", f"rule {id} ({function.__name__}) failed: {type(error).__name__}: {error}"))
    return found


def _add(linter: Linter, parts: list[Part], whole: Any, found: list[tuple[str, str, str, str]]) -> None:
    """Put findings to the documents that they are about; what is about no document stands by itself."""
    by_name = {part[0]: part for part in parts}
    rows: dict[str, list[tuple[str, str, str]]] = {}
    for id, name, pointer, words in found:
        rows.setdefault(name, []).append((id, pointer, words))
    for name, about in rows.items():
        document = whole.documents.get(name)
        shown = document.name if document else whole.store.shown(name) if name else whole.store.path
        told = by_name[shown][1] if shown in by_name else []
        room = max(0, linter.settings.max_findings - len(told))
        items = _items(linter, shown, document, about[:room])
        if len(about) > room and "DOC403" in linter.table and not any(item.id == "DOC403" for item in told):
            items.append(model.make("DOC403", "there are more findings, which are not told", shown))
        told.extend(linter.allowed(items, document.value if document else None))
        if told and shown not in by_name:
            by_name[shown] = (shown, told, "")
            parts.append(by_name[shown])


def _items(linter: Linter, shown: str, document: Document | None, rows: list[tuple[str, str, str]]) -> list[Diagnostic]:
    """Diagnostics with their places, which are looked up together."""
    places = document.positions([pointer for _, pointer, _ in rows]) if document is not None and document.text else {}
    items = []
    for id, pointer, words in rows:
        item = model.make(id, words, shown, pointer, places.get(pointer))
        item.severity = linter.table.get(id, "error")
        if document is not None and places:
            item.key = keyed.pointer(document.value, pointer)
        items.append(item)
    return items
