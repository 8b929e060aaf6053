"""Files in a root that is not trusted are never looked up outside of it."""

from __future__ import annotations

import os

import pytest

from contain.kernel.files import Root, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A root with /etc/passwd, and a secret beside the root."""
    (tmp_path / "secret").write_text("outside")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text("inside")
    return root


@pytest.mark.parametrize("target", ["/secret", "../../secret", "../../../../../secret", "/etc/../../secret"])
def test_a_link_cannot_leave(tree: Path, target: str) -> None:
    """A link to a file beside the root finds nothing: `..` of the root is the root."""
    (tree / "etc/group").symlink_to(target)
    with Root(str(tree)) as root:
        assert root.read("/etc/group") is None


@pytest.mark.parametrize("target", ["/etc/passwd", "passwd", "../../../etc/passwd", "/../etc/./passwd"])
def test_a_link_within_is_followed(tree: Path, target: str) -> None:
    """Absolute links start at the root."""
    (tree / "etc/group").symlink_to(target)
    with Root(str(tree)) as root:
        assert root.read("/etc/group") == b"inside"


def test_a_folder_that_is_a_link(tree: Path) -> None:
    """A link on the way is followed within the root as well."""
    (tree / "conf").symlink_to("/etc")
    with Root(str(tree)) as root:
        assert root.read("/conf/passwd") == b"inside"
        assert root.read("/conf/../etc/passwd") == b"inside"


def test_a_loop_of_links_ends(tree: Path) -> None:
    """As in the kernel, after forty."""
    (tree / "a").symlink_to("b")
    (tree / "b").symlink_to("a")
    with Root(str(tree)) as root:
        assert root.read("/a") is None
        with pytest.raises(OSError, match="symbolic links"):
            root.open("/a")


def test_a_fifo_is_not_opened(tree: Path) -> None:
    """What is no regular file is not read: opening a fifo would hang."""
    os.mkfifo(tree / "etc/group")
    with Root(str(tree)) as root:
        assert root.read("/etc/group") is None
        assert root.read("/etc") is None


def test_reading_is_bounded(tree: Path) -> None:
    """A huge passwd costs no more than the limit."""
    (tree / "etc/passwd").write_bytes(b"x" * 100_000)
    with Root(str(tree)) as root:
        assert root.read("/etc/passwd", limit=70_000) == b"x" * 70_000


def test_no_descriptor_is_left(tree: Path) -> None:
    """Also after failures in the middle of a path."""
    before = os.listdir("/proc/self/fd")
    with Root(str(tree)) as root:
        root.read("/etc/passwd")
        root.read("/etc/nothing/more")
        root.read("/etc/passwd/below")
    assert os.listdir("/proc/self/fd") == before


def test_an_open_descriptor_stays_open(tree: Path) -> None:
    """read() closes only what it opened."""
    fd = os.open(tree / "etc/passwd", os.O_RDONLY)
    try:
        assert read(fd) == b"inside"
        assert os.fstat(fd).st_size == 6
    finally:
        os.close(fd)
