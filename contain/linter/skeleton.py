"""`make new-rule FAMILY=RUN2 NAME=kebab-name`: prints a skeleton with the next free id of a family and section."""

from __future__ import annotations

import sys

from contain.diagnostics.table import RULES

_TEXT = '''@rule
def {function}(config: Any) -> Found:
    """{id} {name}: one sentence that holds in a sound document.

    Why it matters.

    section: where the text says so
    severity: warning
    preview: yes
    bad: {{}}
    good: {{}}
    """
    if get(config, "member"):
        yield "/member", "what is wrong"
'''


def skeleton(family: str, name: str) -> str:
    """The source of a new rule; a family alone gets its section 0."""
    prefix = family.upper() if len(family) > 3 else f"{family.upper()}0"
    if name in {row[0] for row in RULES.values()}:
        raise SystemExit(f"there is a rule {name} already")
    if not any(id.startswith(prefix[:3]) for id in RULES):
        raise SystemExit(f"there is no family {prefix[:3]}")
    taken = {int(id[len(prefix) :]) for id in RULES if id.startswith(prefix)}
    number = next(number for number in range(1, 100) if number not in taken)
    return _TEXT.format(function=name.replace("-", "_"), id=f"{prefix}{number:02}", name=name)


def main() -> int:
    """Print it: where it goes is the module of its section below contain/linter/rules/."""
    if len(sys.argv) != 3 or not all(sys.argv[1:]):
        sys.stderr.write("usage: python -m contain.linter.skeleton FAMILY[DIGIT] NAME\n")
        return 2
    sys.stdout.write(skeleton(sys.argv[1], sys.argv[2]))
    sys.stderr.write("put it into the module of its section below contain/linter/rules/, then make generate\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
