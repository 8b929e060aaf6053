"""`[[lint.schema]]`: schemas of the users' own, in any dialect that jsonschema knows, for documents, members or annotations."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from contain.document.pointers import join, label, split
from contain.errors import UsageError
from contain.linter.settings import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.linter.settings import Settings

_KEYS = {"file", "path", "at", "kind", "folder"}


class OwnSchema:
    """One entry: the schema in `file` for what is `at` a pointer of documents whose path fits."""

    def __init__(self, row: dict[str, Any], where: str) -> None:
        """Reads and checks the schema; what is wrong with it is an error of the configuration."""
        from jsonschema import exceptions, validators  # slow to import, and few have schemas of their own

        strange = set(row) - _KEYS
        if strange or not row.get("file"):
            raise UsageError(f"[[lint.schema]] has no member {min(strange)!r}" if strange else "[[lint.schema]] needs a file", place=where)
        path = os.path.join(row["folder"], str(row["file"]))
        try:
            with open(path, "rb") as file:
                schema = json.load(file)
            kind = validators.validator_for(schema, default=validators.validator_for({}))
            kind.check_schema(schema)
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot read the schema {path}: {error}", place=where) from None
        except exceptions.SchemaError as error:
            raise UsageError(f"{path} is no sound schema: {error.message}", place=where) from None
        self.path = str(row.get("path", "**"))
        self.kind = str(row.get("kind", ""))
        self.at = str(row.get("at", ""))
        self._validator = kind(schema)

    def findings(self, value: Any) -> Iterator[tuple[str, str]]:
        """Pointer and words of everything that the schema refuses; nothing when what it is for is not there."""
        for part in split(self.at):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            return
        if self.at.startswith("/annotations/") and isinstance(value, str):
            try:
                value = json.loads(value)  # an annotation that holds JSON is checked as what it says
            except ValueError:
                pass
        for error in self._validator.iter_errors(value):
            pointer = self.at
            for step in error.absolute_path:
                pointer = join(pointer, step)
            yield pointer, f"{label(pointer) or 'the document'}: {error.message[:200]}"


def own_schemas(settings: Settings) -> list[OwnSchema]:
    """The entries of a configuration."""
    return [OwnSchema(row, settings.source) for row in settings.schemas]


def own_findings(schemas: list[OwnSchema], settings: Settings, name: str, kind: str, value: Any) -> Iterator[tuple[str, str]]:
    """What the users' schemas say about one document."""
    for schema in schemas:
        if (not schema.kind or schema.kind == kind) and matches(name, schema.path, settings.folder):
            yield from schema.findings(value)
