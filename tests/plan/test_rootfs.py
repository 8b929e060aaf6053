"""How the root is opened, attached and entered."""

from __future__ import annotations

from typing import Any

import pytest

from contain.errors import HostError, ManifestError
from contain.host.model import Root
from contain.plan.compile import compile_run
from contain.plan.compile.rootfs import pivot, rootfs
from contain.plan.operations.layers import MakeLayers, OverlayRoot
from contain.plan.operations.mounts import ShowIdmapped
from contain.plan.operations.rootfs import AttachRoot, EnterRoot, IsolateMounts, OpenRoot, PivotRoot, SetRootPropagation, SetRootReadonly
from contain.plan.slots import ROOT, Slots
from contain.spec import defaults
from contain.spec.model import RunOptions, Spec
from tests.plan.test_security import host_of, names, one

PRIVATE, SLAVE, SHARED = 1 << 18, 1 << 19, 1 << 20


def spec_of(kinds: str = "mount", run: dict[str, Any] | None = None, config: dict[str, Any] | None = None, **linux: Any) -> Spec:
    """A bundle with these namespaces."""
    values = {"linux": {"namespaces": [{"type": name} for name in kinds.split()], **linux}, "process": {"args": ["x"]}, **(config or {})}
    return Spec(defaults.fill(values), kind="oci", bundle="/b", root="/r", run=RunOptions(**(run or {})))


def compiled(spec: Spec, host: str = "hybrid-root", **root: Any) -> list[Any]:
    """Both families."""
    machine, slots = host_of(host, root=Root(**{"path": "/r", "exists": True, "type": "ext4", **root})), Slots()
    return [*rootfs(spec, machine, slots), *pivot(spec, machine, slots)]


def test_who_opens_the_root() -> None:
    """With privileges the host does, before the namespaces; else, and on an old kernel, init."""
    assert names(compiled(spec_of())) == ["IsolateMounts", "OpenRoot", "AttachRoot", "PivotRoot"]
    assert names(compiled(spec_of("user mount"), "hybrid-rootless"), OpenRoot) == []
    assert names(compiled(spec_of(), "old-kernel-v1"), OpenRoot) == []


@pytest.mark.parametrize(
    ("word", "isolated", "held", "last"),
    [
        ("", SLAVE, PRIVATE, 0),
        ("rprivate", PRIVATE, PRIVATE, 0),
        ("rslave", SLAVE, SLAVE, SLAVE),
        ("shared", SLAVE, PRIVATE, SHARED),
    ],
)
def test_propagation(word: str, isolated: int, held: int, last: int) -> None:
    """Nothing that init mounts reaches the host, whatever is asked for; what is asked for holds once the host's root is gone."""
    found = compiled(spec_of(rootfsPropagation=word))
    assert one(found, IsolateMounts).propagation == isolated
    assert one(found, AttachRoot).propagation == held
    set_last = [each.propagation for each in found if isinstance(each, SetRootPropagation)]
    assert set_last == ([last] if last else [])


def test_the_root_changes_after_hooks_sysctls_and_masks() -> None:
    """What still needs the host in view stands before."""
    spec = spec_of(
        "mount pid",
        config={"ociVersion": "1.3.0", "root": {"path": "/r", "readonly": True}},
        sysctl={"net.ipv4.ip_forward": "1"},
        maskedPaths=["/x"],
        readonlyPaths=["/y"],
    )
    order = names(compile_run(spec, host_of()).operations, PivotRoot, SetRootReadonly)
    everything = [type(each).__name__ for each in compile_run(spec, host_of()).operations]
    assert order == ["PivotRoot", "SetRootReadonly"]
    assert everything.index("WriteSysctl") < everything.index("MaskPath") < everything.index("ReadonlyPath") < everything.index("PivotRoot")


def test_an_idmapped_root() -> None:
    """Our own runs keep owners; where the file system cannot, the plan says so."""
    run = {"idmap": True, "userns": "auto"}
    found = compiled(spec_of("user mount", run))
    shown = one(found, ShowIdmapped)
    assert (shown.tree, shown.userns) == (ROOT, one(found, OpenRoot).userns)
    spec = spec_of("user mount", run)
    assert one(compiled(spec, type="nfs"), OpenRoot).userns == 0
    assert "cannot be shown idmapped" in spec.warnings[0]
    assert one(compiled(spec_of("user mount")), OpenRoot).userns == 0  # a bundle is obeyed


def test_a_throw_away_layer() -> None:
    """--overlay leaves the root on disk as it is; not possible when something is mounted below it."""
    run = {"overlay": True, "disk": 1 << 20}
    found = compiled(spec_of(run=run))
    assert one(found, MakeLayers).size == 1 << 20
    assert names(found, MakeLayers, OverlayRoot, AttachRoot) == ["MakeLayers", "OverlayRoot", "AttachRoot"]
    with pytest.raises(HostError, match="/r/sub is mounted below it"):
        compiled(spec_of(run=run), mounts=["/r/sub"])


def test_without_a_mount_namespace() -> None:
    """chroot is all there is, and mounts are refused; in a joined namespace they are left out with a word."""
    assert names(compiled(spec_of("pid"))) == ["EnterRoot"]
    for config in ({"mounts": [{"destination": "/t", "type": "tmpfs", "source": "t"}]}, {}):
        linux = {} if config else {"maskedPaths": ["/x"]}
        with pytest.raises(ManifestError, match="need a mount namespace"):
            compiled(spec_of("pid", config=config, **linux))
    spec = spec_of("pid", maskedPaths=["/x"])
    spec.config["linux"]["namespaces"].append({"type": "mount", "path": "/proc/1/ns/mnt"})
    assert names(compiled(spec)) == [EnterRoot.__name__]
    assert "left out" in spec.warnings[0]


def test_a_root_that_is_not_there() -> None:
    """Known before anything is touched."""
    with pytest.raises(ManifestError, match="cannot open the root /r: No such file or directory"):
        compiled(spec_of(), exists=False, error="ENOENT")


def test_no_pivot() -> None:
    """Said by the plan."""
    assert one(compiled(spec_of(run={"no_pivot": True})), PivotRoot).describe() == "change the root without pivot_root"
