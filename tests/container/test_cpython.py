"""CPython's own tests give in the default sandbox what they give outside, but for the rows of docs/inside.md, each with its reason.

Debian packages them (libpython3.11-testsuite). Both sides run here and now, at once, so that what fails or is skipped on this machine anyway is
no difference; what differs runs once more by itself, up to twice, since some of these tests measure times. Their resources (regrtest's `-u`)
are all off, as they are by default. They wait more than they compute: `make test-all` runs three modules at once.
"""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.conftest import User

    Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.any_kernel,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.getuid() != 0, reason="needs root, who becomes the ordinary user too"),
    pytest.mark.skipif(not os.path.exists("/usr/lib/python3.11/test/test_os.py"), reason="no libpython3.11-testsuite from Debian"),
]
MODULES = [  # the long ones first
    "test_multiprocessing_spawn",
    "test_asyncio",
    "test_multiprocessing_forkserver",
    "test_multiprocessing_fork",
    "test_subprocess",
    "test_signal",
    "test_ssl",
    "test_socket",
    "test_threading",
    "test_os",
    "test_tempfile",
    "test_mmap",
    "test_pty",
]
ALL = [(module, who) for module in MODULES for who in ("root", "user")]
#: a long one, then a short one: pytest-xdist hands out two at a time
CASES = [case for pair in zip(ALL[:13], reversed(ALL[13:]), strict=True) for case in pair]
#: connects to the hypervisor, and waits for ever when that does not answer
LEFT_OUT = "ThreadedVSOCKSocketStreamTest.*"
TEST = f"python3.11 -m test -v -i '*.{LEFT_OUT}'"
SCRIPT = f'd=$(mktemp -d) && cd "$d" && {TEST} --junit-xml="$d/found" "$@" >&2; cat "$d/found"; cd / && rm -rf "$d"'
FAILED = re.compile(r"^(?:ERROR|FAIL): \S+ \((\S+?)\)", re.MULTILINE)
INSIDE = "import contain, sys; sys.exit(contain.run(sys.argv[1:], stdin=contain.DEVNULL, stdout=1, stderr=2).returncode)"
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}


def by_root(top: str) -> Run:
    """Runs a command as root."""
    env = {**ENVIRONMENT, "PYTHONPATH": top}
    return lambda words: subprocess.run(
        words, env=env, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=800
    )


def by_user(user: User) -> Run:
    """Runs a command as the ordinary user."""
    env = {**user.environment, "HOME": "/nonexistent", "LANG": "C.UTF-8"}
    return lambda words: user.run(list(words), env=env, cwd="/", timeout=800)


def verdicts(run: Run, words: Sequence[str], *, inside: bool) -> dict[str, str]:
    """Test id → ok, skipped or error."""
    prefix = ["/usr/bin/python3", "-c", INSIDE] if inside else []
    done = run([*prefix, "sh", "-c", SCRIPT, "sh", *words])
    try:
        tree = ET.fromstring(done.stdout)
    except ET.ParseError:
        raise AssertionError(f"{words}: no report, exit {done.returncode}: {done.stderr[-2000:]}") from None
    skipped = [case.get("name") for case in tree.iter("testcase") if case.find("skipped") is not None]
    failed = FAILED.findall(done.stderr)  # the report knows no failed subtests
    names = {*(case.get("name") for case in tree.iter("testcase")), *failed} - {None}
    return {name: "error" if name in failed else "skipped" if name in skipped else "ok" for name in names if name}


def differences(outside: dict[str, str], inside: dict[str, str]) -> set[tuple[str, str, str]]:
    """(id, outside, inside) of each test that does not give the same."""
    return {
        (name, outside.get(name, "none"), inside.get(name, "none"))
        for name in {*outside, *inside}
        if outside.get(name, "none") != inside.get(name, "none")
    }


def known(top: str, who: str) -> list[tuple[str, str, str]]:
    """The rows of docs/inside.md for this caller: (pattern, outside, inside)."""
    with open(f"{top}/docs/inside.md", encoding="utf-8") as file:
        rows = [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in file if line.startswith("| `test.")]
    return [(row[0], row[2], row[3]) for row in rows if who in re.split(r"\W+", row[1])]


@pytest.mark.parametrize(("module", "who"), CASES)
def test_same_inside(module: str, who: str, top: str, user: User) -> None:
    """But for what the page says, and why."""
    run = by_root(top) if who == "root" else by_user(user)
    rows = known(top, who)

    def unexpected(words: Sequence[str]) -> set[str]:
        with ThreadPoolExecutor(2) as pool:
            outside, inside = pool.map(lambda side: verdicts(run, words, inside=side), [False, True])
        assert outside, "nothing ran"
        return {
            " ".join(found)
            for found in differences(outside, inside)
            if not any(fnmatch.fnmatchcase(found[0], row[0]) and found[1:] == row[1:] for row in rows)
        }

    left = unexpected([module])
    for _ in range(2):
        if left:
            left &= unexpected([module, *(word for name in left for word in ("-m", name.split()[0]))])
    assert not left
