"""What editors get: the value at a place, its description, completion in the middle of typing; and the server itself."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from contain.linter import editor

TEXT = """{
  "ociVersion": "1.0.2",
  "process": {"cwd": "/", "capabilities": {"bounding": ["CAP_KILL"]}},
  "mounts": [{"destination": "/é", "options": ["ro"]}],
  "linux": {"namespaces": [{"type": "pid"}], "rootfsPropagation": "private"}
}"""


def _at(mark):
    text = TEXT.replace(mark, mark.replace("|", ""), 1) if "|" not in TEXT else TEXT
    return text, text.index(mark.replace("|", "")) + mark.index("|")


def test_pointer_at():
    """A value and a member name belong to the same pointer; a brace to its object."""
    assert editor.pointer_at(*_at('"cw|d"')) == "/process/cwd"
    assert editor.pointer_at(*_at('"/é|"')) == "/mounts/0/destination"
    assert editor.pointer_at(TEXT, 0) == ""


def test_hover():
    """The schema's words, the values of a list, the version that a member came with."""
    pointer, words = editor.hover(*_at('"p|id"'))
    assert pointer == "/linux/namespaces/0/type"
    assert "`mount`, `pid`" in words
    assert "working folder" in editor.hover(*_at('"cw|d"'))[1]
    assert editor.hover("[1]", 1)[1] == ""


@pytest.mark.parametrize(
    ("text", "some", "none"),
    [
        ('{"ociVersion": "1.0.2", |', ["process", "linux"], ["ociVersion", "cwd"]),
        ('{"ociVersion": "1.0.2", "|', ["process"], ["ociVersion"]),
        ('{"ociVersion": "1.0.2", "process": {"cwd": "/", "ar|', ["args", "capabilities"], ["cwd", "linux"]),
        ('{"ociVersion": "1.0.2", "process": {"|"}, "linux": {}}', ["args"], ["linux"]),
        ('{"ociVersion": "1.0.2", "linux": {"namespaces": [{"type": "|', ["pid", "network"], ["type"]),
        ('{"ociVersion": "1.0.2", "process": {"terminal": |', ["true", "false"], []),
        ('{"ociVersion": "1.0.2", "process": {"capabilities": {"bounding": ["CAP_KILL", "|', ["CAP_CHOWN"], []),
        ('{"ociVersion": "1.0.2", "mounts": [{"options": ["|', ["nosuid", "rbind"], []),
        ('{"colour": "|', [], []),
    ],
)
def test_completion(text, some, none):
    """Members that are not there yet, values of lists, names of capabilities and options; also when nothing is closed."""
    offset = text.index("|")
    found = [item[0] for item in editor.complete(text.replace("|", ""), offset)]
    assert set(some) <= set(found)
    assert not set(none) & set(found)
    assert bool(found) == bool(some)


class Client:
    """A client of few words: messages over pipes."""

    def __init__(self, folder):
        code = "import sys; from contain.cli.main import main; sys.exit(main(['lsp']))"
        root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path])}
        self.process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, env=env)
        self.number = 0

    def send(self, method, params, *, wait=True):
        """Send a request (the result comes back) or a notification."""
        self.number += wait
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **({"id": self.number} if wait else {})}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()
        while wait:
            message = self.read()
            if message.get("id") == self.number and "method" not in message:
                return message["result"]
        return None

    def read(self):
        """The next message."""
        size = 0
        while (line := self.process.stdout.readline().strip()) or not size:
            assert line or self.process.poll() is None, "the server ended"
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        return json.loads(self.process.stdout.read(size))

    def published(self):
        """The diagnostics of the next publication."""
        while (message := self.read()).get("method") != "textDocument/publishDiagnostics":
            pass
        return message["params"]["diagnostics"]


@pytest.mark.skipif(importlib.util.find_spec("pygls") is None, reason="pygls is not installed (contain[lsp])")
def test_the_server(tmp_path):
    """Diagnostics when a document is opened and changed, hover, completion, a fix and an entry that allows, columns in UTF-16."""
    client = Client(tmp_path)
    try:
        client.send("initialize", {"processId": None, "rootUri": tmp_path.as_uri(), "capabilities": {}})
        client.send("initialized", {}, wait=False)
        uri = (tmp_path / "box.json").as_uri()
        text = '{"ociVersion": "1.0.2", "x.😀": 1, "root": {"path": "rootfs"}, "HostName": "b"}'
        client.send("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "json", "version": 1, "text": text}}, wait=False)
        (found,) = [item for item in client.published() if item["code"] == "DOC202"]
        start = text.index('"HostName"') + 1  # one more in UTF-16, for the face
        assert found["range"] == {"start": {"line": 0, "character": start}, "end": {"line": 0, "character": start + 10}}
        context = {"diagnostics": [found]}
        fix, allow = client.send("textDocument/codeAction", {"textDocument": {"uri": uri}, "range": found["range"], "context": context})
        assert fix["edit"]["changes"][uri][0]["newText"] == '"hostname"'
        assert "DOC202" in json.dumps(allow["edit"])
        hover = client.send("textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 4}})
        assert "version of the runtime specification" in hover["contents"]["value"]
        items = client.send("textDocument/completion", {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 1}})
        assert "process" in [item["label"] for item in items]
        change = {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": '{"ociVersion": "1.0.2", "root": {'}]}
        client.send("textDocument/didChange", change, wait=False)
        assert [item["code"] for item in client.published()] == ["DOC001"]
        client.send("shutdown", None)
        client.send("exit", None, wait=False)
        assert client.process.wait(timeout=60) == 0
    finally:
        client.process.kill()
        client.process.wait()
        client.process.stdin.close()
        client.process.stdout.close()
