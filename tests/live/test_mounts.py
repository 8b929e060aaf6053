from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from contain.host.probe import probe
from tests.live.conftest import NAMESPACES, config_of, shell

pytestmark = pytest.mark.live

TMPFS = {"destination": "/data", "type": "tmpfs", "source": "tmpfs"}


def with_mount(config, *rows):
    """The bundle with further mounts."""
    config["mounts"] += rows
    return config


ADMIN = {"capabilities": {kind: ["CAP_SYS_ADMIN"] for kind in ("bounding", "effective", "permitted", "inheritable", "ambient")}}


def options_at(out: str, target: str) -> set[str]:
    """The options that /proc/mounts has for a target."""
    return set(next(row.split()[3] for row in reversed(out.splitlines()) if row.split()[1] == target).split(","))


#: options → what /proc/mounts must say of them
FLAGS = [
    (["ro"], {"ro"}),
    (["nosuid", "nodev", "noexec"], {"rw", "nosuid", "nodev", "noexec"}),
    (["nosuid", "suid", "ro", "rw"], {"rw"}),
    (["noatime"], {"noatime"}),
    (["relatime", "nodiratime"], {"relatime", "nodiratime"}),
    (["strictatime"], {"rw"}),
    (["nosymfollow"], {"nosymfollow"}),
    (["size=64k", "mode=700"], {"size=64k", "mode=700"}),
    (["defaults", "async", "loud", "dirsync"], {"dirsync"}),
]


def test_options_of_a_file_system(run_spec):
    """Each option of the table does what it says; a later one undoes an earlier one."""
    rows = [{**TMPFS, "destination": f"/t{number}", "options": given} for number, (given, _) in enumerate(FLAGS)]
    done = run_spec(with_mount(shell("cat /proc/mounts"), *rows))
    assert done.code == 0, done
    for number, (given, expected) in enumerate(FLAGS):
        found = options_at(done.out, f"/t{number}")
        assert expected <= found, (given, found)
        assert not {"nosuid", "ro", "relatime" if "strictatime" in given else "ro"} & (found - expected), given


def test_unknown_option_is_explained_by_the_file_system(run_spec):
    """The kernel's own words stand in the first line: which parameter it does not know."""
    done = run_spec(with_mount(config_of(), {**TMPFS, "options": ["sizee=64k"]}))
    assert done.code == 125
    assert "cannot mount tmpfs on /data: Invalid argument" in done.err.splitlines()[0]
    assert "sizee" in done.err


def test_bind_with_its_target_made(run_spec, tmp_path, rootfs):
    """A folder and a single file are shown; both targets are made, folder and file, with the folders on the way."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/inner").write_text("inner")
    (tmp_path / "file").write_text("file")
    binds = [
        {"destination": "/a/b/folder", "source": str(tmp_path / "folder"), "options": ["bind"]},
        {"destination": "/a/c/file", "source": str(tmp_path / "file"), "options": ["bind", "ro"]},
    ]
    done = run_spec(with_mount(shell("cat /a/b/folder/inner /a/c/file; echo x > /a/b/folder/new; echo x > /a/c/file"), *binds))
    assert done.out == "innerfile"
    assert "Read-only" in done.err
    assert (tmp_path / "folder/new").read_text() == "x\n"
    assert stat.S_ISREG(os.stat(f"{rootfs}/a/c/file").st_mode)


@pytest.mark.any_kernel
def test_relative_source_counts_from_the_bundle(run_spec, tmp_path):
    """A bind source without a slash in front is the bundle's."""
    (tmp_path / "here").write_text("bundle")
    done = run_spec(with_mount(shell("cat /here"), {"destination": "/here", "source": "here", "options": ["bind"]}))
    assert done.out == "bundle"


@pytest.mark.parametrize(("source", "target"), [("/etc", "/bin/busybox"), ("/etc/passwd", "/bin")])
def test_folders_and_files_do_not_mix(run_spec, source, target):
    """The kernel's word is EINVAL, which has many meanings; ours is the one of mount(2)."""
    done = run_spec(with_mount(config_of(), {"destination": target, "source": source, "options": ["bind"]}))
    assert done.code == 125
    assert (
        f"cannot mount {source} on {target}: Not a directory (one of source and target is a file, the other a folder)"
        in done.err.splitlines()[0]
    )


