"""ACI0: the .aci archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contain.linter.registry import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.linter.archives import Aci

    Found = Iterator[tuple[str, str, str]]


@rule
def file_name(aci: Aci) -> Found:
    """ACI001 aci-file-name: the name of an image archive ends in .aci, whatever its compression.

    section: aci.md / Image Archives
    rows: ACI01
    """
    if not aci.store.path.endswith(".aci"):
        yield "manifest", "", "the name of an image archive ends in .aci"


@rule
def entry_twice(aci: Aci) -> Found:
    """ACI002 aci-entry-twice: a path is in the archive once.

    appc's own validator reads the first manifest, extraction leaves the last one.

    section: aci.md / Image Archives
    rows: ACI03
    """
    seen: set[str] = set()
    for name in aci.store.order:
        if name in seen and aci.store.kind(name) != "folder":
            yield "manifest", "", f"{name[:80]} is in the archive twice"
        seen.add(name)


@rule
def top_level(aci: Aci) -> Found:
    """ACI003 aci-top-level: an archive holds a file manifest and a folder rootfs, and nothing else.

    section: aci.md / Image Archives
    rows: ACI04 ACI10
    """
    if aci.store.kind("manifest") != "file":
        yield "manifest", "", "the archive has no file manifest"
    if aci.store.kind("rootfs") != "folder":
        yield "manifest", "", "the archive has no folder rootfs"
    for name in dict.fromkeys(entry.split("/")[0] for entry in aci.store.order):
        if name not in ("manifest", "rootfs", "."):
            yield "manifest", "", f"{name[:80]} does not belong beside manifest and rootfs"


@rule
def escapes(aci: Aci) -> Found:
    """ACI004 aci-escape: no entry leads out of the root file system.

    section: aci.md / Image Archives
    rows: ACI04
    """
    for name in aci.store.order:
        member = aci.store.member(name)
        hard = member.linkname if member is not None and member.islnk() else ""
        if ".." in name.split("/") or (member is not None and member.name.startswith("/")):
            yield "manifest", "", f"the entry {name[:80]} leads out of the archive"
        elif hard and not hard.removeprefix("./").startswith("rootfs/"):
            yield "manifest", "", f"the hard link {name[:80]} leads out of rootfs"


@rule
def broken(aci: Aci) -> Found:  # noqa: ARG001  found before there is an archive to look at
    """ACI005 aci-archive: an image archive is a tar archive, plain or compressed by gzip, bzip2 or xz.

    section: aci.md / Image Archives
    rows: ACI06
    """
    return iter(())


@rule
def signature(aci: Aci) -> Found:
    """SEC807 aci-unsigned: an image archive has a signature beside it.

    NAME.aci.asc, by which the image can be trusted.

    section: advice
    severity: info
    rows: SEC54 ACI02
    """
    if not aci.signed:
        yield "manifest", "", "no signature (.aci.asc) is beside the archive"
