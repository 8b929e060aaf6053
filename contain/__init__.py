"""contain: runs commands, root file systems, OCI bundles and appc images in containers, and says beforehand what it will do.

Public names are loaded when first touched: `import contain` itself costs nothing.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.container.container import Container
    from contain.container.denied import Denied
    from contain.container.failed import Failed, Forbidden, OutOfMemory, OutputLimit, TimedOut
    from contain.container.isolation import Isolation
    from contain.container.process import Process
    from contain.container.python import run_python
    from contain.container.ready import Dead, command, file, log, port, url
    from contain.container.reason import Reason
    from contain.container.result import Result, Usage
    from contain.container.sandbox import Sandbox, run
    from contain.container.streams import DEVNULL, INHERIT, PIPE, STDOUT
    from contain.errors import ContainError, HostError, LaunchError, ManifestError, MissingFeature, StateError, UsageError
    from contain.linter import lint, load
    from contain.network.cluster import Cluster
    from contain.network.faults import Fault
    from contain.network.network import Network

#: public name → module that has it
_WHERE = {
    "Sandbox": "container.sandbox",
    "run": "container.sandbox",
    "run_python": "container.python",
    "lint": "linter",
    "load": "linter",
    "Container": "container.container",
    "Process": "container.process",
    "Dead": "container.ready",
    "port": "container.ready",
    "log": "container.ready",
    "file": "container.ready",
    "command": "container.ready",
    "url": "container.ready",
    "Result": "container.result",
    "Reason": "container.reason",
    "Usage": "container.result",
    "Denied": "container.denied",
    "Failed": "container.failed",
    "Forbidden": "container.failed",
    "Isolation": "container.isolation",
    "Network": "network.network",
    "Cluster": "network.cluster",
    "Fault": "network.faults",
    "TimedOut": "container.failed",
    "OutOfMemory": "container.failed",
    "OutputLimit": "container.failed",
    "PIPE": "container.streams",
    "STDOUT": "container.streams",
    "DEVNULL": "container.streams",
    "INHERIT": "container.streams",
    "ContainError": "errors",
    "UsageError": "errors",
    "ManifestError": "errors",
    "HostError": "errors",
    "MissingFeature": "errors",
    "StateError": "errors",
    "LaunchError": "errors",
}

__all__ = [
    "DEVNULL",
    "INHERIT",
    "PIPE",
    "STDOUT",
    "Cluster",
    "ContainError",
    "Container",
    "Dead",
    "Denied",
    "Failed",
    "Fault",
    "Forbidden",
    "HostError",
    "Isolation",
    "LaunchError",
    "ManifestError",
    "MissingFeature",
    "Network",
    "OutOfMemory",
    "OutputLimit",
    "Process",
    "Reason",
    "Result",
    "Sandbox",
    "StateError",
    "TimedOut",
    "Usage",
    "UsageError",
    "command",
    "file",
    "lint",
    "load",
    "log",
    "port",
    "run",
    "run_python",
    "url",
]


def __getattr__(name: str) -> object:
    """Loads a public name's module (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module 'contain' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"contain.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All public names."""
    return sorted({*globals(), *_WHERE})
