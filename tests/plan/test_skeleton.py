"""`make new-operation`."""

from __future__ import annotations

from contain.plan import skeleton


def test_writes_both_halves(tmp_path, capsys) -> None:
    """The Python class and the C function appear in the family's files."""
    (tmp_path / "mounts.py").write_text('"""Mounts."""\n')

    assert skeleton.main("mounts", "MountThing", python_folder=tmp_path, c_folder=tmp_path) == 0

    assert "class MountThing(Operation):" in (tmp_path / "mounts.py").read_text()
    assert "int do_mount_thing(struct context *context, const struct mount_thing *operation)" in (tmp_path / "mounts.c").read_text()


def test_refuses_a_second_one(tmp_path, capsys) -> None:
    """An operation is never written over."""
    (tmp_path / "mounts.py").write_text("class MountThing(Operation):\n")

    assert skeleton.main("mounts", "MountThing", python_folder=tmp_path, c_folder=tmp_path) == 1


def test_refuses_an_unknown_family(capsys) -> None:
    """The family must be one of the table."""
    assert skeleton.main("nonsense", "MountThing") == 2
    assert "usage" in capsys.readouterr().err
