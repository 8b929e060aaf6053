"""What a manifest makes the launcher say goes to a terminal: it must not act there, nor turn the line round, nor forge another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

pytestmark = [pytest.mark.live, pytest.mark.any_kernel]

EVIL = "\x1b]0;x\x07\x9b2J\u202egpj\u2066\u200b\r\n\x7f\ufeff"

CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "program": lambda config: config["process"].update(args=[f"/{EVIL}"]),
    "folder": lambda config: (config["process"].update(cwd=f"/{EVIL}"), config["root"].update(readonly=True))[0],
    "mount": lambda config: config["mounts"].append({"destination": f"/{EVIL}", "type": EVIL, "source": EVIL}),
    "setting": lambda config: config["linux"].update(sysctl={"net.ipv4.ip_forward": EVIL}),
    "hook": lambda config: config.update(hooks={"createRuntime": [{"path": f"/{EVIL}"}]}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_words_of_a_failure(
    make_bundle: Callable[..., str], contain: Callable[..., subprocess.CompletedProcess[str]], change: Callable[[dict[str, Any]], None]
) -> None:
    """Of the first line, and of the times of `--trace`."""
    done = contain("run", "--trace", make_bundle(change=change), encoding="utf-8", errors="strict")
    assert done.returncode != 0
    assert "]0;x?" in done.stderr
    assert "gpj" in done.stderr
    assert [letter for letter in done.stderr if not letter.isprintable() and letter != "\n"] == []


def test_letters_of_the_world_stay(
    make_bundle: Callable[..., str], rootfs: str, contain: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Only what is not to be seen is replaced, and what is no UTF-8."""
    assert 'exec: "/Füße 日本 🎉"' in contain("run", make_bundle("/Füße 日本 🎉"), encoding="utf-8").stderr
    assert 'exec: "/a?b"' in contain("run", rootfs, "--", "/a\udc9bb", encoding="utf-8").stderr
