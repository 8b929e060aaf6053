"""mountinfo, with all that may stand in it."""

from __future__ import annotations

import os

from contain.kernel import mounts

TABLE = r"""
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
22 21 0:20 / /proc rw,nosuid - proc proc rw
30 21 8:2 /sub\040dir /mnt/a\040b ro,nodev shared:2 master:1 - ext4 /dev/sdb\134x ro
31 30 0:44 / /mnt/a\040b/c rw - fuse.sshfs user@host:/ rw
32 21 0:45 / /mnt/a\040b rw - tmpfs  rw
this is no line
"""


def test_a_table() -> None:
    """Spaces and backslashes come back, tags are kept, an empty source is no trouble, rubbish is skipped."""
    table = mounts.parse(TABLE)
    assert [mount.id for mount in table] == [21, 22, 30, 31, 32]
    third = table[2]
    assert (third.root, third.point, third.source) == ("/sub dir", "/mnt/a b", "/dev/sdb\\x")
    assert third.tags == ["shared:2", "master:1"]
    assert third.options == ["ro", "nodev"]
    assert table[4].source == ""


def test_what_covers_a_path() -> None:
    """The nearest mount point above, and of several mounts on it the last; names that only begin alike do not count."""
    table = mounts.parse(TABLE)
    assert [mounts.covering(table, path).id for path in ("/", "/x", "/proc", "/proc/1", "/procfs")] == [21, 21, 22, 22, 21]  # type: ignore[union-attr]
    assert mounts.covering(table, "/mnt/a b/x") is table[4]
    assert mounts.covering([], "/") is None


def test_what_lies_below() -> None:
    """Mounts on the folder itself are not below it."""
    table = mounts.parse(TABLE)
    assert [mount.point for mount in mounts.below(table, "/mnt/a b")] == ["/mnt/a b/c"]
    assert len(mounts.below(table, "/")) == 4


def test_our_own_mounts() -> None:
    """The kernel's own answer for a descriptor is found in the table."""
    table = mounts.mounts()
    assert mounts.of(table, "/proc/self").type == "proc"  # type: ignore[union-attr]
    assert mounts.of(table, "/nothing/here") is None
    fd = os.open("/", os.O_PATH)
    assert mounts.mount_id(fd) in {mount.id for mount in table}
    os.close(fd)


def test_what_hides_parts_of_proc() -> None:
    """What a container engine covers; a second proc that shows all, and mounts on folders that are always empty, change that."""
    proc = "22 21 0:20 / /proc rw - proc proc rw\n"
    assert mounts.hiding(mounts.parse(proc), "proc") == []
    assert mounts.hiding(mounts.parse(proc + "23 22 0:9 / /proc/sys/fs/binfmt_misc rw - autofs x rw\n"), "proc") == []
    covered = proc + "24 22 0:30 / /proc/acpi ro - tmpfs tmpfs ro\n25 22 0:20 /sys /proc/sys ro - proc proc ro\n"
    assert mounts.hiding(mounts.parse(covered), "proc") == ["/proc/acpi", "/proc/sys"]
    assert mounts.hiding(mounts.parse(covered + "26 21 0:40 / /mnt rw - proc proc rw\n"), "proc") == []