@pytest.mark.any_kernel
def test_missing_source_is_named(run_spec):
    """The first line says what is missing, before anything is touched."""
    done = run_spec(with_mount(config_of(), {"destination": "/x", "source": "/no/such", "options": ["bind"]}))
    assert (done.code, done.err.splitlines()[0].rpartition(": ")[2]) == (125, "No such file or directory")
    assert "/no/such on /x" in done.err


def test_recursive_options_reach_what_is_mounted_below(run_spec, mounted, tmp_path):
    """`rbind` shows mounts below and `bind` does not; `rro` makes all of them read-only, `ro` only the first."""
    outer = mounted(tmp_path / "outer")
    mounted(outer / "inner")
    script = "for d in /ro /ro/inner /rro /rro/inner /bind/inner; do touch $d/x 2>/dev/null && echo writable || echo read-only; done"
    ways = {"ro": ["rbind", "ro"], "rro": ["rbind", "rro"], "bind": ["bind", "ro"]}
    rows = [{"destination": f"/{name}", "source": str(outer), "options": options} for name, options in ways.items()]
    done = run_spec(with_mount(shell(f"{script}; ls /ro/inner /bind/inner"), *rows))
    assert done.out.split()[:5] == ["read-only", "writable", "read-only", "read-only", "read-only"], done
    assert done.out.split()[5:] == ["/bind/inner:", "/ro/inner:", "x"]


PROPAGATIONS = {"private": "", "rprivate": "", "shared": "shared:", "rshared": "shared:", "unbindable": "unbindable"}


def test_propagation_of_a_mount(run_spec, tmp_path):
    """The option stands in mountinfo as the kernel has it."""
    rows = [{"destination": f"/{option}", "source": str(tmp_path), "options": ["rbind", option]} for option in PROPAGATIONS]
    done = run_spec(with_mount(shell("cat /proc/self/mountinfo"), *rows))
    lines = {fields[4][1:]: fields for fields in map(str.split, done.out.splitlines())}
    for option, tag in PROPAGATIONS.items():
        tags = lines[option][6 : lines[option].index("-")]
        assert [one[: len(tag)] for one in tags if "master" not in one] == ([tag] if tag else []), option


def test_slave_mounts_follow_the_host_but_never_lead(run_spec, mounted, tmp_path):
    """What the container mounts in a slave or even shared mount does not show up on the host, as long as its root is not shared."""
    outer = mounted(tmp_path / "outer", shared=True)
    (outer / "point").mkdir()
    script = "grep ' /t ' /proc/self/mountinfo; mount -t tmpfs none /t/point && echo done"
    for option in ("rslave", "rshared"):
        done = run_spec(with_mount(shell(script, process=ADMIN), {"destination": "/t", "source": str(outer), "options": ["rbind", option]}))
        assert "master:" in done.out
        assert done.out.endswith("done\n")
        assert not os.path.ismount(outer / "point")


def test_shared_with_a_shared_root_leads(run_spec, mounted, tmp_path):
    """Bidirectional propagation, as Kubernetes asks for it: both the mount and rootfsPropagation are shared."""
    outer = mounted(tmp_path / "outer", shared=True)
    (outer / "point").mkdir()
    config = shell("mount -t tmpfs none /t/point", process=ADMIN)
    config["linux"]["rootfsPropagation"] = "rshared"
    done = run_spec(with_mount(config, {"destination": "/t", "source": str(outer), "options": ["rbind", "rshared"]}))
    assert done.code == 0, done
    assert os.path.ismount(outer / "point")


@pytest.mark.any_kernel
def test_tmpcopyup_keeps_what_it_hides(run_spec, rootfs):
    """The files that a tmpfs hides are copied into it, modes and links too; the root itself is not written."""
    os.makedirs(f"{rootfs}/data/sub")
    with open(f"{rootfs}/data/sub/file", "w", encoding="utf-8") as file:
        file.write("kept")
    os.chmod(f"{rootfs}/data/sub/file", 0o4750)
    os.symlink("sub/file", f"{rootfs}/data/link")
    done = run_spec(
        with_mount(shell("cat /data/link; stat -c %a /data/sub/file; echo new > /data/sub/file"), {**TMPFS, "options": ["tmpcopyup"]})
    )
    assert done.out == "kept4750\n"
    with open(f"{rootfs}/data/sub/file", encoding="utf-8") as file:
        assert file.read() == "kept"


