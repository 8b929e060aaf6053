"""`python -m tests.bench.lint [FILES]`: lint of many engine-made documents and of one, beside check-jsonschema, actool and oci-image-tool."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from contain.linter.examples import document
from tests.bench.measure import Contestant, compete, once, table
from tests.linter.test_sets import Builder

TOP = Path(__file__).resolve().parents[2]
#: check-jsonschema looks at so many files, and its time is scaled
SCALED = 200
#: manifests of appc, and image layouts
FEW = 200
LAYOUTS = 40
ROUNDS = 15


def contain() -> list[str]:
    """The command."""
    beside = os.path.join(os.path.dirname(sys.executable), "contain")
    return [beside] if os.path.exists(beside) else [sys.executable, "-m", "contain"]


def checker() -> str:
    """check-jsonschema, from PyPI into a folder of its own, since it brings much along; nothing when it cannot be had."""
    found = shutil.which("check-jsonschema")
    place = TOP / "build/check-jsonschema"
    if found or (place / "bin/check-jsonschema").exists():
        return found or str(place / "bin/check-jsonschema")
    made = subprocess.run([sys.executable, "-m", "venv", place], check=False, capture_output=True).returncode == 0
    command = [place / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "check-jsonschema"]
    if made and subprocess.run(command, check=False, capture_output=True).returncode == 0:
        return str(place / "bin/check-jsonschema")
    shutil.rmtree(place, ignore_errors=True)
    return ""


def documents(folder: Path, count: int) -> None:
    """Docker's own document, as `docker run --memory 512m --pids-limit 100` writes it, each a little different, half of them on one line.

    There are ten findings in it.
    """
    base = json.loads((TOP / "tests/linter/engines/docker.json").read_text())
    base["linux"]["resources"] |= {"memory": {"limit": 512 << 20, "swap": 1 << 30, "disableOOMKiller": False}, "pids": {"limit": 100}}
    for number in range(count):
        document = copy.deepcopy(base)
        document["hostname"] = f"box{number}"
        for index in range(number % 15):
            document["mounts"].append({"destination": f"/m{index}", "type": "bind", "source": f"/srv/{index}", "options": ["rbind", "ro"]})
        (folder / f"c{number:05}.json").write_text(json.dumps(document, indent=None if number % 2 else "\t"))


def seconds(command: list[str], folder: Path) -> tuple[float, float, int]:
    """Wall time, CPU time, and lines printed, of a command and all that it starts."""
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        took = time.perf_counter() - start
        out.seek(0)
        return took, usage.ru_utime + usage.ru_stime, out.read().count(b"\n")


def most(command: list[str], folder: Path) -> int:
    """The most memory in MB that a process of a command has had, as the kernel tells while it runs (what wait4 tells is at least our own)."""
    found = 0
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            for pid in (str(process.pid), *children):
                lines = [line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
                found = max([found, *(int(line[1]) // 1024 for line in lines if line[0] == "VmHWM:")])
        except OSError:
            pass  # it ended between two looks
        time.sleep(0.02)
    return found


def many(folder: Path, count: int, other: str, schema: Path) -> str:
    """Many documents: we check all of them, check-jsonschema some."""
    lint = [*contain(), "lint", "-o", "concise", "-q", "--isolated"]
    rows = [f"### lint of {count} config.json of Docker's", "", "| what | seconds | of CPU | findings with places | most MB of a process |"]
    rows.append("| --- | --- | --- | --- | --- |")
    ours = 0.0
    for jobs in (1, 2):
        command = [*lint, "-j", str(jobs), "."]
        took, busy, lines = min(seconds(command, folder) for _ in range(2))
        rows.append(f"| contain lint -j {jobs} | {took:.2f} | {busy:.2f} | {lines} | {most(command, folder)} |")
        ours = took
    if other:
        files = sorted(str(path) for path in folder.glob("c*.json"))[:SCALED]
        command = [other, "--schemafile", str(schema), *files]
        took, busy, _ = seconds(command, folder)
        scale = count / len(files)
        words = f"check-jsonschema, {len(files)} files, scaled"
        rows.append(
            f"| {words} | {took * scale:.0f} ({took * scale / ours:.0f} times) | {busy * scale:.0f} | – | {most(command, folder)} |"
        )
    return "\n".join([*rows, ""])


def cold(file: Path, other: str, schema: Path) -> str:
    """One document, with the start of the program."""
    found = [Contestant("contain lint", lambda: once([*contain(), "lint", "-q", "--isolated", str(file)]))]
    if other:
        found.append(Contestant("check-jsonschema", lambda: once([other, "--schemafile", str(schema), str(file)])))
    return table("lint of one config.json, from start to exit", compete(found, ROUNDS), "contain lint")


def appc(folder: Path) -> str:
    """Manifests of appc in one call, and one of them."""
    for number in range(FEW):
        (folder / f"m{number}.json").write_text(json.dumps(document("appc-image", {"name": f"example.com/box{number}"})))
    files = sorted(str(path) for path in folder.glob("m*.json"))
    found = []
    for words, paths in ((f"{FEW} manifests in one call", files), ("one manifest", files[:1])):
        found.append(Contestant(f"contain lint, {words}", lambda paths=paths: once([*contain(), "lint", "-q", "--isolated", *paths])))
        found.append(Contestant(f"actool validate, {words}", lambda paths=paths: once(["actool", "validate", *paths])))
    return table("lint of appc image manifests", compete(found, ROUNDS), found[0].name)


def layouts(folder: Path) -> str:
    """Image layouts, their blobs and layers checked; oci-image-tool takes one a call."""
    folders = [str(Builder(folder / f"layout{number}").write()) for number in range(LAYOUTS)]

    def theirs() -> float:
        return sum(once(["oci-image-tool", "validate", "--type", "image", one]) for one in folders)

    found = [Contestant("contain lint, one call", lambda: once([*contain(), "lint", "-q", "--isolated", *folders]))]
    found.append(Contestant("oci-image-tool validate, one call each", theirs))
    found.append(Contestant("contain lint, one layout", lambda: once([*contain(), "lint", "-q", "--isolated", folders[0]])))
    one = ["oci-image-tool", "validate", "--type", "image", folders[0]]
    found.append(Contestant("oci-image-tool validate, one layout", lambda: once(one)))
    return table(f"lint of {LAYOUTS} image layouts", compete(found, ROUNDS), found[0].name)


def report(count: int = 10_000) -> str:
    """All tables."""
    with tempfile.TemporaryDirectory(prefix="bench.", dir="/var/tmp") as name:
        top = Path(name)
        folder, more = top / "configs", top / "more"
        folder.mkdir()
        more.mkdir()
        documents(folder, count)
        schema = top / "schema.json"
        schema.write_bytes(subprocess.run([*contain(), "schema", "runtime-config"], cwd=TOP, capture_output=True, check=True).stdout)
        other = checker()
        return "\n".join([many(folder, count, other, schema), cold(folder / "c00001.json", other, schema), appc(more), layouts(more)])


if __name__ == "__main__":
    print(report(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
