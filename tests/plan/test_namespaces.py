"""Which namespaces a plan makes, and what it refuses."""

from __future__ import annotations

import pytest

from contain.errors import HostError
from contain.plan.compile.namespaces import namespaces
from contain.plan.operations.namespaces import CreateProcess
from contain.plan.slots import Slots
from contain.spec import defaults
from contain.spec.model import Spec
from tests.plan.test_security import host_of, one

OLD = host_of(namespaces=["mount", "pid", "network", "ipc", "uts", "user", "cgroup"])


def made_for(kind: str, *types: str) -> list[str]:
    """The namespaces made for a spec of this kind on a kernel without time namespaces."""
    config = {"process": {"args": ["x"]}, "linux": {"namespaces": [{"type": name} for name in types]}}
    spec = Spec(defaults.fill(config), kind=kind, bundle="/b", root="/r")
    return one(list(namespaces(spec, OLD, Slots())), CreateProcess).types.split()


def test_time_namespace_of_our_defaults_is_left_out_where_there_is_none() -> None:
    """It shields from nothing, so an old kernel does without."""
    assert set(made_for("rootfs", "mount", "pid", "time")) == {"mount", "pid"}


def test_time_namespace_of_a_manifest_is_refused_where_there_is_none() -> None:
    """What a bundle asks for and cannot have is an error."""
    with pytest.raises(HostError, match="no time namespaces"):
        made_for("oci", "mount", "time")