@pytest.mark.any_kernel
def test_tmpfs_takes_the_mode_of_its_folder(run_spec, rootfs):
    """Without mode= a tmpfs looks like the folder it lies on."""
    os.mkdir(f"{rootfs}/data")
    os.chmod(f"{rootfs}/data", 0o2750)
    done = run_spec(with_mount(shell("stat -c %a /data"), TMPFS))
    assert done.out == "2750\n"


@pytest.mark.any_kernel
def test_remount_changes_what_is_there(run_spec):
    """`remount` changes the attributes of an earlier mount."""
    rows = [TMPFS, {"destination": "/data", "type": "none", "source": "none", "options": ["remount", "ro", "noexec"]}]
    done = run_spec(with_mount(shell("cat /proc/mounts"), *rows))
    assert {"ro", "noexec"} <= options_at(done.out, "/data")


def test_overlay_with_a_long_list_of_folders(run_spec, tmp_path):
    """An overlay of many lower folders, longer than fsconfig(2) takes in one value, is mounted all the same."""
    layers = [tmp_path / f"layer-{'x' * 40}-{number}" for number in range(8)]
    for number, layer in enumerate(layers):
        layer.mkdir()
        (layer / f"from{number}").write_text("")
    row = {
        "destination": "/t",
        "type": "overlay",
        "source": "overlay",
        "options": ["lowerdir=" + ":".join(map(str, layers)), "ro", "nosuid"],
    }
    done = run_spec(with_mount(shell("ls /t; cat /proc/mounts"), row))
    assert done.out.splitlines()[:8] == [f"from{number}" for number in range(8)]
    assert {"ro", "nosuid"} <= options_at(done.out, "/t")


def test_idmapped_bind(run_spec, rootfs, tmp_path):
    """With the mount's own mappings an owner on disk shows as another; `idmap` without mappings takes the container's."""
    (tmp_path / "file").write_text("")
    os.chmod(tmp_path, 0o755)
    os.mkdir(f"{rootfs}/t")
    row = {"destination": "/t", "source": str(tmp_path), "options": ["bind", "idmap"]}
    maps = [{"containerID": 0, "hostID": 1000, "size": 10}]
    done = run_spec(with_mount(shell("stat -c %u:%g /t/file"), {**row, "uidMappings": maps, "gidMappings": maps}))
    if "Invalid argument" in done.err:
        pytest.skip("this file system cannot be shown idmapped")
    assert done.out == "1000:1000\n", done
    own = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    members = {
        "user_namespace": True,
        "linux": {"uidMappings": own, "gidMappings": own, "namespaces": [{"type": one} for one in (*NAMESPACES, "user")]},
    }
    config = shell("stat -c %u:%g /t/file; echo x > /t/file", **members)
    config["mounts"] = [*config["mounts"][:2], row]
    done = run_spec(config)
    assert done.out == "0:0\n", done
    assert os.stat(tmp_path / "file").st_uid == 0


def test_cgroups_are_the_containers_own(run_spec):
    """Each hierarchy of the host is there, with the container's own cgroup as its root; read-only when asked."""
    row = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", "ro"]}
    done = run_spec(with_mount(shell("cat /proc/mounts; ls /sys/fs/cgroup; mkdir /sys/fs/cgroup/x"), row))
    layout = probe().cgroup
    if layout.mode == "none":
        pytest.skip("no cgroup file system is mounted here")
    assert "Read-only" in done.err
    if layout.mode == "v2":
        assert "cgroup.procs" in done.out
        return
    names = {os.path.basename(folder) for folder in [*layout.hierarchies.values(), *([layout.unified] if layout.unified else [])]}
    assert names <= set(done.out.split())
    assert f"cgroup /sys/fs/cgroup/{os.path.basename(layout.mount('pids'))} cgroup ro," in done.out


def test_cgroups_without_a_namespace_show_only_our_own_part(run_spec):
    """Without a cgroup namespace the host's folders are bound: what can be seen is the container's own cgroup."""
    config = shell(
        "cat /proc/1/cgroup; echo; find /sys/fs/cgroup -name cgroup.procs | head -3",
        linux={"namespaces": [{"type": one} for one in NAMESPACES if one != "cgroup"]},
    )
    row = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}
    done = run_spec(with_mount(config, row))
    assert done.code == 0, done
    assert "cgroup.procs" in done.out


