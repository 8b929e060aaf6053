"""Attacks by a hostile root file system while or before we mount into it: swaps, false procfs, false consoles, the image's own files."""

from __future__ import annotations

import ctypes
import os
import pty
import threading

import pytest

from tests.live.conftest import config_of, shell

pytestmark = [pytest.mark.live, pytest.mark.any_kernel]


def listing(folder: str) -> dict[str, tuple[int, int, float]]:
    """Every path below a folder with mode, size and time of change."""
    found = {}
    for path, folders, files in os.walk(folder):
        for name in (*folders, *files):
            entry = os.lstat(f"{path}/{name}")
            found[os.path.relpath(f"{path}/{name}", folder)] = (entry.st_mode, entry.st_size, entry.st_mtime)
    return found


class Swapper:
    """Exchanges two names as fast as it can, until it is closed."""

    def __init__(self, one: str, other: str) -> None:
        self.names = one, other
        self.done = threading.Event()
        self.count = 0
        self.thread = threading.Thread(target=self.swap)
        self.thread.start()

    def swap(self) -> None:
        """By RENAME_EXCHANGE, so that both names are always there."""
        one, other = (name.encode() for name in self.names)
        libc = ctypes.CDLL(None)
        while not self.done.is_set():
            self.count += libc.renameat2(-100, one, -100, other, 2) == 0

    def close(self) -> None:
        """Ends the thread."""
        self.done.set()
        self.thread.join()


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_target_that_is_swapped_with_a_link(run_spec, rootfs, tmp_path, kind) -> None:
    """CVE-2021-30465, CVE-2024-45310: whatever we meet, nothing is mounted or made outside of the root."""
    outside, source = tmp_path / "outside", tmp_path / "source"
    for path in (outside, source):
        path.mkdir()
    (outside / "kept").write_text("kept")
    (source / "file").write_text("from the source")
    os.makedirs(f"{rootfs}/target/deep")
    os.symlink(str(outside), f"{rootfs}/trap")
    before = listing(str(outside))
    bind = {"destination": "/target/new/at", "type": "bind", "source": str(source), "options": ["bind"]}
    if kind == "file":
        bind |= {"destination": "/target/new-file", "source": str(source / "file")}
    config = shell("mkdir -p /target/inside; ls /proc/self/fd >/dev/null")
    config["mounts"].append(bind)
    swapper = Swapper(f"{rootfs}/target", f"{rootfs}/trap")
    try:
        codes = {run_spec(config).code for _ in range(8)}
    finally:
        swapper.close()
    assert swapper.count > 0
    assert codes <= {0, 1, 125}
    assert listing(str(outside)) == before
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        assert str(tmp_path) not in file.read()


@pytest.mark.parametrize("fake", ["folder", "bind"])
def test_sysctl_is_written_to_no_false_procfs(run_spec, rootfs, fake) -> None:
    """CVE-2025-52881: a setting does not go to a file that only looks like one of /proc/sys."""
    target = f"{rootfs}/{'proc' if fake == 'folder' else 'fake'}/sys/net/ipv4"
    os.makedirs(target)
    with open(f"{target}/ip_forward", "w", encoding="utf-8") as file:
        file.write("untouched")
    config = shell("echo started", linux={"sysctl": {"net.ipv4.ip_forward": "1"}})
    config["mounts"] = [row for row in config["mounts"] if row["destination"] != "/proc"]
    if fake == "bind":
        config["mounts"].append({"destination": "/proc", "type": "bind", "source": f"{rootfs}/fake", "options": ["bind"]})
    assert run_spec(config).code in {0, 125}  # it is set through a procfs of our own, or refused
    with open(f"{target}/ip_forward", encoding="utf-8") as file:
        assert file.read() == "untouched"


@pytest.mark.parametrize("link", ["absolute", "relative"])
def test_device_links_of_the_image(run_spec, rootfs, tmp_path, link) -> None:
    """CVE-2025-52565, CVE-2025-31133: links at /dev/console, /dev/null and /dev/ptmx lead our mounts nowhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("console", "null", "ptmx"):
        (outside / name).write_text("untouched")
        target = f"{outside}/{name}" if link == "absolute" else f"{'../' * 20}{outside}/{name}"
        os.symlink(target, f"{rootfs}/dev/{name}")
    before = listing(str(outside))
    config = shell("echo x >/dev/null; cat /etc/hostname", linux={"maskedPaths": ["/etc/hostname"]})
    config["mounts"] = [row for row in config["mounts"] if row["destination"] != "/dev"]
    ran = run_spec(config)
    assert "busybox" not in ran.out, ran
    assert listing(str(outside)) == before


def test_console_of_the_image(run_spec, rootfs, tmp_path) -> None:
    """CVE-2025-52565: with a terminal too, a link at /dev/console is followed to nothing outside, and the console is the container's own."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "console").write_text("untouched")
    for name in ("console", "pts"):
        if os.path.isdir(f"{rootfs}/dev/{name}"):
            os.rmdir(f"{rootfs}/dev/{name}")
        os.symlink(f"{outside}/{name}", f"{rootfs}/dev/{name}")
    before = listing(str(outside))
    config = shell("tty; echo typed >/dev/console", process={"terminal": True})
    config["mounts"] = [row for row in config["mounts"] if not row["destination"].startswith("/dev")]
    master, slave = pty.openpty()
    try:
        run_spec(config, run={"tty": True}, stdin=slave)
    finally:
        os.close(master)
        os.close(slave)
    assert listing(str(outside)) == before
    assert (outside / "console").read_text() == "untouched"


def test_cgroup_without_a_namespace_cannot_be_written(run_spec, user, user_rootfs) -> None:
    """CVE-2023-25809: an ordinary user's container that shares the cgroup namespace sees cgroups read-only, if at all."""
    config = shell(
        "mkdir /sys/fs/cgroup/escape 2>/dev/null && echo made; for f in $(find /sys/fs/cgroup -name cgroup.procs 2>/dev/null | head -3); do echo 0 2>/dev/null >$f && echo moved; done; true"
    )
    config["linux"]["namespaces"] = [row for row in config["linux"]["namespaces"] if row["type"] != "cgroup"]
    config["mounts"].append(
        {
            "destination": "/sys/fs/cgroup",
            "type": "cgroup",
            "source": "cgroup",
            "options": ["rprivate", "nosuid", "noexec", "nodev", "relatime"],
        }
    )
    ran = run_spec(config, user=user, root=user_rootfs)
    assert ran.out == "", ran


def test_read_only_root_is_not_written_by_us_either(run_spec, rootfs, contain) -> None:
    """CVE-2025-24965: a run leaves no helper file in the image; of a TARGET run not even a mount point."""
    before = listing(rootfs)
    ran = contain("run", rootfs, "--", "sh", "-c", "echo done")
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran
    assert listing(rootfs) == before


def test_program_and_interpreter_are_the_images(run_spec, rootfs) -> None:
    """An interpreter path that exists on the host only is not found; the host's programs are out of reach from the first instruction on."""
    with open(f"{rootfs}/bin/script", "w", encoding="utf-8") as file:
        file.write(f"#!{os.path.realpath('/proc/self/exe')}\nprint('host')\n")
    os.chmod(f"{rootfs}/bin/script", 0o755)
    ran = run_spec(config_of("/bin/script"))
    assert (ran.code, ran.out) == (127, ""), ran
