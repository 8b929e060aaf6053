"""Names and formats of the state folder."""

from __future__ import annotations

import pytest

from contain.kernel.mounts import unescape
from contain.state import layout


@pytest.mark.parametrize("name", ["web", "a.b-c_d+e", "0" * 255])
def test_an_id(name: str) -> None:
    """What the OCI's runtimes allow is allowed."""
    assert layout.is_id(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "é", ".new-1", ".dead-1", ".note-1", "0" * 256, "a\n"])
def test_no_id(name: str) -> None:
    """What is no plain file name, or could be taken for one of our own, is not."""
    assert not layout.is_id(name)


@pytest.mark.parametrize("text", ["/plain", "a\\b", "two\nlines", "\x01pid\x01", "\x7f"])
def test_escape_is_undone(text: str) -> None:
    """Every value survives, and no escaped value can hold a newline or look like a hole."""
    escaped = layout.escape(text)
    assert unescape(escaped) == text
    assert "\n" not in escaped
    assert "\x01" not in escaped


def test_default_roots() -> None:
    """Root has /run/contain, others their runtime folder, else one in /tmp."""
    assert layout.default_root({"XDG_RUNTIME_DIR": "/run/user/0"}, 0) == "/run/contain"
    assert layout.default_root({"XDG_RUNTIME_DIR": "/run/user/5"}, 0, initial=False) == "/run/user/5/contain"
    assert layout.default_root({}, 0, initial=False) == "/run/contain"
    assert layout.default_root({"XDG_RUNTIME_DIR": "/run/user/5"}, 5) == "/run/user/5/contain"
    assert layout.default_root({"XDG_RUNTIME_DIR": "here"}, 5) == "/tmp/contain-5"