@pytest.mark.any_kernel
@pytest.mark.parametrize("name", ["proc", "sys"])
def test_proc_and_sys_may_be_no_links(run_spec, rootfs, name):
    """CVE-2023-27561, CVE-2019-18837: a root whose /proc or /sys is a link is refused."""
    if os.path.isdir(f"{rootfs}/{name}"):
        os.rmdir(f"{rootfs}/{name}")
    os.symlink("/tmp", f"{rootfs}/{name}")
    done = run_spec(config_of())
    assert done.code == 125
    assert f"cannot mount {'proc' if name == 'proc' else 'sysfs'} on /{name}" in done.err


@pytest.mark.any_kernel
def test_links_in_the_root_never_lead_out(run_spec, rootfs, tmp_path):
    """CVE-2021-30465, CVE-2024-45310: targets are resolved inside the root, and made inside it, wherever links point."""
    outside = tmp_path / "outside"
    outside.mkdir()
    os.symlink(str(outside), f"{rootfs}/absolute")
    os.symlink("../../../../../../" + str(outside), f"{rootfs}/relative")
    rows = [{**TMPFS, "destination": f"/{name}/made"} for name in ("absolute", "relative")]
    done = run_spec(with_mount(shell("grep -c tmpfs.*/made /proc/mounts"), *rows))
    assert done.code == 0, done
    assert list(outside.iterdir()) == []
    assert os.path.isdir(f"{rootfs}{outside}/made")


def test_masked_and_read_only_paths(run_spec, rootfs):
    """Files read as empty, folders list as empty, read-only paths take no change, and what is missing does no harm."""
    os.mkdir(f"{rootfs}/secret")
    with open(f"{rootfs}/secret/key", "w", encoding="utf-8") as file:
        file.write("key")
    linux = {"maskedPaths": ["/secret", "/etc/passwd", "/no/such"], "readonlyPaths": ["/etc", "/proc/sys", "/nor/this"]}
    script = "ls -A /secret; cat /etc/passwd; touch /etc/new; echo x > /proc/sys/kernel/hostname; touch /secret/new; stat -c %t:%T /etc/passwd; ls -A /secret"
    done = run_spec(shell(script, linux={**linux, "namespaces": [{"type": one} for one in NAMESPACES]}))
    assert done.out == "1:3\n"
    assert done.err.count("Read-only file system") >= 2
    assert "touch: /secret/new: " in done.err


@pytest.mark.any_kernel
def test_planted_links_are_masked_inside_only(run_spec, rootfs, tmp_path):
    """Masked and read-only paths that an image made links end inside the root too."""
    secret = tmp_path / "secret"
    secret.write_text("host")
    os.symlink(str(secret), f"{rootfs}/outside")
    os.symlink("/etc/passwd", f"{rootfs}/inside")
    config = shell("wc -c < /etc/passwd")
    config["linux"] |= {"maskedPaths": ["/outside", "/inside"], "readonlyPaths": ["/outside"]}
    assert run_spec(config).out.strip() == "0"
    assert secret.read_text() == "host"


@pytest.mark.any_kernel
def test_a_planted_null_device_masks_nothing_else(run_spec, rootfs, tmp_path):
    """CVE-2025-31133: what hides a file is the host's null device, whatever the image has at /dev/null."""
    os.makedirs(f"{rootfs}/dev", exist_ok=True)
    os.symlink("/etc/hostname", f"{rootfs}/dev/null")
    config = shell("stat -c %t:%T /etc/passwd", linux={"maskedPaths": ["/etc/passwd"], "namespaces": [{"type": one} for one in NAMESPACES]})
    config["mounts"] = [row for row in config["mounts"] if not row["destination"].startswith("/dev")]
    done = run_spec(config)
    assert "1:3" in done.out or "/dev/null" in done.err, done


@pytest.mark.parametrize("where", ["as root", "as a user"])
def test_a_rootless_bind(run_spec, user, user_rootfs, where):
    """The ordinary user binds his own files; a host's flags stay."""
    with open(f"{user.folder}/mine", "w", encoding="utf-8") as file:
        file.write("mine")
    config = with_mount(
        shell("cat /t"), {"destination": "/t", "source": f"{user.folder}/mine", "options": ["rbind", "rprivate", "nosuid", "suid"]}
    )
    done = run_spec(config, user=user) if where == "as a user" else run_spec(config, root=user_rootfs)
    assert done.out == "mine", done


