"""The host view as operations: which folders are shown how, and which sockets are hidden."""

from __future__ import annotations

from typing import Any

from contain.host.paths import Entry, Source
from contain.plan.compile.hostview import hostview
from contain.plan.compile.mounts import mounts
from contain.plan.compile.rootfs import rootfs
from contain.plan.operations.devices import MakeLink
from contain.plan.operations.layers import MakeLayers
from contain.plan.operations.mounts import BindMount, MountFilesystem, OverlayMount, ShowFolder
from contain.plan.operations.rootfs import MakeRoot
from contain.plan.slots import Slots
from contain.spec.options import Options
from contain.spec.sources.hostview import read
from tests.plan.test_security import host_of, names, one

TOP = [
    Entry(name="bin", kind="link", target="usr/bin"),
    Entry(name="home", kind="dir", type="ext4"),
    Entry(name="proc", kind="dir", type="proc", point=True),
    Entry(name="snap", kind="dir", type="ext4", mounts=["/snap/core"]),
    Entry(name="swapfile", kind="file", type="ext4"),
    Entry(name="usr", kind="dir", type="ext4"),
    Entry(name="efi", kind="dir", type="vfat", point=True),
]
SOCKETS = ["/run/docker.sock", "/snap/core/a.sock", "/snap/b.sock", "/work/one.sock", "/work/two.sock"]


def compiled(cwd: str = "/", host: str = "hybrid-root", sources: dict[str, Source] | None = None, **options: Any) -> tuple[Any, list[Any]]:
    """The spec, and the operations of the view and of its mounts."""
    spec = read("", Options(command=["true"], environ={"HOME": "/root", "PATH": "/bin"}, cwd=cwd, **options))
    machine, slots = host_of(host, top=TOP, sockets=SOCKETS, sources=sources or {}, mounts=[]), Slots()
    return spec, [*rootfs(spec, machine, slots), *hostview(spec, machine, slots), *mounts(spec, machine, slots)]


def test_what_is_shown_and_how() -> None:
    """Folders by overlay, by clone where mounts or their file system forbid it, links as they are; no file, nothing of the kernel's."""
    _, found = compiled()
    folders = {each.path: (each.overlay, each.writable, each.sockets) for each in found if isinstance(each, ShowFolder)}
    assert folders == {
        "/snap": (False, False, ["core/a.sock", "b.sock"]),
        "/usr": (True, False, []),
        "/efi": (False, False, []),
    }
    assert one(found, MakeLink) == MakeLink(path="/bin", target="usr/bin", dangling=True)
    assert names(found, MakeRoot, MakeLayers) == [MakeLayers.__name__, MakeRoot.__name__]


def test_overlay_says_what_stays_read_only() -> None:
    """--overlay makes writable what can be; the rest is named."""
    spec, found = compiled(overlay=True, disk=5 << 20)
    assert [each.path for each in found if isinstance(each, ShowFolder) and each.writable] == ["/usr"]
    assert len([text for text in spec.warnings if "stays read-only" in text]) == 2
    assert one(found, MakeLayers).size == 5 << 20


def test_the_workspace() -> None:
    """By default under a throw-away layer; with mounts below it read-only, with a word."""
    folder = Source(exists=True, kind="dir", path="/work", type="ext4")
    _, found = compiled("/work", sources={"/work": folder})
    assert one(found, OverlayMount).target == "/work"
    spec, found = compiled("/work", sources={"/work": Source(**{**folder.values(), "mounts": True})})
    assert one(found, BindMount).recursive_set & 1
    assert "shown read-only" in spec.warnings[-1]


def test_sockets_below_what_is_shown_are_hidden() -> None:
    """In the workspace too, save the one that is granted."""
    _, found = compiled("/work", workspace="rw", socket=["/work/two.sock"])
    binds = {each.target: each.masked for each in found if isinstance(each, BindMount)}
    assert binds == {"/work": ["one.sock"], "/work/two.sock": []}


def test_only_our_own_hiding_is_optional() -> None:
    """What contain hides need not be there; what the caller mounts is made, or fails."""
    _, found = compiled(tmpfs=["/opt/mine"])
    optional = {each.target: each.optional for each in found if isinstance(each, MountFilesystem)}
    assert (optional["/var/tmp"], optional["/home"], optional["/opt/mine"], optional["/proc"]) == (True, False, False, False)
