"""The import budget: what is on the way from the shell to a container imports nothing that is slow to import."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLOW = {
    *("argparse", "asyncio", "click", "collections.abc", "contextlib", "ctypes", "dataclasses", "enum", "functools", "inspect", "json"),
    *("jsonschema", "logging", "pathlib", "psutil", "pyroute2", "re", "rich", "shutil", "subprocess", "tempfile", "threading", "typing"),
}
PACKAGES = ("kernel", "document", "spec", "host", "state", "plan", "launcher", "container")
#: not on the way: run by hand or by `make generate`, or only after a failure
ASIDE = (
    "generate",
    "generator",
    "skeleton",
    "explain",
    "failure",
    "seccomp.library",
    "sources.archive",  # an .aci is unpacked at tar speed
    "container.hooks",  # poststart and poststop start programs
    *(
        f"container.{name}"
        for name in (
            "container",
            "dial",
            "failed",
            "lend",
            "options",
            "packages",
            "pool",
            "process",
            "publish",
            "reason",
            "sandbox",
            "shared",
            "steps",
            "together",
            "tree",
        )
    ),  # the library's, which its first run pays for
)


def modules() -> list[str]:
    """Every module of the hot packages, and the entry."""
    found = [
        "contain.__init__",
        "contain.errors",
        "contain.schema.__init__",
        "contain.cli.main",
        "contain.cli.arguments",
        "contain.cli.run",
    ]
    for package in PACKAGES:
        for folder, _, files in os.walk(f"{TOP}/contain/{package}"):
            if "/src" not in folder:
                found += [os.path.relpath(f"{folder}/{name}", TOP)[:-3].replace("/", ".") for name in files if name.endswith(".py")]
    return sorted(
        name.removesuffix(".__init__")
        for name in found
        if os.path.exists(f"{TOP}/{name.replace('.', '/')}.py") and not name.endswith(ASIDE) and ".generated." not in name
    )


@pytest.mark.parametrize("module", modules())
def test_module_imports_nothing_slow(module: str) -> None:
    """A hot module, started as the stub starts it, loads none of the slow ones."""
    code = f"import sys; sys.path.append({TOP!r}); before = set(sys.modules); import {module}; print(*sorted(set(sys.modules) - before))"
    result = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr

    assert sorted(SLOW & set(result.stdout.split())) == []
