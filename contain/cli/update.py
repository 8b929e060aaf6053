"""`contain update`: new limits for a container."""

from __future__ import annotations

import sys

from contain.cli import oci
from contain.container.update import OPTIONS, resources_of, update
from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

USAGE = """\
usage: contain update [OPTION…] ID

Changes the limits of container ID. What is not given stays as it is; -1 takes a limit away.

  -r, --resources FILE        limits as linux.resources of a config.json has them (- reads standard input); options go over it
  --memory SIZE               memory, as 512m
  --memory-reservation SIZE   memory that is left to it when memory is short
  --memory-swap SIZE          memory and swap together
  --cpu-quota N               microseconds of processor time in each period
  --cpu-period N              length of a period in microseconds
  --cpu-burst N               microseconds that may be saved for later periods
  --cpu-share N               weight against others, 1024 is usual
  --cpu-idle N                1: run only when nobody else wants to
  --cpu-rt-runtime N, --cpu-rt-period N   realtime budget (cgroup v1)
  --cpuset-cpus LIST          processors, as 0-2,4
  --cpuset-mems LIST          memory nodes
  --pids-limit N              processes and threads
  --blkio-weight N            weight of its block input and output, 10 to 1000
  --l3-cache-schema LINE, --mem-bw-schema LINE   shares of cache and memory bandwidth (Intel RDT), as L3:0=f and MB:0=50
  --kernel-memory SIZE, --kernel-memory-tcp SIZE   the first is accepted and ignored, as kernels do

example: contain update --memory 512m --cpu-quota 50000 web"""

RDT = {"--l3-cache-schema": "l3CacheSchema", "--mem-bw-schema": "memBwSchema"}


def main(argv: list[str], global_options: Mapping[str, str] | None = None) -> int:
    """Updates."""
    options = global_options or {}
    return oci.guard(lambda: _update(argv, options), options)


def _update(argv: list[str], options: Mapping[str, str]) -> int:
    known = {"--help": False, "--resources": True, **dict.fromkeys((*OPTIONS, *RDT), True)}
    words = oci.Words(argv, known, {"-h": "--help", "-r": "--resources"})
    if words.flag("--help"):
        print(USAGE)
        return 0
    if len(words.arguments) != 1:
        raise UsageError(f"needs exactly one id, not {len(words.arguments)}", place="<command line>:ID", remedy="contain update ID")
    given = {name: words.get(name) for name in OPTIONS if name in words.options}
    resources = resources_of(given, _document(words.get("--resources")))
    rdt = {key: words.get(name) for name, key in RDT.items() if words.get(name)}
    update(words.arguments[0], resources, root=options.get("root", ""), rdt=rdt)
    return 0


def _document(path: str) -> bytes | None:
    if not path:
        return None
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as problem:
        raise UsageError(f"cannot read {path}: {problem.strerror}", place="<command line>:--resources") from problem
