"""run_python: a text by an interpreter that may lie in a hidden folder, with chosen packages and nothing else."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import contain
from contain import aio
from contain.container.packages import closure, entries, requirement

if TYPE_CHECKING:
    from pathlib import Path

root = pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files")


@pytest.mark.live
@pytest.mark.any_kernel
@root
def test_source_runs_alone() -> None:
    """Its arguments, its input; no site packages, no folder of the caller, no environment."""
    source = (
        "import os, sys\nprint(sys.argv[1:], sys.stdin.read(), __name__, os.getcwd(), os.path.exists('/tmp/pytest-of-root'))\nimport pytest"
    )
    found = contain.run_python(source, args=["a", "b"], input="in")
    assert found.stdout == "['a', 'b'] in __main__ /tmp False\n"
    assert "No module named 'pytest'" in found.stderr
    assert found.returncode == 1


@pytest.mark.live
@pytest.mark.any_kernel
@root
def test_packages_and_their_requirements() -> None:
    """Imported from a folder of their own; another one that is installed here is not there."""
    found = contain.run_python("import pytest, pluggy\nprint(pytest.__file__)\nimport ruff", packages=["pytest"], timeout=60)
    assert found.stdout == "/mnt/python/pytest/__init__.py\n"
    assert "No module named 'ruff'" in found.stderr


@pytest.mark.live
@pytest.mark.any_kernel
@root
def test_small_limits() -> None:
    """Its time is limited unless said otherwise; it cannot write what it was shown."""
    found = contain.run_python("import sys\nwhile True: pass", timeout=0.3)
    assert found.reason is contain.Reason.TIMEOUT
    found = contain.run_python("import os\nopen(os.__file__, 'a')")
    assert "Read-only file system" in found.stderr or "Permission denied" in found.stderr


@pytest.mark.live
@pytest.mark.any_kernel
@root
@pytest.mark.skipif(not os.path.exists("/usr/bin/python3"), reason="no second interpreter")
def test_another_interpreter() -> None:
    """By its path."""
    found = contain.run_python("import sys; print(sys.executable)", python="/usr/bin/python3")
    assert found.stdout.startswith("/usr/bin/python3")


@pytest.mark.live
@pytest.mark.any_kernel
@root
def test_awaited() -> None:
    """The same in contain.aio."""
    assert asyncio.run(aio.run_python("print(6 * 7)")).stdout == "42\n"


def test_what_cannot_be_had() -> None:
    """Said before anything runs."""
    with pytest.raises(contain.UsageError, match="nonesuch is not installed"):
        contain.run_python("", packages=["nonesuch"])
    with pytest.raises(contain.UsageError, match="is one text"):
        contain.run_python("", packages="pytest")
    for source in ("print('\ud800')", 5):
        with pytest.raises(contain.UsageError, match="source: "):
            contain.run_python(source)  # type: ignore[arg-type]
    with pytest.raises(contain.UsageError, match="rootfs is not for it"):
        contain.run_python("", rootfs="/")
    with pytest.raises(contain.UsageError, match="cannot be run"):
        contain.run_python("", python="/nonesuch")


def test_requirements_are_read() -> None:
    """Names, extras, markers of PEP 508."""
    assert requirement("a") == ("a", set(), "")
    assert requirement("a-b.c >=1,<2 ; python_version < '3'") == ("a-b.c", set(), " python_version < '3'")
    assert requirement("a[x, y]>=1; extra == 'z'") == ("a", {"x", "y"}, " extra == 'z'")
    assert requirement("a (>=1)") == ("a", set(), "")


def installed(folder: Path, name: str, files: list[str], requires: str = "") -> None:
    """A distribution as pip leaves it."""
    info = folder / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{requires}")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in [*files, f"{name}-1.dist-info/METADATA", "../../../bin/tool"]))
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("")


def test_shared_folders_are_shown_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a namespace package only the distribution's own part; compiled files and scripts are left out; editable installs are refused."""
    installed(
        tmp_path, "one", ["space/one/__init__.py", "space/one/deep/x.py", "single.py", "__pycache__/single.pyc"], "Requires-Dist: two\n"
    )
    installed(
        tmp_path, "two", ["space/two/__init__.py"], "Requires-Dist: missing; python_version < '3'\nRequires-Dist: three; extra == 'e'\n"
    )
    installed(tmp_path, "three", ["__editable__.three.pth"])
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    found = {path for distribution in closure(["one"]) for path in entries(distribution)}
    assert found == {"space/one", "space/two", "single.py", "one-1.dist-info", "two-1.dist-info"}
    with pytest.raises(LookupError, match="editable"):
        [entries(distribution) for distribution in closure(["two[e]"])]


def test_extras_that_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they require has to be there, unless the marker says more; what is no extra of it is an error."""
    rows = [
        "Provides-Extra: a",
        "Provides-Extra: b",
        "Requires-Dist: gone; extra == 'a'",
        "Requires-Dist: gone; (os_name == 'nt') and extra == 'b'",
    ]
    installed(tmp_path, "one", ["one.py"], "\n".join(rows) + "\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert [found.metadata["Name"] for found in closure(["one[b]"])] == ["one"]
    with pytest.raises(LookupError, match="gone is not installed, which one requires"):
        closure(["one[a]"])
    with pytest.raises(LookupError, match="no extra c"):
        closure(["one[c]"])
    for text in ("one>=2", "one (>=2)", "one; os_name == 'nt'", "", "[a]"):
        with pytest.raises(LookupError, match="no name of a distribution"):
            closure([text])


def test_packages_of_another_interpreter() -> None:
    """The module is a program of its own, on the standard library alone."""
    from contain.container import packages

    found = subprocess.run([sys.executable, "-I", packages.__file__, "pytest"], capture_output=True, text=True, check=True)
    prefix, program, *rows = found.stdout.split("\0")
    assert (prefix, program) == (sys.base_prefix, os.path.realpath(sys.executable))
    assert rows[rows.index("pytest") + 1].endswith("/pytest")
