"""A rootfs folder and options: what the spec then says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from contain.errors import UsageError
from contain.linux import CAPABILITIES
from contain.spec import defaults, presets
from contain.spec.options import BY_KEYWORD, Options
from contain.spec.sources import hostview, rootfs

if TYPE_CHECKING:
    from pathlib import Path

    from contain.spec.model import Spec


def make(root: Path, /, *command: str, environ: dict[str, str] | None = None, **texts: Any) -> Spec:
    """The spec of a run in `root` with options written as on a command line."""
    options = Options(command=list(command), environ=environ or {}, cwd=str(root))
    for keyword, text in texts.items():
        row = BY_KEYWORD[keyword]
        for one in text if isinstance(text, list) else [text]:
            options.add(row, row.off[0] if one is False else row.shown, None if isinstance(one, bool) else one)
    return rootfs.read(str(root), options)


def mount(spec: Spec, destination: str) -> dict[str, Any]:
    """The one mount at `destination`."""
    (row,) = [row for row in spec.config["mounts"] if row["destination"] == destination]
    return row


def test_safe_by_default(tmp_path: Path) -> None:
    """Nothing is allowed but to run."""
    spec = make(tmp_path)
    process, linux = spec.config["process"], spec.config["linux"]
    assert set(spec.namespaces()) == set(presets.NAMESPACES)
    assert not any(process["capabilities"].values())
    assert process["noNewPrivileges"]
    assert process["env"] == [f"PATH={presets.PATH}"]
    assert linux["resources"] == {"pids": {"limit": 2048}}
    assert (spec.run.userns, spec.run.network, spec.run.seccomp, spec.run.init) == ("auto", "none", "default", True)
    assert not spec.run.interactive
    assert [row["destination"] for row in spec.config["mounts"]] == ["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/tmp"]


def test_secrets_of_the_environment_stay_outside(tmp_path: Path) -> None:
    """Only an allow-list passes, and what -e names."""
    environ = {"AWS_SECRET": "x", "SSH_AUTH_SOCK": "/s", "LC_ALL": "C", "TERM": "dumb", "NAMED": "v"}
    env = make(tmp_path, environ=environ, env=["NAMED", "MISSING", "A=1", "A=2", "TERM=vt100"]).config["process"]["env"]
    assert env == ["LC_ALL=C", "TERM=vt100", f"PATH={presets.PATH}", "NAMED=v", "A=2"]


@pytest.mark.parametrize(("environ", "passes"), [({}, False), ({"LANG": "C"}, False), ({"LANG": "de_DE.UTF-8"}, True)])
def test_locale_of_python_stays_outside(tmp_path: Path, environ: dict[str, str], passes: bool) -> None:
    """In the locale C Python sets LC_CTYPE for itself, which nobody asked for."""
    env = make(tmp_path, environ={**environ, "LC_CTYPE": "C.UTF-8"}).config["process"]["env"]
    assert ("LC_CTYPE=C.UTF-8" in env) is passes


def test_env_file(tmp_path: Path) -> None:
    """One NAME=VALUE a line; --env beats it, and its origin is known."""
    (tmp_path / "env").write_text("# comment\n\nA=1\nB=two words\r\nC\n")
    spec = make(tmp_path, environ={"C": "c"}, env_file="env", env="A=9")
    assert spec.config["process"]["env"][1:] == ["A=9", "B=two words", "C=c"]
    assert spec.origins.place("/process/env/2") == "<command line>:--env-file"


def test_limits(tmp_path: Path) -> None:
    """Limits are the OCI's, with their options as origin; what nobody asked for has none."""
    spec = make(tmp_path, memory="64m", cpus="1.5", pids_limit="-1", cpuset_cpus="0-1", timeout="5m", disk="1g")
    assert spec.config["linux"]["resources"] == {
        "memory": {"limit": 64 << 20, "swap": 128 << 20},
        "cpu": {"period": 100_000, "quota": 150_000, "cpus": "0-1"},
    }
    assert spec.origins.option("/linux/resources/memory/limit") == "--memory"
    assert spec.origins.option("/linux/resources/memory/swap") == ""
    assert (spec.run.timeout, spec.run.disk) == (300, 1 << 30)


