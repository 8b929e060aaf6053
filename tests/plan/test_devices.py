"""/dev as operations."""

from __future__ import annotations

from typing import Any

import pytest

from contain.errors import ManifestError
from contain.plan.compile.devices import DEFAULT, devices
from contain.plan.operations.devices import MakeDevice, MakeLink
from contain.plan.slots import Slots
from contain.spec import defaults
from contain.spec.model import Spec
from tests.plan.test_security import host_of

PTS = {"destination": "/dev/pts", "type": "devpts", "source": "devpts"}


def compiled(
    *rows: dict[str, Any], mounts: list[dict[str, Any]] | None = None, kinds: str = "mount", host: str = "hybrid-root"
) -> list[Any]:
    """The operations for a bundle with these devices."""
    config = {"mounts": mounts or [], "linux": {"namespaces": [{"type": name} for name in kinds.split()], "devices": list(rows)}}
    return list(devices(Spec(defaults.fill(config), kind="oci", bundle="/b", root="/r"), host_of(host), Slots()))


def nodes(operations: list[Any]) -> dict[str, MakeDevice]:
    """By path."""
    return {one.path: one for one in operations if isinstance(one, MakeDevice)}


def test_defaults() -> None:
    """Six nodes and four links; ptmx where the container has a devpts."""
    found = compiled()
    assert list(nodes(found)) == list(DEFAULT)
    assert [one.path for one in found if isinstance(one, MakeLink)] == ["/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"]
    assert compiled(mounts=[PTS])[-1] == MakeLink(path="/dev/ptmx", target="pts/ptmx", replace=True)


def test_a_user_namespace_makes_no_nodes() -> None:
    """The host's are bound."""
    assert all(one.bind for one in nodes(compiled(kinds="user mount")).values())
    assert not any(one.bind for one in nodes(compiled()).values())


def test_devices_of_the_manifest() -> None:
    """They win over defaults; u is c; a fifo needs no numbers and is never bound."""
    found = nodes(
        compiled(
            {"path": "/dev/null", "type": "u", "major": 1, "minor": 3, "fileMode": 0o600, "uid": 7},
            {"path": "/dev/pipe", "type": "p"},
            kinds="user mount",
        )
    )
    assert (found["/dev/null"].kind, found["/dev/null"].mode, found["/dev/null"].uid) == ("c", 0o600, 7)
    assert (found["/dev/pipe"].bind, found["/dev/pipe"].source) == (False, "")
    assert len(found) == len(DEFAULT) + 1


def test_the_type_of_the_file_in_its_mode() -> None:
    """Podman writes for privileged containers what stat(2) gives: permissions and type."""
    found = nodes(compiled({"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "fileMode": 8612}))
    assert found["/dev/kmsg"].mode == 0o644


def test_a_dev_of_the_host_is_left_alone() -> None:
    """Nothing is made in a /dev that the manifest binds."""
    assert compiled(mounts=[{"destination": "/dev", "source": "/dev", "options": ["rbind"]}]) == []


@pytest.mark.parametrize(
    ("row", "says"),
    [({"path": "/dev/x", "type": "x"}, "no type of device"), ({"path": "/dev/x", "type": "c", "major": 1}, "needs major and minor")],
)
def test_refused(row: dict[str, Any], says: str) -> None:
    """What is no device."""
    with pytest.raises(ManifestError, match=says):
        compiled(row)
