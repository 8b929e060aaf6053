"""Runs in the guest of test_criu.py: containers are saved and made again by the real CRIU. Prints "begin CASE" and one line of JSON a case."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import Any

IMAGES = "/tmp/images"
#: containerd's flags of checkpoint; the folders are added
FLAGS = ["--file-locks", "--tcp-established", "--ext-unix-sk", "--shell-job", "--manage-cgroups-mode", "soft"]
COUNT = "i=0; while :; do i=$((i+1)); echo $i >/tmp/count; echo $i; sleep 0.05; done"


def contain(*words: str, check: bool = False, **options: Any) -> subprocess.CompletedProcess[str]:
    """One call."""
    return subprocess.run(["contain", *words], check=check, **{"capture_output": True, "text": True, "timeout": 100, **options})


def make(name: str, script: str, **linux: Any) -> str:
    """A bundle; its folder."""
    folder = f"/tmp/{name}"
    subprocess.run(["cp", "-a", "/box", f"{folder}.root"], check=True)
    os.mkdir(folder)
    os.rename(f"{folder}.root", f"{folder}/rootfs")
    contain("spec", "--bundle", folder, check=True)
    with open(f"{folder}/config.json", encoding="utf-8") as file:
        config = json.load(file)
    config["process"] |= {"terminal": False, "args": ["/bin/sh", "-c", script]}
    config["root"]["readonly"] = False
    config["linux"] |= {"cgroupsPath": f"/test/{name}", "resources": {"pids": {"limit": 77}, "memory": {"limit": 64 << 20}}, **linux}
    with open(f"{folder}/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    return folder


def count(name: str) -> int:
    """How far the program in `name` has come."""
    try:
        with open(f"/tmp/{name}/rootfs/tmp/count", encoding="ascii") as file:
            return int(file.read() or 0)
    except FileNotFoundError:
        return 0


def goes_on(name: str) -> bool:
    """Whether it counts."""
    before, end = count(name), time.monotonic() + 20
    while count(name) <= before and time.monotonic() < end:
        time.sleep(0.05)
    return count(name) > before


def state(name: str) -> dict[str, Any]:
    """What `state` says; {} when there is none."""
    done = contain("state", name)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def start(name: str, script: str = COUNT, out: int = subprocess.DEVNULL, **linux: Any) -> str:
    """A running container; its bundle."""
    folder = make(name, script, **linux)
    contain("run", "--detach", "--bundle", folder, name, capture_output=False, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=True)
    return folder


def saved(name: str, *words: str) -> str:
    """`checkpoint`; "" or what it said."""
    done = contain("checkpoint", "--image-path", f"{IMAGES}-{name}", "--work-path", f"/tmp/work-{name}", *words, name)
    return "" if done.returncode == 0 else done.stderr + log(f"/tmp/work-{name}/dump.log")


def restored(name: str, *words: str, out: int = subprocess.DEVNULL) -> str:
    """`restore` as containerd's shim calls it; "" or what it said."""
    with open(f"/tmp/restore-{name}", "w+", encoding="utf-8") as said:
        words = ("--image-path", f"{IMAGES}-{name}", "--work-path", f"/tmp/work-{name}", "--bundle", f"/tmp/{name}", *words)
        done = contain("restore", *words, name, capture_output=False, stdin=subprocess.DEVNULL, stdout=out, stderr=said.fileno())
        said.seek(0)
        return "" if done.returncode == 0 else said.read() + log(f"/tmp/work-{name}/restore.log")


def log(path: str) -> str:
    """The errors in a log of CRIU's."""
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return "".join(line for line in file if "Error" in line)


