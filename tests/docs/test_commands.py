"""Every command that the docs show is run, and shows what the docs say.

A page shows commands in blocks marked `console`; the words after it say what they need:

    ```console live root
    $ contain run --name web rootfs -- echo hello
    hello
    ```

`live`: touches the kernel; `root`: needs root; `slow`; `show`: only parsed (what cannot be run here). The blocks of a page run in order in
one folder that holds `rootfs` (busybox) and `bundle`. A line `…` stands for any lines, `…` within a line for anything; `# exit 3` at the
end of a command says that it fails so. A command without lines below it may print what it likes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORDS = {"live", "root", "slow", "show"}
BLOCK = re.compile(r"^```console([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[str]:
    """README.md and every page of docs/."""
    found = [f"{folder}/{name}" for folder, _, names in os.walk(f"{TOP}/docs") for name in names if name.endswith(".md")]
    return ["README.md", *sorted(os.path.relpath(name, TOP) for name in found)]


def blocks(page: str) -> list[tuple[set[str], str]]:
    """The console blocks of a page: what they need, their text."""
    if not os.path.exists(f"{TOP}/{page}"):
        return []
    with open(f"{TOP}/{page}", encoding="utf-8") as file:
        return [(set(match[1].split()), match[2]) for match in BLOCK.finditer(file.read())]


def steps(text: str) -> list[tuple[str, int, str]]:
    """(command, exit code, expected output) of one block; a command goes on over lines that end in a backslash."""
    found: list[tuple[str, int, str]] = []
    rows = iter(text.splitlines())
    for row in rows:
        if row.startswith("$ "):
            command = row[2:]
            while command.endswith("\\"):
                command = command[:-1] + next(rows).removeprefix("> ")
            code = re.search(r"\s+# exit (\d+)$", command)
            found.append((command[: code.start()] if code else command, int(code[1]) if code else 0, ""))
        elif found:
            command, exit_code, output = found[-1]
            found[-1] = (command, exit_code, output + row + "\n")
    return found


def pattern(expected: str) -> str:
    """The expected output as a regular expression."""
    rows = [r"(?:.*\n)*?" if row == "…" else ".*".join(map(re.escape, row.split("…"))) + r"\n" for row in expected.splitlines()]
    return "".join(rows)


def cases() -> list[object]:
    """One case a page and kind of need: blocks that need the kernel are marked so."""
    found = []
    for page in pages():
        kinds = {frozenset(needs & {"live", "slow"}) for needs, _ in blocks(page) if "show" not in needs}
        for kind in sorted(kinds, key=sorted):
            marks = [getattr(pytest.mark, word) for word in sorted(kind)]
            found.append(pytest.param(page, kind, id="-".join([page, *sorted(kind)]), marks=marks))
    return found


@pytest.fixture
def shell(tmp_path, pristine):
    """`shell(command)` in a folder with `rootfs` and `bundle`, and with `contain` in PATH."""
    from tests.conftest import CONFIG, command

    os.makedirs(f"{tmp_path}/bundle")
    os.makedirs(f"{tmp_path}/.bin")
    for place in ("rootfs", "bundle/rootfs"):
        subprocess.run(["cp", "-a", pristine, f"{tmp_path}/{place}"], check=True)
    with open(f"{tmp_path}/bundle/config.json", "w", encoding="utf-8") as file:
        json.dump(CONFIG, file, indent=2)
    with open(f"{tmp_path}/.bin/contain", "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nPYTHONPATH={TOP} exec {" ".join(command())} "$@"\n')
    os.chmod(f"{tmp_path}/.bin/contain", 0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}/.bin:{os.path.dirname(sys.executable)}:{os.environ['PATH']}", "TOP": TOP}

    def run(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, text=True, stdin=subprocess.DEVNULL, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100,
        )  # fmt: skip

    return run


@pytest.mark.parametrize(("page", "kind"), cases())
def test_commands_of_page(page, kind, shell) -> None:
    """The commands of a page exit as it says and print what it shows."""
    for needs, text in blocks(page):
        if "show" in needs or needs & {"live", "slow"} != kind:
            continue
        if "root" in needs and os.getuid() != 0:
            pytest.skip(f"a command of {page} needs root")
        for command, code, expected in steps(text):
            result = shell(command)
            assert result.returncode == code, f"{page}: {command}\n{result.stdout}"
            if expected:
                assert re.fullmatch(pattern(expected), result.stdout), f"{page}: {command}\nshown:\n{expected}\nprinted:\n{result.stdout}"


def test_blocks_say_what_they_need() -> None:
    """A word after `console` is one of those above."""
    for page in pages():
        for needs, _ in blocks(page):
            assert needs <= WORDS, page


def test_harness_reads_a_block() -> None:
    """Continuation lines, exit codes and outputs are told apart."""
    text = "$ one \\\n> two  # exit 3\nout\n…\n$ three\n"

    assert steps(text) == [("one two", 3, "out\n…\n"), ("three", 0, "")]
    assert re.fullmatch(pattern("a…c\n…\nz\n"), "abc\nx\ny\nz\n")
