"""Plans for the inside of a container of Docker: refused before anything is touched, with the permission that is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contain.errors import HostError
from contain.host.model import Host
from contain.plan.compile.mounts import mounts
from contain.plan.compile.namespaces import namespaces
from contain.plan.operations.namespaces import SetHostname
from contain.plan.slots import Slots
from contain.spec.model import Spec
from contain.spec.presets import sandbox

HOST = Path(__file__).parent.parent / "hosts" / "in-docker.json"


def host() -> Host:
    """Root in a container of Docker as it is by default."""
    return Host.from_json(json.loads(HOST.read_text(encoding="utf-8")))


def spec() -> Spec:
    """A run in a root file system with nothing asked for."""
    return Spec(sandbox(), kind="rootfs", bundle="/b", root="/b/rootfs")


def test_a_covered_proc_is_refused_at_once() -> None:
    """The remedy is an option of the engine outside."""
    with pytest.raises(HostError, match="cannot mount a new proc on /proc") as refusal:
        list(mounts(spec(), host(), Slots()))
    assert "--security-opt unmask=ALL" in refusal.value.remedy


def test_an_uncovered_one_is_not() -> None:
    """As after --security-opt unmask=ALL."""
    open_ = [mount for mount in host().mounts if not mount.point.startswith("/proc/")]
    assert list(mounts(spec(), host().but(mounts=open_), Slots()))


def test_a_name_that_nobody_asked_for_is_no_reason_to_fail() -> None:
    """Docker's filter refuses sethostname."""
    assert not [one for one in namespaces(spec(), host(), Slots()) if isinstance(one, SetHostname)]
    assert [one for one in namespaces(spec(), host().but(seccomp_mode=0), Slots()) if isinstance(one, SetHostname)]
