"""Attacks on the making of mounts: paths that change while they are used, and what an image plants in its root."""

from __future__ import annotations

import ctypes
import os
import threading

import pytest

from tests.live.conftest import config_of, shell

pytestmark = [pytest.mark.live, pytest.mark.any_kernel]

AT_FDCWD, RENAME_EXCHANGE = -100, 2


@pytest.fixture
def swapping():
    """`swapping(one, other)`: exchanges two paths without a pause until the test ends."""
    ended, threads = threading.Event(), []
    libc = ctypes.CDLL(None, use_errno=True)

    def start(one, other):
        def swap():
            while not ended.is_set():
                libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)

        threads.append(threading.Thread(target=swap, daemon=True))
        threads[-1].start()

    yield start
    ended.set()
    for thread in threads:
        thread.join()


def test_a_target_that_turns_into_a_link(run_spec, swapping, rootfs, tmp_path):
    """CVE-2021-30465, CVE-2024-45310: whoever shares a volume swaps the target for a link while containers start; nothing lands outside."""
    outside = tmp_path / "outside"
    outside.mkdir()
    os.makedirs(f"{rootfs}/shared/target")
    os.symlink(str(outside), f"{rootfs}/shared/link")
    swapping(f"{rootfs}/shared/target", f"{rootfs}/shared/link")
    rows = [
        {"destination": "/shared/target", "type": "tmpfs", "source": "tmpfs"},
        {"destination": "/shared/target/made/deep", "type": "tmpfs", "source": "tmpfs"},
    ]
    config = config_of("/bin/true")
    config["mounts"] += rows
    for _ in range(8):
        done = run_spec(config)
        assert done.code in (0, 125), done  # a mount inside the root, or an error: never one outside
        assert not os.path.ismount(outside)
        assert os.listdir(outside) == []


def test_a_planted_dev_is_not_followed_out(run_spec, rootfs, tmp_path):
    """Nodes, links and their folders are made where the kernel finds them inside the root, whatever links the image has."""
    outside = tmp_path / "outside"
    outside.mkdir()
    os.rmdir(f"{rootfs}/dev")
    os.symlink(f"../../../../..{outside}", f"{rootfs}/dev")
    config = config_of("/bin/true")
    config["mounts"] = config["mounts"][:1]
    config["linux"]["devices"] = [{"path": "/dev/deep/node", "type": "c", "major": 1, "minor": 3}]
    assert run_spec(config).code in (0, 125)
    assert os.listdir(outside) == []


def test_a_planted_link_is_not_masked_outside(run_spec, rootfs, tmp_path):
    """Masked and read-only paths that an image made links end inside the root too."""
    secret = tmp_path / "secret"
    secret.write_text("host")
    os.symlink(str(secret), f"{rootfs}/mask")
    os.symlink("/etc/passwd", f"{rootfs}/inside")
    config = shell("wc -c < /inside", linux={})
    config["linux"].update({"maskedPaths": ["/mask", "/inside"], "readonlyPaths": ["/mask"]})
    done = run_spec(config)
    assert done.out.strip() == "0", done
    assert secret.read_text() == "host"


def test_a_false_procfs_is_not_written(run_spec, rootfs):
    """CVE-2019-16884, CVE-2025-52881: a tmpfs on /proc gets no sysctl; the one that is set is the kernel's."""
    os.makedirs(f"{rootfs}/fake/sys/net/ipv4", exist_ok=True)
    with open(f"{rootfs}/fake/sys/net/ipv4/ip_forward", "w", encoding="utf-8") as file:
        file.write("planted")
    config = shell("cat /proc/sys/net/ipv4/ip_forward; cat /real/sys/net/ipv4/ip_forward")
    config["mounts"][0] = {"destination": "/proc", "source": f"{rootfs}/fake", "options": ["bind"]}
    config["mounts"].append({"destination": "/real", "type": "proc", "source": "proc"})
    config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
    done = run_spec(config)
    assert done.out == "planted1\n", done
