"""The language server: diagnostics while typing, hover, completion, and fixes as code actions. Needs the extra `contain[lsp]`."""

# mypy: disable-error-code="misc,untyped-decorator"
# pygls is an extra: mypy must pass without it

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from contain import __version__
from contain.document import parse
from contain.linter import editor, mend
from contain.linter import settings as setting
from contain.linter.baseline import entries
from contain.linter.bundle import Bundle
from contain.linter.engine import Linter
from contain.linter.fix import Fix

if TYPE_CHECKING:
    from contain.diagnostics.model import Diagnostic
    from contain.document import Document

_SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "info": types.DiagnosticSeverity.Information,
}


class Server(LanguageServer):
    """Keeps the findings of each open document for code actions."""

    def __init__(self) -> None:
        super().__init__("contain", __version__)
        self.found: dict[str, tuple[Document, list[Diagnostic]]] = {}

    def check(self, uri: str) -> list[types.Diagnostic]:
        """Lint an open document; what is found, as the client is to see it."""
        text = self.workspace.get_text_document(uri).source
        path = _path(uri)
        config = setting.find(str(path.parent)) if path.parent.is_dir() else ""
        linter = Linter(setting.load(config) if config else None)
        document = parse(text.encode("utf-8", "surrogatepass"), str(path), limit=linter.settings.max_size)
        bundle = Bundle(str(path.parent)) if path.name == "config.json" else None
        items = linter.check(document, bundle=bundle)
        self.found[uri] = (document, items)
        return [self._shown(uri, item) for item in items]

    def publish(self, uri: str) -> None:
        """Lint an open document and send what is found, unless the client asks for it by itself."""
        abilities = self.client_capabilities.text_document
        if abilities is None or abilities.diagnostic is None:
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri=uri, diagnostics=self.check(uri)))

    def _shown(self, uri: str, item: Diagnostic) -> types.Diagnostic:
        place = item.position
        return types.Diagnostic(
            range=self.range(uri, place.offset if place else 0, place.end if place else 0),
            severity=_SEVERITIES[item.severity],
            code=item.id,
            source="contain",
            message=item.message,
            data={"pointer": item.pointer},
        )

    def range(self, uri: str, start: int, end: int) -> types.Range:
        """A range of code points in the client's units."""
        source = self.workspace.get_text_document(uri)
        lines = source.lines
        codec = source.position_codec
        return codec.range_to_client_units(lines, types.Range(_point(source.source, start), _point(source.source, end)))

    def offset(self, uri: str, position: types.Position) -> int:
        """The code point at a position of the client."""
        return int(self.workspace.get_text_document(uri).offset_at_position(position))


def _point(text: str, offset: int) -> types.Position:
    return types.Position(text.count("\n", 0, offset), offset - text.rfind("\n", 0, offset) - 1)


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path) or "untitled.json")


def make() -> Server:
    """A server with all its features."""
    server = Server()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.publish(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        server.publish(params.text_document.uri)

    @server.feature(
        types.TEXT_DOCUMENT_DIAGNOSTIC,
        types.DiagnosticOptions(inter_file_dependencies=False, workspace_diagnostics=False, identifier="contain"),
    )
    def pulled(params: types.DocumentDiagnosticParams) -> types.RelatedFullDocumentDiagnosticReport:
        return types.RelatedFullDocumentDiagnosticReport(items=server.check(params.text_document.uri))

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.found.pop(params.text_document.uri, None)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        uri = params.text_document.uri
        _, words = editor.hover(server.workspace.get_text_document(uri).source, server.offset(uri, params.position))
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, words)) if words else None

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=['"']))
    def completion(params: types.CompletionParams) -> list[types.CompletionItem]:
        uri = params.text_document.uri
        found = editor.complete(server.workspace.get_text_document(uri).source, server.offset(uri, params.position))
        kinds = (types.CompletionItemKind.Value, types.CompletionItemKind.Property)
        return [types.CompletionItem(label=text, detail=words or None, kind=kinds[is_name]) for text, words, is_name in found]

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION)
    def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        return _actions(server, params.text_document.uri, params.context.diagnostics)

    return server


def _actions(server: Server, uri: str, wanted: Any) -> list[types.CodeAction]:
    """A fix for each finding that has one, and an entry that allows it."""
    document, items = server.found.get(uri, (None, []))
    if document is None or document.text != server.workspace.get_text_document(uri).source:
        server.check(uri)  # the client changed it and has not asked for diagnostics yet
        document, items = server.found[uri]
    result: list[types.CodeAction] = []
    keys = {(item.code, json.dumps(item.data, default=str)) for item in wanted}
    for item in items:
        if not any(code == item.id and f'"{item.pointer}"' in data for code, data in keys):
            continue
        change = mend.edit(document, item.edit) if isinstance(item.edit, Fix) else None
        if change is not None:
            start, end, put = change
            edit = types.TextEdit(server.range(uri, start, end), put)
            result.append(
                types.CodeAction(
                    item.fix[:1].upper() + item.fix[1:], kind=types.CodeActionKind.QuickFix, edit=types.WorkspaceEdit({uri: [edit]})
                )
            )
        result.append(_allow(uri, item))
    return result


def _allow(uri: str, item: Diagnostic) -> types.CodeAction:
    """Add an entry to contain.toml; who does so writes the reason."""
    path = _path(uri)
    found = setting.find(str(path.parent)) if path.parent.is_dir() else ""
    config = Path(found) if found else path.parent / "contain.toml"
    lines = config.read_text(encoding="utf-8").count("\n") if config.is_file() else 0
    text = "".join(entries([item], str(config))).replace("was there when lint came", "write why")
    end = types.Position(lines + 1, 0)
    changes: list[Any] = (
        [] if config.is_file() else [types.CreateFile(uri=config.as_uri(), options=types.CreateFileOptions(ignore_if_exists=True))]
    )
    changes.append(
        types.TextDocumentEdit(
            types.OptionalVersionedTextDocumentIdentifier(config.as_uri(), None), [types.TextEdit(types.Range(end, end), text)]
        )
    )
    return types.CodeAction(
        f"Allow {item.id} here, with a reason", kind=types.CodeActionKind.QuickFix, edit=types.WorkspaceEdit(document_changes=changes)
    )
