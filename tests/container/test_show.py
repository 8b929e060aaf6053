"""state, ps, events and features, of state folders with real processes in them."""

from __future__ import annotations

import json
import os
import subprocess
import threading

import pytest

from contain.container import events, show
from contain.container.features import features
from contain.errors import StateError
from contain.host.probe import probe
from contain.kernel import processes
from contain.schema import validate
from contain.spec.skeleton import rootless, skeleton
from contain.state import layout, undo
from contain.state.store import Store, boot_id
from contain.state.summary import Summary, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPLATE = (
    f'{{"ociVersion":"1.3.0","id":"web","status":"{layout.hole("status")}","pid":{layout.hole("pid")},'
    f'"bundle":"/b","created":"{layout.hole("created")}","annotations":{{"a":"b"}}}}'
)


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[bytes]]:
    """A shell with a child, both ending when stdin does."""
    with subprocess.Popen(
        ["/bin/sh", "-c", "cat; true"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    ) as child:
        yield child
        try:
            os.killpg(child.pid, 9)
        except ProcessLookupError:  # the test has ended it
            pass


def container(root: Path, child: subprocess.Popen[bytes], **changes: object) -> str:
    """A container `web` whose init is `child`; its state root."""
    start = processes.start_time(child.pid)
    values = {"id": "web", "status": "running", "pid": child.pid, "start": start, "boot": boot_id(), "created": "2026-01-31T12:00:00Z"}
    with Store(str(root), make=True) as store:
        os.chmod(root, 0o700)
        texts = {layout.SUMMARY: render(Summary(**{**values, **changes})), layout.TEMPLATE: TEMPLATE}  # type: ignore[arg-type]
        store.claim("web", texts).close()
    return str(root)


def test_state(tmp_path: Path, parent: subprocess.Popen[bytes]) -> None:
    """As the schema of the state wants it, while it runs and after; what is missing says so."""
    root = container(tmp_path, parent)
    found = json.loads(show.state("web", root=root))
    assert not list(validate("runtime-state", found))
    assert (found["status"], found["pid"], found["annotations"]) == ("running", parent.pid, {"a": "b"})
    os.killpg(parent.pid, 9)
    parent.wait(10)
    found = json.loads(show.state("web", root=root))
    assert (found["status"], found["pid"]) == ("stopped", 0)
    assert show.pids("web", root=root) == []
    with pytest.raises(StateError, match="container does not exist: db"):
        show.state("db", root=root)


def test_state_without_a_template(tmp_path: Path) -> None:
    """A folder whose making was broken off still has a state."""
    with Store(str(tmp_path), make=True) as store:
        os.chmod(tmp_path, 0o700)
        store.claim("web", {}).close()
    found = json.loads(show.state("web", root=str(tmp_path)))
    assert (found["id"], found["status"]) == ("web", "stopped")


def test_processes_without_a_cgroup(tmp_path: Path, parent: subprocess.Popen[bytes]) -> None:
    """Init and all below it."""
    root = container(tmp_path, parent)
    while len(found := show.pids("web", root=root)) < 2:
        assert parent.poll() is None
    assert found[0] == parent.pid or parent.pid in found
    assert os.getpid() not in found


def test_statistics_of_a_stopped_one(tmp_path: Path, parent: subprocess.Popen[bytes]) -> None:
    """Refused."""
    root = container(tmp_path, parent, status="stopped")
    with pytest.raises(StateError, match="not running"):
        show.stats("web", root=root)
    with pytest.raises(StateError, match="not running"):
        next(events.events("web", root=root))


def test_events_end_with_the_container(tmp_path: Path, parent: subprocess.Popen[bytes]) -> None:
    """One set of statistics at every interval until init is gone."""
    root = container(tmp_path, parent)
    found = []
    for event in events.events("web", root=root, interval=0.01):
        found.append(event)
        if len(found) == 2:
            os.killpg(parent.pid, 9)
            threading.Thread(target=parent.wait).start()
    assert [event["type"] for event in found[:2]] == ["stats", "stats"]
    assert found[0]["id"] == "web"
    assert "network_interfaces" in found[0]["data"]


@pytest.mark.live
def test_a_real_cgroup(tmp_path: Path, parent: subprocess.Popen[bytes]) -> None:
    """Its processes are those of the container, and its memory is counted."""
    host = probe().cgroup
    if "memory" not in host.controllers:
        pytest.skip("no memory cgroup can be made here")
    folder = f"{host.folder('memory')}/contain-show-{os.getpid()}"
    if host.is_v2("memory") and "memory" not in host.enabled:
        with open(f"{host.folder('memory')}/cgroup.subtree_control", "w", encoding="ascii") as file:
            file.write("+memory")
    os.mkdir(folder)
    try:
        with open(f"{folder}/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(parent.pid))
        root = container(tmp_path, parent, cgroups={"" if host.is_v2("memory") else "memory": folder})
        assert parent.pid in show.pids("web", root=root)
        assert show.stats("web", root=root)["memory"]["usage"]["limit"] > 0
    finally:
        undo.remove_cgroup(folder)


def test_features() -> None:
    """A document that its own schema accepts, and upstream's names in it."""
    found = features("1")
    assert not list(validate("runtime-features", found))
    assert {"ro", "rro", "rbind", "idmap", "tmpcopyup"} <= set(found["mountOptions"])
    assert "SCMP_ARCH_X86_64" in found["linux"]["seccomp"]["archs"]


def test_skeletons() -> None:
    """Both are valid; the rootless one asks for nothing that an ordinary user cannot have."""
    plain, user = skeleton(), rootless(skeleton(), 1000, 1000)
    assert not list(validate("runtime-config", plain))
    assert not list(validate("runtime-config", user))
    assert {"type": "user"} in user["linux"]["namespaces"]
    assert {"type": "network"} not in user["linux"]["namespaces"]
    assert not [mount for mount in user["mounts"] if mount["type"] == "cgroup" or "gid=5" in mount.get("options", [])]
