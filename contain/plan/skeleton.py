"""Writes the two halves of a new operation, Python class and C function: `make new-operation FAMILY=mounts NAME=MountThing`."""

from __future__ import annotations

import sys
from pathlib import Path

from contain.plan.generate import C_FOLDER, c_name
from contain.plan.operations import FAMILIES

PYTHON = '''

class {name}(Operation):
    """What it does, in one sentence."""

    remedies: ClassVar[dict[str, str]] = {{
        "": "what to do about any failure",
    }}

    stage: int = at.PREPARE
    path: str

    def describe(self) -> str:
        """As the plan shows it."""
        return f"{words} {{self.path}}"
'''
C = """
int do_{name}(struct context *context, const struct {name} *operation) {{
    (void)operation->path;
    return fail(context, ENOSYS, NULL);
}}
"""


def main(
    family: str, name: str, *, python_folder: Path = Path(__file__).parent / "operations", c_folder: Path = C_FOLDER / "operations"
) -> int:
    """Appends the skeletons to the family's two files."""
    if family not in FAMILIES or not name.isidentifier() or name != name[:1].upper() + name[1:]:
        print(f"usage: make new-operation FAMILY=({'|'.join(FAMILIES)}) NAME=CamelCase", file=sys.stderr)
        return 2
    python, c = python_folder / f"{family}.py", c_folder / f"{family}.c"
    if f"class {name}(" in python.read_text():
        print(f"{python}: there is a {name} already", file=sys.stderr)
        return 1
    python.write_text(python.read_text().rstrip() + "\n" + PYTHON.format(name=name, words=c_name(name).replace("_", " ")))
    head = c.read_text().rstrip() + "\n" if c.exists() else '#include <errno.h>\n\n#include "../operation.h"\n'
    c.write_text(head + C.format(name=c_name(name)))
    print(f"{python}\n{c}\nnow: describe it, add imports where missing, make generate")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
