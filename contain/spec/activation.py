"""Sockets that systemd or an engine passes by LISTEN_FDS go on to the container, as runc does."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from contain.spec.model import Spec

MOST = 1024


def adopt(spec: Spec, environ: Mapping[str, str], pid: int) -> bool:
    """Passes descriptors 3 and on when LISTEN_PID says that they are ours; the program is told that they are its own (sd_listen_fds(3))."""
    count = environ.get("LISTEN_FDS", "")
    if not (count.isascii() and count.isdecimal()) or environ.get("LISTEN_PID") != str(pid) or not 0 < int(count) <= MOST:
        return False
    spec.run.preserve_fds += int(count)
    spec.config["process"]["env"] += [f"LISTEN_FDS={int(count)}", "LISTEN_PID=1"]
    if environ.get("LISTEN_FDNAMES"):
        spec.config["process"]["env"].append(f"LISTEN_FDNAMES={environ['LISTEN_FDNAMES']}")
    return True