def test_volume(tmp_path: Path) -> None:
    """Docker's words, podman's nosuid and nodev; relative sources are the caller's; z is ignored with a word."""
    spec = make(tmp_path, volume=["./src:/dst:ro,z", "/a:/b:exec,rslave", "/c:/tmp"])
    assert mount(spec, "/dst") == {
        "destination": "/dst",
        "type": "bind",
        "source": f"{tmp_path}/src",
        "options": ["rbind", "rro", "nosuid", "nodev", "rprivate"],
    }
    assert mount(spec, "/b")["options"] == ["rbind", "rw", "nosuid", "nodev", "exec", "rslave"]
    assert mount(spec, "/tmp")["source"] == "/c"
    assert spec.origins.place(f"/mounts/{spec.config['mounts'].index(mount(spec, '/tmp'))}") == "<command line>:--volume"
    assert spec.origins.option("/mounts/5") == ""
    assert "option z is ignored" in spec.warnings[0]


def test_tmpfs_and_mount(tmp_path: Path) -> None:
    """--tmpfs as docker's: no set-uid, no devices, no programs unless asked for."""
    spec = make(tmp_path, tmpfs=["/a:size=64m,exec"], mount=["type=tmpfs,dst=/b,tmpfs-size=1k", "type=bind,src=/x,target=/c,readonly"])
    assert mount(spec, "/a")["options"] == ["nosuid", "nodev", "size=64m", "exec", "mode=1777"]
    assert mount(spec, "/b")["options"] == ["noexec", "nosuid", "nodev", "size=1024", "mode=1777"]
    assert mount(spec, "/c")["options"][:2] == ["rbind", "rro"]


def test_capabilities(tmp_path: Path) -> None:
    """Three sets; inheritable and ambient stay empty (CVE-2022-29162)."""
    held = make(tmp_path, cap_add=["net_raw", "CAP_CHOWN"], cap_drop=["ALL"]).config["process"]["capabilities"]
    assert held == {
        "bounding": ["CAP_CHOWN", "CAP_NET_RAW"],
        "effective": ["CAP_CHOWN", "CAP_NET_RAW"],
        "permitted": ["CAP_CHOWN", "CAP_NET_RAW"],
        "inheritable": [],
        "ambient": [],
    }
    everything = make(tmp_path, cap_add=["all"], cap_drop=["sys_admin"]).config["process"]["capabilities"]["bounding"]
    assert len(everything) == len(CAPABILITIES) - 1


def test_privileged(tmp_path: Path) -> None:
    """All capabilities, no filter, no masks, all devices; namespaces stay, and single options still count."""
    spec = make(tmp_path, privileged=True, cap_drop="mknod", security_opt="no-new-privileges")
    assert spec.config["linux"]["maskedPaths"] == spec.config["linux"]["readonlyPaths"] == []
    assert spec.run.seccomp == "unconfined"
    assert spec.run.devices_all
    assert "CAP_MKNOD" not in spec.config["process"]["capabilities"]["bounding"]
    assert spec.config["process"]["noNewPrivileges"]
    assert set(spec.namespaces()) == set(presets.NAMESPACES)


def test_network_and_userns(tmp_path: Path) -> None:
    """host means the host's namespace, and /sys is then shown by a recursive read-only bind."""
    spec = make(tmp_path, network="host", userns="host")
    assert not {"network", "user"} & set(spec.namespaces())
    assert mount(spec, "/sys")["options"][:2] == ["rbind", "rro"]
    assert not spec.run.idmap


