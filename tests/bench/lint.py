"""`python -m tests.bench.lint [FILES]`: lint of many engine-made documents, and of one; prints Markdown."""

from __future__ import annotations

import copy
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
CODE = "import sys; from contain.cli.main import main; sys.exit(main(sys.argv[1:]))"
SCALED = 200


def documents(folder: Path, count: int) -> None:
    """Docker's own document, each a little different, half of them on one line."""
    base = json.loads((TOP / "tests/linter/engines/docker.json").read_text())
    for number in range(count):
        document = copy.deepcopy(base)
        document["hostname"] = f"box{number}"
        for index in range(number % 15):
            document["mounts"].append({"destination": f"/m{index}", "type": "bind", "source": f"/srv/{index}", "options": ["rbind", "ro"]})
        (folder / f"c{number:05}.json").write_text(json.dumps(document, indent=None if number % 2 else "\t"))


def seconds(command: list[str], folder: Path) -> tuple[float, int]:
    """Wall time of a command, and how many lines it printed."""
    start = time.perf_counter()
    result = subprocess.run(command, cwd=folder, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": str(TOP)})
    return time.perf_counter() - start, result.stdout.count(b"\n")


def main() -> int:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    lint = [sys.executable, "-c", CODE, "lint", "-o", "concise", "-q", "--isolated"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        documents(folder, count)
        print(f"| {count} files of Docker's | seconds | findings |\n|---|---|---|")
        for jobs in (1, 2):
            took, lines = seconds([*lint, "-j", str(jobs), "."], folder)
            print(f"| contain lint, {jobs} process{'es' if jobs > 1 else ''} | {took:.2f} | {lines} |")
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        took = min(seconds([*lint, "c00001.json"], folder)[0] for _ in range(5))
        print(f"\none cold file: {took * 1000:.0f} ms; most memory of a process: {memory} MB")
        if shutil.which("check-jsonschema"):
            schema = folder / "schema.json"
            schema.write_bytes(
                subprocess.run([sys.executable, "-c", CODE, "schema", "runtime-config"], cwd=TOP, capture_output=True, check=True).stdout
            )
            files = sorted(str(path) for path in folder.glob("c*.json"))
            took, _ = seconds(["check-jsonschema", "--schemafile", str(schema), *files[:SCALED]], folder)
            print(f"check-jsonschema: {took * count / SCALED:.0f} s (scaled from {SCALED} files)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
