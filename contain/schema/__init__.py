"""The shape of every kind of document: validators generated from specs/, and nothing else knows where specs/ lies."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.diagnostics.model import Diagnostic
    from contain.document import Document


class Finding:
    """Something that is not as its schema says."""

    __slots__ = ("id", "message", "pointer")

    def __init__(self, pointer: str, id: str, message: str) -> None:
        """`pointer` may name a member that is missing."""
        self.pointer = pointer
        self.id = id
        self.message = message

    def __repr__(self) -> str:
        """For debugging and tests."""
        return f"Finding({self.pointer!r}, {self.id!r}, {self.message!r})"


def rows(kind: str, value: object) -> list[tuple[str, str, str]]:
    """Pointer, rule id and message of everything that is not as the schema of `kind` says; an explicit null counts as absent."""
    module = __import__(f"contain.schema.generated.{kind.replace('-', '_')}", fromlist=["validate"])
    found: list[tuple[str, str, str]] = module.validate(value)
    return found


def validate(kind: str, value: object) -> list[Finding]:
    """Everything that is not as the schema of `kind` (`runtime-config`, `runtime-state`, `runtime-features`, …) says."""
    return [Finding(*row) for row in rows(kind, value)]


def check(kind: str, document: "Document") -> "list[Diagnostic]":
    """What is wrong with the text of a document and with its shape, as diagnostics with positions; first things first."""
    found = rows(kind, document.value) if document.value is not None else []
    if not found and not document.problems:
        return []
    from contain.diagnostics import model  # only when something is wrong

    result = [model.from_problem(document, problem) for problem in document.problems]
    # a member of which only the text is wrong (NaN, a number of 5,000 digits) is not also missing
    told = {problem.pointer for problem in document.problems if problem.id in ("DOC101", "DOC102")}
    found = [row for row in found if row[0] not in told]
    places = document.positions([row[0] for row in found])
    result += [
        model.make(id, message, document.name, pointer, places[pointer] if document.is_text else None) for pointer, id, message in found
    ]
    return sorted(result, key=lambda item: item.position.offset if item.position else 0)


def specs() -> str:
    """The folder that holds the schemas: beside the package in a checkout, inside it when installed."""
    from os.path import isdir, realpath

    here = realpath(__file__).rpartition("/schema/")[0]  # .venv links the checkout's package
    inside = f"{here}/specs"
    return inside if isdir(inside) else f"{here.rpartition('/')[0]}/specs"
