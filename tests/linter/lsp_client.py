"""Run by test_editors.py with a Python that has pytest-lsp: contain's server as a client of the protocol's own tests sees it."""

from __future__ import annotations

import sys

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

SERVER = ClientServerConfig(server_command=[sys.executable, "-m", "contain", "lsp"])
#: how many units a face has, by the encoding that the two agreed on
FACE = {"utf-8": 4, "utf-16": 2, "utf-32": 1}
URI = "file:///nowhere/config.json"
TEXT = '{"ociVersion": "1.0.2",\n "root": {"path": "rootfs"},\n "process": {"cwd": "😀x", "args": ["sh"], "user": {"uid": 0, "gid": 0}},\n "mout": []}\n'


@pytest_lsp.fixture(config=SERVER, params=["neovim", "visual_studio_code"])
async def client(request: pytest.FixtureRequest, lsp_client: LanguageClient):
    """A client that says what such an editor can do; Neovim's does not pull diagnostics."""
    result = await lsp_client.initialize_session(
        types.InitializeParams(capabilities=client_capabilities(request.param), root_uri="file:///nowhere")
    )
    lsp_client.encoding = result.capabilities.position_encoding or "utf-16"
    yield lsp_client
    await lsp_client.shutdown_session()


async def _opened(client: LanguageClient, text: str) -> list[types.Diagnostic]:
    client.text_document_did_open(types.DidOpenTextDocumentParams(types.TextDocumentItem(URI, "json", 1, text)))
    return await _diagnostics(client)


async def _diagnostics(client: LanguageClient) -> list[types.Diagnostic]:
    """What was pushed, or what is pulled by a client that can."""
    if client.capabilities.text_document.diagnostic is not None:
        report = await client.text_document_diagnostic_async(types.DocumentDiagnosticParams(types.TextDocumentIdentifier(URI)))
        return list(report.items)
    await client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    return list(client.diagnostics[URI])


def _change(client: LanguageClient, version: int, text: str) -> None:
    identifier = types.VersionedTextDocumentIdentifier(version=version, uri=URI)
    client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [types.TextDocumentContentChangeWholeDocument(text)]))


@pytest.mark.asyncio
async def test_diagnostics_while_typing(client: LanguageClient):
    """Places in the units of the client; what is mended is gone; what is half written is told as such."""
    found = {item.code: item for item in await _opened(client, TEXT)}
    assert found["RUN212"].severity == types.DiagnosticSeverity.Error
    assert found["RUN212"].range == types.Range(types.Position(2, 20), types.Position(2, 20 + 3 + FACE[client.encoding]))
    assert found["DOC204"].range.start == types.Position(3, 1)
    for version, (text, want) in enumerate([(TEXT.replace("😀x", "/x"), None), (TEXT[:60], "DOC001")], 2):
        _change(client, version, text)
        codes = {item.code for item in await _diagnostics(client)}
        assert "RUN212" not in codes
        assert want is None or any(str(code).startswith("DOC") for code in codes)


@pytest.mark.asyncio
async def test_hover_completion_and_fixes(client: LanguageClient):
    """The schema's words, members that are not there yet, and a fix as an edit."""
    found = {item.code: item for item in await _opened(client, TEXT)}
    document = types.TextDocumentIdentifier(URI)
    hover = await client.text_document_hover_async(types.HoverParams(document, types.Position(2, 14)))
    assert "working folder" in hover.contents.value
    typed = TEXT.replace('"mout": []', '"linux": {"namespaces": [{"type": ""}]}, ""')
    _change(client, 2, typed)
    for column, some, none in (
        (typed.split("\n")[3].index('""') + 1, "network", "mounts"),
        (len(typed.split("\n")[3]) - 2, "mounts", "linux"),
    ):
        items = await client.text_document_completion_async(types.CompletionParams(document, types.Position(3, column)))
        labels = {item.label for item in getattr(items, "items", items)}
        assert some in labels
        assert none not in labels
    _change(client, 3, TEXT)
    wanted = found["DOC204"]
    actions = await client.text_document_code_action_async(
        types.CodeActionParams(document, wanted.range, types.CodeActionContext(diagnostics=[wanted]))
    )
    fix, allow = actions
    assert list(fix.edit.changes[URI]) == [types.TextEdit(types.Range(types.Position(3, 1), types.Position(3, 7)), '"mounts"')]
    assert "Allow DOC204" in allow.title