@pytest.mark.any_kernel
def test_a_volume_under_a_throw_away_layer(run_spec, user, user_rootfs):
    """Option O: the volume can be written, and stays as it was on the host."""
    os.makedirs(f"{user.folder}/volume", exist_ok=True)
    os.chmod(f"{user.folder}/volume", 0o777)
    row = {"destination": "/t", "type": "bind", "source": f"{user.folder}/volume", "options": ["rbind", "O"]}
    for how in ({"root": user_rootfs}, {"user": user}):
        done = run_spec(with_mount(shell("echo x > /t/new; ls /t"), row), **how)
        assert done.out == "new\n", done
        assert os.listdir(f"{user.folder}/volume") == []


@pytest.mark.any_kernel
def test_a_kernel_without_mount_setattr(run_spec, tmp_path):
    """Linux 5.10 and 5.11: mount(2) by descriptor does the same, but for recursive attributes, which are refused by name."""
    old = {"kernel": (5, 10), "missing": (442,)}
    (tmp_path / "file").write_text("seen")
    rows = [
        {"destination": "/ro", "source": str(tmp_path), "options": ["rbind", "ro", "nosuid", "rprivate"]},
        {"destination": "/rw", "source": str(tmp_path), "options": ["bind", "noexec", "shared"]},
        {**TMPFS, "options": ["ro", "nodev", "private"]},
    ]
    members = {"maskedPaths": ["/etc/passwd"], "readonlyPaths": ["/etc", "/proc/sys"], "rootfsPropagation": "rslave"}
    config = with_mount(shell("cat /proc/self/mountinfo; cat /ro/file; touch /etc/x /x", root={"path": "rootfs", "readonly": True}), *rows)
    config["linux"].update(members)
    done = run_spec(config, **old)
    assert done.out.endswith("seen"), done
    lines = {fields[4]: fields for fields in map(str.split, done.out.splitlines()) if "-" in fields}
    assert {"ro", "nosuid"} <= set(lines["/ro"][5].split(","))
    assert "noexec" in lines["/rw"][5]
    assert lines["/rw"][6].startswith("shared:")
    assert {"ro", "nodev"} <= set(lines["/data"][5].split(","))
    assert done.err.count("Read-only file system") == 2
    refused = run_spec(with_mount(shell("true"), {**rows[0], "options": ["rbind", "rro"]}), **old)
    assert (refused.code, "recursive attributes need Linux 5.12" in refused.err) == (125, True)


def test_flags_that_the_host_has_locked_stay(run_spec, user, mounted):
    """In a user namespace nosuid, nodev and noexec of the host cannot be cleared, which is no error; read-only that should be writable is."""
    folder = mounted(Path(user.folder) / f"locked.{os.getpid()}", options="nosuid,nodev,noexec,noatime")
    row = {"destination": "/t", "source": str(folder), "options": ["rbind", "suid", "dev", "exec", "atime"]}
    done = run_spec(with_mount(shell("cat /proc/mounts"), row), user=user)
    assert {"nosuid", "nodev", "noexec", "noatime"} <= options_at(done.out, "/t"), done
    subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
    refused = run_spec(with_mount(shell("true"), {**row, "options": ["rbind", "rw"]}), user=user)
    assert (refused.code, "Operation not permitted" in refused.err) == (125, True)


def test_capabilities_in_a_mount_namespace_of_others(run_spec, rootfs, tmp_path):
    """Root of a new user namespace that kept the host's mounts may clone none of them: init does, in its own namespace."""
    (tmp_path / "file").write_text("seen")
    os.chmod(tmp_path, 0o755)
    config = with_mount(shell("cat /t", user_namespace=True), {"destination": "/t", "source": str(tmp_path / "file"), "options": ["rbind"]})
    maps = [{"containerID": 0, "hostID": 0, "size": 1}]
    config["linux"].update({"uidMappings": maps, "gidMappings": maps})
    done = run_spec(config, within=["unshare", "--user", "--map-root-user"])
    assert done.out == "seen", done
