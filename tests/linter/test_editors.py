"""The language server in the hands of others: pytest-lsp's client, and a Neovim without a screen."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.borrowed import python_with

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
TOP = HERE.parents[1]


def test_pytest_lsp():
    """Push and pull, UTF-16, hover, completion, code actions."""
    python = python_with("lsp", "pytest-lsp", "pygls", "click")
    command = [
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--noconftest",  # ours needs what only our own environment has
        "--rootdir",
        "/tmp",
        "-c",
        "/dev/null",
        HERE / "lsp_client.py",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd="/tmp")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "4 passed" in done.stdout


LUA = """
vim.cmd("edit config.json")
local id = vim.lsp.start_client({ name = "contain", cmd = { "%s", "-m", "contain", "lsp" }, root_dir = vim.fn.getcwd() })
vim.lsp.buf_attach_client(0, id)
local function say(name, value) io.stdout:write(vim.fn.json_encode({ name, value }) .. "\\n") end
assert(vim.wait(60000, function() return #vim.diagnostic.get(0) > 0 end, 20), "no diagnostics")
local rows = {}
for _, item in ipairs(vim.diagnostic.get(0)) do
  table.insert(rows, { item.code or item.user_data.lsp.code, item.lnum, item.col, item.severity })
end
say("diagnostics", rows)
local here = { textDocument = vim.lsp.util.make_text_document_params(), position = { line = 2, character = 14 } }
say("hover", vim.lsp.buf_request_sync(0, "textDocument/hover", here, 60000)[id].result.contents.value)
local lsp = {}
for _, item in ipairs(vim.diagnostic.get(0)) do
  if (item.code or item.user_data.lsp.code) == "DOC204" then
    local range = { start = { line = item.lnum, character = item.col }, ["end"] = { line = item.end_lnum, character = item.end_col } }
    table.insert(lsp, { range = range, message = item.message, code = "DOC204", data = { pointer = "/mout" } })
  end
end
local asked = { textDocument = here.textDocument, range = lsp[1].range, context = { diagnostics = lsp } }
local action = vim.lsp.buf_request_sync(0, "textDocument/codeAction", asked, 60000)[id].result[1]
vim.lsp.util.apply_workspace_edit(action.edit, vim.lsp.get_client_by_id(id).offset_encoding)
say("fixed", vim.api.nvim_buf_get_lines(0, 3, 4, false)[1])
assert(vim.wait(60000, function()
  for _, item in ipairs(vim.diagnostic.get(0)) do
    if (item.code or item.user_data.lsp.code) == "DOC204" then return false end
  end
  return true
end, 20), "the finding stays")
vim.cmd("qall!")
"""


@pytest.mark.skipif(not shutil.which("nvim"), reason="no Neovim: apt-get install neovim")
def test_neovim(tmp_path):
    """It shows the findings at their places, what hovers over a member, and makes a fix, after which the finding is gone."""
    pytest.importorskip("pygls")
    (tmp_path / "config.json").write_text(
        '{"ociVersion": "1.0.2",\n "root": {"path": "rootfs"},\n "process": {"cwd": "x", "args": ["sh"], "user": {"uid": 0, "gid": 0}},\n "mout": []}\n'
    )
    (tmp_path / "play.lua").write_text(LUA % sys.executable)
    command = ["nvim", "--headless", "-u", "NONE", "-i", "NONE", "-c", "luafile play.lua"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        stdin=subprocess.DEVNULL,
        env=_environment(tmp_path),
    )
    said = dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    assert done.returncode == 0, done.stderr[-2000:]
    assert ["RUN212", 2, 20, 1] in said["diagnostics"], done.stderr[-2000:]
    assert "working folder" in said["hover"]
    assert said["fixed"] == ' "mounts": []}'


def _environment(folder):
    import os

    return {**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder), "XDG_CACHE_HOME": str(folder), "PYTHONPATH": str(TOP)}