def text(path: str) -> str:
    """Of a file of the kernel's."""
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def engine(found: dict[str, Any]) -> None:
    """A whole life with containerd's flags."""
    start("engine")
    goes_on("engine")
    found |= {
        "saved": saved("engine", *FLAGS),
        "gone": state("engine"),
        "cgroup gone": not os.path.exists("/sys/fs/cgroup/test/engine"),
    }
    before = count("engine")
    words = ["--detach", "--pid-file", "/tmp/pid", "--no-pivot", "--no-subreaper", *FLAGS]
    found |= {"restored": restored("engine", *words), "goes on": goes_on("engine") and count("engine") > before}
    after = state("engine")
    found |= {
        "status": after["status"],
        "pid file": text("/tmp/pid") == str(after["pid"]),
        "exists": os.path.exists(f"/proc/{after['pid']}"),
    }
    found |= {
        "cgroup": text(f"/proc/{after['pid']}/cgroup"),
        "limits": [text(f"/sys/fs/cgroup/test/engine/{one}.max") for one in ("pids", "memory")],
    }
    found["exec"] = contain("exec", "engine", "/bin/cat", "/proc/1/comm").stdout
    found["paused"] = [contain("pause", "engine").returncode, state("engine")["status"], contain("resume", "engine").returncode]
    found["killed"] = contain("kill", "engine", "KILL").returncode
    while state("engine")["status"] != "stopped":
        time.sleep(0.05)
    found |= {"deleted": contain("delete", "engine").returncode, "left": os.path.exists("/sys/fs/cgroup/test/engine")}


def streams(found: dict[str, Any]) -> None:
    """Pipes of an engine: the new ones take the place of the old."""
    reader, writer = os.pipe()
    start("streams", out=writer)
    os.close(writer)
    os.read(reader, 1)
    found["saved"] = saved("streams")
    if found["saved"]:
        return
    while os.read(reader, 65536):  # its end: nobody holds the old pipe
        pass
    reader, writer = os.pipe()
    found["restored"] = restored("streams", "--detach", out=writer)
    os.close(writer)
    found["first number"] = int(os.read(reader, 100).split()[0])
    contain("delete", "--force", "streams")


def stays(found: dict[str, Any]) -> None:
    """Memory beforehand, then all of it, and the container goes on."""
    start("stays")
    found |= {"pre-dump": contain("checkpoint", "--pre-dump", "--image-path", "/tmp/pre", "stays").stderr}
    found["saved"] = saved("stays", "--leave-running", "--parent-path", "../pre")
    found |= {"status": state("stays").get("status"), "goes on": goes_on("stays")}
    contain("delete", "--force", "stays")
    found["restored"] = restored("stays", "--detach")
    found["then"] = goes_on("stays")
    contain("delete", "--force", "stays")


def foreground(found: dict[str, Any]) -> None:
    """Without --detach the exit code is the program's."""
    start("foreground", "while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 7")
    found |= {"saved": saved("foreground")}
    with open("/tmp/foreground/rootfs/tmp/go", "w", encoding="ascii"):
        pass
    words = ["--image-path", f"{IMAGES}-foreground", "--bundle", "/tmp/foreground", "foreground"]
    found["code"] = contain("restore", *words, capture_output=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode
    found["left"] = state("foreground")


def joined(found: dict[str, Any]) -> None:
    """A pod's network, joined by path: the restored one is in the pod's of now."""
    kinds = [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "cgroup")]
    subprocess.run(["ip", "netns", "add", "pod"], check=True)
    start("joined", namespaces=[*kinds, {"type": "network", "path": "/run/netns/pod"}])
    found |= {"saved": saved("joined", *FLAGS)}
    for verb in ("delete", "add"):
        subprocess.run(["ip", "netns", verb, "pod"], check=True)
    found["restored"] = restored("joined", "--detach", *FLAGS)
    after = state("joined")
    if after:
        found["same"] = os.stat(f"/proc/{after['pid']}/ns/net").st_ino == os.stat("/run/netns/pod").st_ino
        contain("delete", "--force", "joined")


def fails(found: dict[str, Any]) -> None:
    """Images that are damaged: nothing is left of the restore."""
    start("fails")
    found |= {"saved": saved("fails")}
    for name in os.listdir(f"{IMAGES}-fails"):
        if name.startswith("core-"):
            os.truncate(f"{IMAGES}-fails/{name}", 10)
    found["restored"] = restored("fails", "--detach")
    found |= {"state": state("fails"), "list": contain("list", "-q").stdout, "cgroup": os.path.exists("/sys/fs/cgroup/test/fails")}


if __name__ == "__main__":
    for case in (engine, streams, stays, foreground, joined, fails):
        answer: dict[str, Any] = {}
        print(f"begin {case.__name__}", flush=True)
        try:
            case(answer)
        except (OSError, ValueError, LookupError, subprocess.SubprocessError) as problem:  # the next cases are worth their answers
            answer["problem"] = f"{type(problem).__name__}: {problem}"
        print(json.dumps(answer), flush=True)
