"""Origins: one place for every value."""

from __future__ import annotations

from contain.spec.model import Origins, RunOptions, Spec, path, token


class Position:
    """Stands for a position of document/."""

    def __init__(self, line: int, column: int) -> None:
        self.line, self.column = line, column


class Document:
    """Stands for a parsed document: every pointer at line = its length."""

    name = "config.json"
    scans = 0
    is_text = True
    value: object = {"mounts": [{}, {}, {}, {}]}

    def positions(self, pointers: set[str]) -> dict[str, Position]:
        """Counts the scans."""
        self.scans += 1
        return {pointer: Position(len(pointer), 1) for pointer in pointers}


def origins() -> Origins:
    """Of a document and one option."""
    made = Origins(Document())  # type: ignore[arg-type]
    made.set("/linux/resources/memory/limit", "--memory")
    return made


def test_document_place() -> None:
    """A value of the document has file, line, column and its path."""
    assert origins().place("/mounts/3") == "config.json:9:1: mounts[3]"


def test_option_place() -> None:
    """An option wins over the document, for what lies beneath and for the object that it made."""
    made = origins()
    assert made.place("/linux/resources/memory/limit") == "<command line>:--memory"
    assert made.place("/linux/resources/memory") == "<command line>:--memory"
    assert made.option("/linux/resources/pids") == ""


def test_one_scan() -> None:
    """However many pointers are asked for, the document is scanned once."""
    made = origins()
    found = made.places(["/mounts/1", "/mounts/2", "", "--volume"])
    assert found[""] == ""
    assert found["--volume"] == "<command line>:--volume"
    assert found["/mounts/1"] == "config.json:9:1: mounts[1]"
    assert made.document.scans == 1  # type: ignore[union-attr]


def test_left_out() -> None:
    """What the document leaves out has no place in a plan; in an error it has that of its parent."""
    made = origins()
    assert made.places(["/root/readonly"])["/root/readonly"] == ""
    assert made.place("/root/readonly") == "config.json:14:1: root.readonly"


def test_moved() -> None:
    """A converted manifest keeps the places of its own document."""
    made = Origins(Document(), "web.aci!manifest", converted=True)  # type: ignore[arg-type]
    made.move("/process/args", "/app/exec")
    assert made.place("/process/args/1") == "web.aci!manifest:11:1: app.exec[1]"
    assert made.place("/process/cwd") == ""


def test_removed_row() -> None:
    """When a row of a list goes, the rows after it keep their places."""
    made = origins()
    made.document.value = {"linux": {"namespaces": [{}, {}, {}]}}  # type: ignore[union-attr]
    made.set("/linux/namespaces/2", "--userns")
    made.removed("/linux/namespaces", 0)
    assert made.place("/linux/namespaces/0/type").endswith(": linux.namespaces[1].type")
    assert made.place("/linux/namespaces/1") == "<command line>:--userns"


def test_path_words() -> None:
    """Pointers are shown as people write them."""
    assert path("/process/env/0") == "process.env[0]"
    assert path("/annotations/a~1b") == 'annotations["a/b"]'
    assert token("a/b~c") == "a~1b~0c"


def test_namespaces_and_neutral_run() -> None:
    """A bundle's run asks for nothing by itself."""
    spec = Spec({"linux": {"namespaces": [{"type": "pid"}, {"type": "network", "path": "/n"}]}}, kind="oci", bundle="/b", root="/b/r")
    assert spec.namespaces() == {"pid": "", "network": "/n"}
    assert spec.run.interactive
    assert not any(
        spec.run.values()[slot] for slot in RunOptions.__slots__ if slot not in ("interactive", "workspace", "seccomp_action", "contract")
    )
