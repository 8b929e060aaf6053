from __future__ import annotations

import os

import pytest

from tests.live.conftest import shell

pytestmark = pytest.mark.live


@pytest.fixture(params=["root", "root with a user namespace", "ordinary user"])
def who(request, user):
    """The three ways in which a bundle is run: arguments for run_spec and for the configuration."""
    maps = [{"containerID": 0, "hostID": 0, "size": 65536}]
    if request.param == "root":
        return {}, {}
    if request.param == "ordinary user":
        return {"user": user}, {}
    return {}, {
        "user_namespace": True,
        "linux": {
            "uidMappings": maps,
            "gidMappings": maps,
            "namespaces": [{"type": kind} for kind in ("user", "pid", "mount", "network", "ipc", "uts", "cgroup")],
        },
    }


def test_the_usual_mounts_and_nothing_of_the_host(run_spec, who):
    """A bundle with the usual mounts runs in its own root, the host's is gone, and the host's table of mounts stays as it was."""
    how, members = who
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        before = file.read()
    done = run_spec(shell("cat /proc/self/mountinfo; ls /; ls -di / /..; id -u", **members), **how)
    assert done.code == 0, done
    rows = [row.split() for row in done.out.splitlines()]
    mounts = [(row[4], row[row.index("-") + 1]) for row in rows if "-" in row]
    wanted = [("/proc", "proc"), ("/dev", "tmpfs"), ("/dev/pts", "devpts"), ("/dev/shm", "tmpfs"), ("/sys", "sysfs")]
    assert [row for row in wanted if row not in mounts] == []
    assert [point for point, _ in mounts if not point.startswith(("/proc", "/dev", "/sys"))] == ["/"]
    assert ["bin"] in rows
    assert rows[-1] == ["0"]
    assert rows[-2][0] == rows[-3][0], "the root's parent is not itself"
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        assert file.read() == before


def test_a_read_only_root(run_spec, who):
    """root.readonly: the root takes no change, what is mounted on it does."""
    how, members = who
    done = run_spec(shell("touch /x; touch /dev/shm/y && echo written", root={"path": "rootfs", "readonly": True}, **members), **how)
    assert done.out == "written\n"
    assert "Read-only file system" in done.err


@pytest.mark.any_kernel
@pytest.mark.parametrize(("word", "tag"), [("", ""), ("private", ""), ("rslave", ""), ("shared", "shared"), ("unbindable", "unbindable")])
def test_propagation_of_the_root(run_spec, word, tag):
    """rootfsPropagation stands in mountinfo; a root is no slave of the host's, whose mounts in it are its own."""
    config = shell("grep ' / / ' /proc/self/mountinfo || grep ' / ' /proc/self/mountinfo")
    config["linux"]["rootfsPropagation"] = word
    done = run_spec(config)
    fields = next(row.split() for row in done.out.splitlines() if row.split()[4] == "/")
    assert [one.partition(":")[0] for one in fields[6 : fields.index("-")]] == ([tag] if tag else [])


@pytest.mark.any_kernel
def test_without_pivot_root(run_spec, who):
    """--no-pivot: the container runs in its root all the same, and the host's procfs is not behind it."""
    how, members = who
    done = run_spec(shell("ls /; cat /proc/1/cmdline | tr '\\0' ' '", **members), run={"no_pivot": True}, **how)
    assert done.code == 0, done
    assert "bin" in done.out.split()


@pytest.mark.any_kernel
def test_a_missing_root_is_named(run_spec, tmp_path):
    """A root that is not there is an error before anything starts."""
    done = run_spec(shell("true"), root=str(tmp_path / "none"))
    assert (done.code, done.err.splitlines()[0]) == (125, f"cannot open the root {tmp_path}/none: No such file or directory")


@pytest.mark.any_kernel
def test_a_root_that_is_a_file(run_spec, tmp_path):
    """A root must be a folder."""
    (tmp_path / "file").write_text("")
    done = run_spec(shell("true"), root=str(tmp_path / "file"))
    assert done.code == 125
    assert "Not a directory" in done.err


def test_owners_are_kept_with_an_idmapped_root(run_spec, rootfs):
    """Our own default for root: a user namespace whose root is not the host's, in a root that still belongs to it and can be written."""
    config = shell("id -u; stat -c %u /bin; echo new > /etc/new; cat /proc/self/uid_map; cat /dev/null", user_namespace=True)
    done = run_spec(config, kind="rootfs", run={"idmap": True, "userns": "auto"})
    if "cannot be shown idmapped" in done.err:
        pytest.skip("this file system cannot be shown idmapped")
    lines = done.out.splitlines()
    assert lines[:2] == ["0", "0"], done
    assert lines[2].split()[1] != "0"
    assert os.stat(f"{rootfs}/etc/new").st_uid == 0


@pytest.mark.any_kernel
def test_mounts_without_a_namespace_are_refused(run_spec):
    """Mounts of the manifest would be made in the host's own table: an error, with the remedy."""
    config = shell("true")
    config["linux"]["namespaces"] = [{"type": "pid"}, {"type": "uts"}]
    done = run_spec(config)
    assert done.code == 125
    assert "mounts need a mount namespace" in done.err


@pytest.mark.any_kernel
def test_a_root_without_a_mount_namespace(run_spec):
    """Nothing to mount, no namespace: chroot is all there is."""
    config = shell("ls /", mounts=[])
    config["linux"]["namespaces"] = [{"type": "pid"}, {"type": "uts"}]
    done = run_spec(config)
    assert "bin" in done.out.split(), done


@pytest.mark.parametrize("kind", ["root", "root with ids of its own", "ordinary user"])
def test_a_throw_away_layer_over_the_root(run_spec, rootfs, user, request, kind):
    """--overlay: the root can be written up to its bound, deletions too, and stays as it was on disk."""
    root = request.getfixturevalue("user_rootfs") if kind == "ordinary user" else rootfs
    script = "echo new > /etc/new; rm /etc/passwd; cat /etc/new; ls /etc; dd if=/dev/zero of=/big bs=64k count=8; ls -di / /.."
    config = shell(script, user_namespace="ids" in kind)
    run = {"overlay": True, "disk": 200_000, "idmap": "ids" in kind, "userns": "auto"}
    before = sorted(os.listdir(f"{root}/etc"))
    done = run_spec(config, user=user if kind == "ordinary user" else None, root=root, run=run)
    if "cannot be shown idmapped" in done.err:
        pytest.skip("this file system cannot be shown idmapped")
    assert done.out.split()[0] == "new", done
    assert "passwd" not in done.out.split()
    assert "No space left" in done.err
    assert len({row.split()[0] for row in done.out.splitlines()[-2:]}) == 1
    assert sorted(os.listdir(f"{root}/etc")) == before
    assert not os.path.exists(f"{root}/big")
