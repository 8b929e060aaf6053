"""A distribution's kernel in QEMU, with as much of this machine's programs in memory as a test packs: what the other guest's kernel lacks."""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess

import pytest

from tests.live.conftest import TOP


def kernel() -> str:
    """A distribution's kernel: $CONTAIN_KERNEL, else what tests/guest/kernel unpacked, else one of /boot."""
    found = [os.environ.get("CONTAIN_KERNEL", ""), *glob.glob(f"{TOP}/build/kernel/boot/vmlinuz-*"), *glob.glob("/boot/vmlinuz-*")]
    path = next((path for path in found if path and os.access(path, os.R_OK)), "")
    if not path:
        pytest.skip("no kernel to boot: run tests/guest/kernel, or set CONTAIN_KERNEL")
    return path


def program(name: str) -> str:
    """Its path."""
    path = shutil.which(name) or shutil.which(name, path="/sbin:/usr/sbin") or os.environ.get(f"CONTAIN_{name.upper()}", "")
    if not path:
        pytest.skip(f"no {name}")
    return path


def skeleton(files: str) -> str:
    """The folders of the guest's root, and busybox with all that it can be called; the path of that here."""
    for name in ("bin", "sbin", "lib", "lib64", "usr/bin", "usr/sbin", "etc", "opt", "proc", "sys", "dev", "new"):
        os.makedirs(f"{files}/{name}")
    box = program("busybox")
    shutil.copy(box, f"{files}/bin/busybox")
    for applet in subprocess.run([box, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if not os.path.lexists(f"{files}/bin/{applet}"):
            os.symlink("busybox", f"{files}/bin/{applet}")
    return box


def put(files: str, path: str, to: str = "") -> None:
    """A program or library of this machine, and the libraries that it needs, into the folder of the guest's root."""
    target = files + (to or path)
    if os.path.lexists(target):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy2(os.path.realpath(path), target)
    needed = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    for library in re.findall(r"(/\S+) \(0x", needed):
        put(files, library)


def put_modules(files: str, names: list[str]) -> None:
    """Modules of the kernel, and those that they need, where modprobe finds them."""
    image = kernel()
    version = os.path.basename(image).partition("-")[2]
    source = f"{os.path.dirname(os.path.dirname(image))}/lib/modules/{version}"
    if not os.path.isdir(f"{source}/kernel"):
        pytest.skip(f"no modules in {source}: run tests/guest/kernel")
    target = f"{files}/lib/modules/{version}"
    os.makedirs(target)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(f"{source}/{name}", target)
    wanted, done = list(names), set()
    paths = {os.path.basename(path).partition(".")[0]: path for path in glob.glob(f"{source}/kernel/**/*.ko*", recursive=True)}
    while wanted:
        name = wanted.pop().replace("-", "_")
        path = paths.get(name) or paths.get(name.replace("_", "-"))
        if path is None or name in done:  # built in
            continue
        done.add(name)
        os.makedirs(os.path.dirname(f"{target}{path.removeprefix(source)}"), exist_ok=True)
        shutil.copy(path, f"{target}{path.removeprefix(source)}")
        depends = subprocess.run([program("modinfo"), "-F", "depends", path], capture_output=True, text=True, check=True).stdout.strip()
        wanted += depends.split(",") if depends else []
    subprocess.run([program("depmod"), "-b", files, version], check=True)


def boot(files: str, *, append: str = "", memory: int = 512, seconds: int = 300) -> dict[str, str]:
    """Boots with `files` as the initial root; what was printed after each "begin NAME", by name."""
    initrd = f"{files}.initrd"
    box = program("busybox")
    subprocess.run(f"find . | {box} cpio -o -H newc 2>/dev/null | gzip -1 >{initrd}", shell=True, cwd=files, check=True)
    words = [program("qemu-system-x86_64"), "-nographic", "-no-reboot", "-m", str(memory), "-kernel", kernel(), "-initrd", initrd]
    words += ["-append", f"console=ttyS0 quiet panic=-1 {append}"]
    done = subprocess.run(words, capture_output=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL)
    rows = done.stdout.decode(errors="replace").replace("\r", "").replace("\0", "").split("begin ")[1:]
    assert rows, done.stdout
    return {row.split("\n", 1)[0]: row.split("\n", 1)[1] for row in rows}
