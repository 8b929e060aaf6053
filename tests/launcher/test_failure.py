"""From the launcher's record to what a person reads."""

from __future__ import annotations

import errno
import importlib
import os
import subprocess
import sys

import pytest

from contain.launcher import failure, record, spawn
from contain.plan.kinds import KINDS
from contain.plan.operation import Operation
from contain.plan.operations import FAMILIES

#: What Docker and Podman look for in a failure's text, to give another exit code (reference: their sources).
ENGINES = ("permission denied", "operation not permitted", "executable file not found", "no such file or directory", "is a directory")
ENGINES += ("not a directory", "does not exist")


def packet(kind: str, error: int, detail: str = "", code: int = 125) -> bytes:
    """A record of a failed operation, as launcher/src/record.c writes it."""
    fields = (b"CNR1", record.RESULT, 7, 6, code, 0, 0, 1, KINDS.get(kind, 0), 1, error, *[-1] * 7, 0, 0)
    return record._HEAD.pack(*fields).ljust(record.HEAD_SIZE, b"\0") + b"config.json:1:1\0cannot\0" + detail.encode() + b"\0"


def test_every_number_has_its_class():
    """The explainer finds the class of each operation."""
    for name, number in KINDS.items():
        found = failure.operation_class(number)
        assert found is not None
        assert found.__name__ == name
    assert failure.operation_class(0) is None


def test_remedy_of_the_operation():
    """The class's own remedy comes first, a general one else, and nothing is better than nonsense."""
    assert failure.explain(record.Record(packet("ClaimState", errno.EEXIST, "it is in use")))[1].startswith("choose another name")
    assert failure.explain(record.Record(packet("ClaimState", errno.EMFILE)))[1] == failure.GENERAL["EMFILE"]
    assert failure.explain(record.Record(packet("ClaimState", 0, "odd"))) == ("", "")


def test_cause_only_where_the_first_line_lacks_it():
    """The kernel's words are the cause when the first line says something else."""
    assert failure.explain(record.Record(packet("ClaimState", errno.EEXIST, "it is in use")))[0] == "File exists"
    assert failure.explain(record.Record(packet("ClaimState", errno.EEXIST)))[0] == ""


@pytest.mark.parametrize("family", FAMILIES)
def test_remedies_are_no_engine_s_words(family):
    """A remedy never has words from which an engine would take another exit code; keys are errno names."""
    module = importlib.import_module(f"contain.plan.operations.{family}")
    for found in vars(module).values():
        if isinstance(found, type) and issubclass(found, Operation):
            for name, remedy in found.remedies.items():
                assert not name or hasattr(errno, name), (found, name)
                assert not [words for words in ENGINES if words in remedy.lower()], (found, remedy)


def test_the_program():
    """The explainer reads the record from a descriptor, prints below the first line, and exits with the record's code."""
    read, write = os.pipe()
    os.write(write, packet("ClaimState", errno.EEXIST, "it is in use", code=126))
    os.close(write)
    done = subprocess.run([*spawn.explainer(), str(read)], pass_fds=(read,), capture_output=True, text=True, check=False)
    os.close(read)
    assert done.returncode == 126
    assert done.stderr.splitlines() == [
        "  cause: File exists",
        "  remedy: choose another name, or end that container: `contain rm --force NAME`",
    ]
    assert done.stdout == ""


def test_the_program_without_a_record():
    """Nonsense is a failure of ours, without a traceback."""
    done = subprocess.run([*spawn.explainer(), "99"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (125, "")


def test_imports_nothing_heavy():
    """The explainer is quick: nothing that takes milliseconds to import."""
    code = "import sys; from contain.launcher import explain, failure, record; failure.operation_class(1); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"dataclasses", "typing", "json", "argparse", "logging"} & set(done.stdout.split())
