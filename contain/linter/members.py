"""Members that the schema of a kind does not know: other case, slips of the fingers, wrong places, and plain strangers; and nulls."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from contain.document.pointers import join, label
from contain.linter.fix import Fix
from contain.linter.limits import FINDINGS
from contain.linter.near import nearest
from contain.schema.generated.outlines import OUTLINES

if TYPE_CHECKING:
    from contain.linter.registry import Found

#: engines write these as null: Docker's image config; but annotations, of which the text says that they are absent or an empty map
_SILENT_NULLS = frozenset(("image-config", "image-manifest", "image-index", "docker-archive"))
_NESTED = (dict, list)
_NOTHING: dict[str, Any] = {}


def findings(value: Any, kind: str, *, nulls: bool, most: int = FINDINGS) -> list[tuple[str, Found]]:
    """Rule id and finding for every member that is not what it seems; of very many only some more than `most`."""
    found: list[tuple[str, Found]] = []
    outline = OUTLINES.get(kind)
    if outline is not None and (value.__class__ is dict or value.__class__ is list):
        if not nulls and not _strange(value, _shape(kind)):
            return found
        _walk(value, outline, None, "", found, most, nulls="" if not nulls else "annotations" if kind in _SILENT_NULLS else "*")
    return found


#: the names of an object's members (None when there may be any), the objects and lists among them that are to be looked into, and what the
#: other members or the items of a list look like
_Shape = tuple[frozenset[str] | None, tuple[tuple[str, Any], ...], Any]
#: there is nothing in it that could be strange
_ANY: _Shape = (None, (), None)


@cache
def _shape(kind: str) -> _Shape:
    return _shaped(OUTLINES[kind])


def _shaped(node: dict[str, Any]) -> _Shape:
    members, rest, other = node.get("m") or _NOTHING, node.get("a"), node.get("a") or node.get("i")
    inner = [(name, _shaped(child)) for name, child in members.items() if child]
    below = _shaped(other) if other else _ANY
    return (
        frozenset(members) if members and rest is None else None,
        tuple([(name, shape) for name, shape in inner if shape != _ANY]),
        None if below == _ANY else below,
    )


def _strange(value: Any, shape: _Shape) -> bool:
    """Whether any member of a value without nulls is unknown: a quick look that tells whether a careful one is needed."""
    known, inner, rest = shape
    if value.__class__ is list:
        if rest is None:
            return False
        known, inner, _ = rest
        if known is not None and not inner:
            return any([child.__class__ is dict and not known.issuperset(child) for child in value])  # noqa: C419  faster so
        return any([child.__class__ in _NESTED and _strange(child, rest) for child in value])  # noqa: C419  as above
    if known is not None and not known.issuperset(value):
        return True
    for name, form in inner:
        child = value.get(name)
        if child.__class__ in _NESTED and _strange(child, form):
            return True
    return rest is not None and any([child.__class__ in _NESTED and _strange(child, rest) for child in value.values()])  # noqa: C419  as above


def _walk(
    value: Any, node: dict[str, Any], above: dict[str, Any] | None, at: str, found: list[tuple[str, Found]], most: int, *, nulls: str
) -> None:
    """Look into all members; `nulls` is the name of those of which it is told when they are null, `*` all."""
    if value.__class__ is list:
        item = node.get("i")
        for index, child in enumerate(value if item else ()):
            if child.__class__ is dict or child.__class__ is list:
                _walk(child, item, above, f"{at}/{index}", found, most, nulls=nulls)  # type: ignore[arg-type]  # item is there
        return
    members = node.get("m") or _NOTHING
    rest = node.get("a")
    for name, child in value.items():
        if len(found) > most:
            return  # looking for what each might mean takes long
        inner = members.get(name)
        if inner is None:
            inner = rest
            if inner is None and members:
                _unknown(name, value, node, above, join(at, name), found)
        if child is None:
            if nulls in ("*", name) and inner is not None:
                pointer = join(at, name)
                found.append(
                    ("DOC206", (pointer, f"{label(pointer)} is null, which counts as absent", Fix("leave it out", remove=pointer)))
                )
        elif inner and (child.__class__ is dict or (child.__class__ is list and inner.get("i"))):
            _walk(child, inner, node, join(at, name), found, most, nulls=nulls)


def _unknown(
    name: str, value: dict[str, Any], node: dict[str, Any], above: dict[str, Any] | None, pointer: str, found: list[tuple[str, Found]]
) -> None:
    """Say the most that is known of a member that the schema does not know."""
    if name == "$schema" or name.startswith("x-") or "." in name:
        return
    members = node["m"]
    lowered = name.lower()
    same = next((known for known in members if known.lower() == lowered), "")
    if same:
        words = f"{label(pointer)} differs from {same} only in case: runc obeys it, crun does not"
        fix = "" if same in value else Fix(f"write {same}", rename=(pointer, same))
        found.append(("DOC202", (pointer, words, fix)))
        return
    near = nearest(name, tuple(known for known in members if known not in value))
    if near:
        found.append(
            (
                "DOC204",
                (
                    pointer,
                    f"{label(pointer)} is no member of the specification; did you mean {near}?",
                    Fix(f"write {near}", rename=(pointer, near)),
                ),
            )
        )
        return
    place = _elsewhere(name, node, above, pointer)
    if place:
        found.append(("DOC205", (pointer, f"{label(pointer)} is no member here, runtimes ignore it: {name} belongs {place}")))
        return
    found.append(("DOC203", (pointer, f"{label(pointer)} is no member of the specification, runtimes ignore it")))


def _elsewhere(name: str, node: dict[str, Any], above: dict[str, Any] | None, pointer: str) -> str:
    """Where a member of that name is known: one level up, beside a parent, or one level down."""
    if above and name in above.get("m", {}):
        parent = label(pointer.rsplit("/", 2)[0])
        return f"into {parent}" if parent else "to the top of the document"
    for sibling, inner in {**(above or {}).get("m", {}), **node["m"]}.items():
        if name in inner.get("m", {}):
            return f"into {sibling}"
    return ""