def test_process_options(tmp_path: Path) -> None:
    """The rest, one each."""
    spec = make(
        tmp_path,
        "ls",
        "-l",
        workdir="/w",
        user="daemon:1",
        tty=True,
        init=False,
        hostname="web",
        ulimit="nofile=10:20",
        name="n",
        label="a=b",
        rm=False,
    )
    process = spec.config["process"]
    assert (process["args"], process["cwd"], process["terminal"]) == (["ls", "-l"], "/w", True)
    assert process["rlimits"] == [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}]
    assert spec.config["hostname"] == "web"
    run = spec.run
    assert (run.user, run.init, run.name, run.labels, run.keep, run.rm) == ("daemon:1", False, "n", {"a": "b"}, True, False)


def test_device(tmp_path: Path) -> None:
    """The node with the host's numbers, and the rule that opens it."""
    linux = make(tmp_path, device="/dev/null:/dev/hole:rw").config["linux"]
    assert linux["devices"][0]["path"] == "/dev/hole"
    assert (linux["devices"][0]["major"], linux["devices"][0]["minor"]) == (1, 3)
    assert linux["resources"]["devices"] == [{"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rw"}]


def test_options_without_a_pointer(tmp_path: Path) -> None:
    """Their name is their pointer, when they were given."""
    origins = make(tmp_path, timeout="5s").origins
    assert origins.place("--timeout") == "<command line>:--timeout"
    assert origins.place("--disk") == ""


def test_missing_root(tmp_path: Path) -> None:
    """A folder that is not there is said to be so."""
    with pytest.raises(UsageError, match="is not a folder"):
        rootfs.read("nowhere", Options(cwd=str(tmp_path), environ={}))


def host(cwd: str, /, **given: Any) -> Spec:
    """The host view of a run of `true`."""
    environ = {"HOME": "/srv/me", "PATH": "/bin", "TOKEN": "x"}
    return hostview.read("", Options(command=["true"], environ=environ, cwd=cwd, **given))


def test_host_view_hides() -> None:
    """Homes, sockets' folders, keys and engines' data are hidden, also with --privileged."""
    for spec in (host("/work"), host("/work", privileged=True, security_opt=["unmask=ALL"])):
        hidden = {row["destination"] for row in spec.config["mounts"] if row["type"] == "tmpfs"}
        assert {"/home", "/root", "/run", "/tmp", "/var/tmp", "/media", "/mnt", "/srv/me"} <= hidden
        assert {"/etc/shadow", "/var/lib/docker"} <= set(spec.config["linux"]["maskedPaths"])
        assert spec.config["process"]["env"] == ["PATH=/bin", "HOME=/root"]
        assert (spec.kind, spec.root, spec.run.host_view) == ("host", "", True)


def test_workspace() -> None:
    """The working folder is a throw-away overlay after the hidden places; a home only when asked for."""
    spec = host("/home/me/project")
    assert spec.config["mounts"][-1]["options"][:2] == ["rbind", "O"]
    assert spec.config["process"]["cwd"] == "/home/me/project"
    assert host("/srv/me").run.workspace == "none"
    assert host("/srv").config["process"]["cwd"] == "/"
    for folder, cwd in (("/etc", "/etc"), ("/etc/ssl/private", "/"), ("/proc/sys", "/"), ("/dev", "/"), ("/srv/me/.ssh", "/")):
        system = host(folder)
        assert (system.run.workspace, system.config["process"]["cwd"]) == ("none", cwd)
    asked = host("/srv/me", workspace="rw")
    assert asked.config["mounts"][-1]["options"][:2] == ["rbind", "rw"]
    assert asked.origins.place(f"/mounts/{len(asked.config['mounts']) - 1}") == "<command line>:--workspace"


def test_socket_is_granted() -> None:
    """Exactly the one that was named, after everything that hides it."""
    spec = host("/", socket=["/run/my.sock"])
    assert spec.run.sockets == ["/run/my.sock"]
    assert spec.config["mounts"][-1]["destination"] == "/run/my.sock"
    assert os.path.isabs(spec.config["mounts"][-1]["source"])


def test_nothing_is_left_to_be_filled_in() -> None:
    """The base of a run without a bundle has all that a reader takes for granted."""
    assert defaults.fill(presets.sandbox()) == presets.sandbox()
