"""SARIF 2.1.0, within what GitHub takes: 5,000 results shown, one run, rules only for what occurs, at most 10 tags."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from contain.diagnostics.fingerprint import fingerprint, path
from contain.diagnostics.json import ends, whole_letters
from contain.diagnostics.model import SEVERITIES, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from contain.diagnostics.model import Diagnostic

_MOST = 5000
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
#: GitHub's scale from 0 to 10: high from 7.0, medium from 4.0
_DANGER = {"error": "8.0", "warning": "5.0", "info": "2.0"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(diagnostics: Sequence[Diagnostic], texts: Mapping[str, str]) -> str:
    """All findings."""
    return whole([[_result(item, texts.get(item.file, "")) for item in diagnostics]])


def fragment(_: str, items: Sequence[Diagnostic], text: str) -> list[tuple[int, dict[str, Any]]]:
    """The findings of one file."""
    return [_result(item, text) for item in items]


def whole(fragments: Iterable[list[tuple[int, dict[str, Any]]]]) -> str:
    """All files as one run."""
    return "".join(pieces(fragments))


def pieces(fragments: Iterable[list[tuple[int, dict[str, Any]]]]) -> Iterator[str]:
    """The same, result by result; when there are too many, the least severe are left out."""
    rows: list[tuple[int, str, str]] = []
    over = 0
    for found in fragments:
        rows += [(level, result["ruleId"], whole_letters(dumps(result, ensure_ascii=False))) for level, result in found]
        if len(rows) > _MOST + 1000:
            over += len(rows) - _MOST
            rows = sorted(rows, key=_level)[:_MOST]
    if len(rows) > _MOST or over:
        over += max(0, len(rows) - _MOST)
        rows = sorted(rows, key=_level)[:_MOST]
    ids = {id: index for index, id in enumerate(sorted({row[1] for row in rows}))}
    notes = [{"level": "warning", "message": {"text": f"{over} findings are left out: {_MOST} are shown at most"}}] if over else []
    head: dict[str, Any] = {
        "tool": {"driver": {"name": "contain lint", "rules": [_rule(id) for id in ids]}},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
    }
    start = dumps({"$schema": _SCHEMA, "version": "2.1.0"}, ensure_ascii=False)[:-1]
    yield f'{start}, "runs": [{dumps(head, ensure_ascii=False)[:-1]}, "results": ['
    opening = "\n"
    for _, id, text in rows:
        yield f'{opening}{text[:-1]}, "ruleIndex": {ids[id]}}}'
        opening = ",\n"
    yield "\n]}]}\n"


def _level(row: tuple[int, str, str]) -> int:
    return row[0]


def _rule(id: str) -> dict[str, Any]:
    name, severity, _, section, page = table(id)
    properties: dict[str, Any] = {"tags": [id[:3], *(["security"] if id.startswith("SEC") else [])]}
    if id.startswith("SEC"):
        properties["security-severity"] = _DANGER[severity]
    rule: dict[str, Any] = {
        "id": id,
        "name": "".join(part.capitalize() for part in name.split("-")),
        "shortDescription": {"text": name.replace("-", " ")},
        "fullDescription": {"text": f"{name.replace('-', ' ')} ({section})" if section else name.replace("-", " ")},
        "help": {"text": f"See {page}, or run: contain rule {id}", "markdown": f"See `{page}`, or run `contain rule {id}`."},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": properties,
    }
    return rule


def _result(item: Diagnostic, text: str) -> tuple[int, dict[str, Any]]:
    region: dict[str, Any] = {"startLine": 1}
    if item.position:
        line, column = ends(item.position, text)
        region = {"startLine": item.position.line, "startColumn": item.position.column, "endLine": line, "endColumn": column}
    result: dict[str, Any] = {
        "ruleId": item.id,
        "level": _LEVELS[item.severity],
        "message": {"text": f"{item.message}{f' (fix: {item.fix})' if item.fix else ''}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(path(item.file), safe="/", errors="surrogateescape")},
                    "region": region,
                },
                "logicalLocations": [{"fullyQualifiedName": item.pointer or "/", "kind": "member"}],
            }
        ],
        "partialFingerprints": {"contain/v1": fingerprint(item)},
    }
    fix = _fix(item, text)
    if fix:
        result["fixes"] = [fix]
    return SEVERITIES.index(item.severity), result


def _fix(item: Diagnostic, text: str) -> dict[str, Any]:
    """The fix of a finding, when it is safe and a range of the text."""
    cut = getattr(item.edit, "cut", None) if getattr(item.edit, "safe", False) else None
    if not cut or not text:
        return {}
    start, end, put = cut
    (line, column), (last, behind) = _place(text, start), _place(text, end)
    region = {"startLine": line, "startColumn": column, "endLine": last, "endColumn": behind}
    change = {
        "artifactLocation": {"uri": quote(path(item.file), safe="/", errors="surrogateescape")},
        "replacements": [{"deletedRegion": region, "insertedContent": {"text": put}}],
    }
    return {"description": {"text": item.fix or "mend it"}, "artifactChanges": [change]}


def _place(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
