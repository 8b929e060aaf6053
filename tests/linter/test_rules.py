"""Every rule: its page is whole, its bad examples are found by it, its good ones are not, and the generated files are fresh."""

from __future__ import annotations

import json

import pytest

from contain.diagnostics.table import RULES
from contain.linter import Linter, Settings, lint, rows
from contain.linter.examples import BASES, document
from contain.linter.generate import stale
from contain.linter.registry import pages
from contain.linter.skeleton import skeleton

PAGES = pages()
#: rules whose finding needs more than one document, with the test that shows it
ELSEWHERE = {
    "DOC102": "tests/document/test_parse.py",
    "DOC401": "test_limits",
    "DOC402": "test_limits",
    "DOC403": "test_limits",
    "DOC404": "test_pool.py",
    "DOC501": "test_settings.py",
    "DOC502": "test_settings.py",
    "SEC604": "test_many_layers",
    "DOC601": "test_settings.py",
    "DOC999": "test_a_rule_that_raises",
}
#: kinds that are more than one document: their rules are shown in test_sets.py
SETS = ("image-layout-folder", "image-layers", "docker-archive-file", "aci-file")


def _settings() -> Settings:
    settings = Settings()
    settings.preview = True
    return settings


def _examples(word: str) -> list[tuple[str, str, str]]:
    found = []
    for id, page in PAGES.items():
        found += [(id, page.kind, example) for example in page.fields.get(word, [])]
    return found


def _ids(data: bytes, kind: str = "") -> list[str]:
    return [item.id for item in lint(data, name="config.json", settings=_settings(), kind="" if kind == "*" else kind)]


@pytest.mark.parametrize(("id", "kind", "example"), _examples("bad"))
def test_bad_examples_are_found(id, kind, example):
    """The rule finds what its page says it finds."""
    assert id in _ids(json.dumps(document(kind, json.loads(example))).encode(), kind)


@pytest.mark.parametrize(("id", "kind", "example"), _examples("good"))
def test_good_examples_are_not(id, kind, example):
    """The rule is silent about its good example, and so is every schema."""
    found = _ids(json.dumps(document(kind, json.loads(example))).encode(), kind)
    assert id not in found
    assert "DOC999" not in found


@pytest.mark.parametrize("word", ["bad", "good"])
def test_examples_as_whole_texts(word):
    """Examples that are about the text itself."""
    for id, _, example in _examples(f"{word}-text"):
        found = _ids(json.loads(example).encode("utf-8", "surrogateescape"))
        assert (id in found) == (word == "bad"), (id, found)


@pytest.mark.parametrize("word", ["bad", "good"])
def test_examples_as_folders(word, tmp_path):
    """Examples that need the files beside the document."""
    for number, (id, _, example) in enumerate(_examples(f"{word}-files")):
        folder = tmp_path / f"{id}-{number}"
        for name, content in json.loads(example).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.mkdir()
            else:
                path.write_text(content if isinstance(content, str) else json.dumps(content))
        image = folder / "image.json"
        pair = document("image-config", json.loads(image.read_text())) if image.exists() else None
        host = json.loads((folder / "host.json").read_text()) if (folder / "host.json").exists() else None
        if pair is not None or host is not None:
            (folder / "config.json").write_text(json.dumps(document("runtime-config", json.loads((folder / "config.json").read_text()))))
        found = [item.id for item in lint(folder / "config.json", image=pair, host=host, settings=_settings())]
        assert "DOC999" not in found
        assert (id in found) == (word == "bad"), (id, found)


@pytest.mark.parametrize("kind", BASES)
def test_base_documents_are_sound(kind):
    """The documents that examples are merged into have no error and no warning but advice."""
    found = lint(json.dumps(BASES[kind]).encode(), settings=_settings())
    assert [item for item in found if not item.id.startswith("SEC")] == []


def test_pages_are_whole():
    """Every rule has a name of its own, a sentence, a section, and examples of both kinds or a test that shows it."""
    assert len({page.name for page in PAGES.values()}) == len(PAGES)
    for id, page in PAGES.items():
        assert page.name
        assert page.name == page.name.lower()
        assert page.summary, id
        assert page.field("section"), id
        assert page.field("severity", "error") in ("error", "warning", "info"), id
        have = {word.partition("-")[0] for word in page.fields}
        assert id in ELSEWHERE or page.kind in SETS or {"bad", "good"} <= have, id
    assert set(RULES) == set(PAGES)


def test_every_row_has_a_rule_or_a_reason():
    """Each sentence of the texts is checked, or the page says why it is not."""
    assert rows.missing(PAGES) == []
    assert [id for ids in rows.mapping(PAGES).values() for id in ids if id not in PAGES] == []


def test_a_new_rule_begins_as_preview():
    """`make new-rule` gives the next free id of a section."""
    text = skeleton("RUN2", "some-new-rule")
    assert text.startswith("@rule\ndef some_new_rule(config: Any) -> Found:")
    assert "preview: yes" in text
    with pytest.raises(SystemExit, match="already"):
        skeleton("RUN2", "relative-cwd")


def test_generated_files_are_fresh():
    """`python -m contain.linter.generate` has nothing to write."""
    assert stale() == []


def test_a_rule_that_raises(monkeypatch):
    """It is reported by its name, and the others run on."""
    linter = Linter()

    def broken(config):
        """RUN999 broken: it raises."""
        raise KeyError("x")
        yield

    linter.rules_of("runtime-config").insert(0, ("RUN999", broken, ("config",)))
    found = linter.lint(json.dumps(document("runtime-config", {"process": {"cwd": "x"}})).encode(), "c")
    assert linter.failed
    assert [item.id for item in found if item.severity == "error"] == ["DOC999", "RUN212"]
    assert "rule RUN999 (broken) failed: KeyError: 'x'" in found[0].message


def test_limits():
    """Size, depth and number of findings have limits, each with a diagnostic."""
    settings = _settings()
    settings.max_size = 100
    assert [item.id for item in lint(b"[" + b"1," * 100 + b"1]", settings=settings)] == ["DOC401"]
    assert _ids(b'{"ociVersion": "1.0.2", "x": ' + b"[" * 200 + b"]" * 200 + b"}") == ["DOC402"]
    many = document("runtime-config", {"process": {"env": ["x"] * 1500}})
    found = _ids(json.dumps(many).encode())
    assert (len(found), found[-1]) == (1001, "DOC403")


def test_many_layers():
    """More than 127 layers are told."""
    config = document("image-config", {"rootfs": {"diff_ids": [f"sha256:{number:064x}" for number in range(128)]}})
    assert "SEC604" in _ids(json.dumps(config).encode())


def test_no_cascade():
    """A value with a finding of the schema has no second finding by a rule that reads it."""
    broken = document(
        "runtime-config",
        {"linux": {"namespaces": [{"type": "mont"}, {"type": "pid"}], "maskedPaths": 7}, "process": {"user": {"uid": "0"}}},
    )
    found = [(item.id, item.pointer) for item in lint(json.dumps(broken).encode()) if item.severity == "error"]
    assert found == [("RUN206", "/process/user/uid"), ("RUN401", "/linux/namespaces/0/type"), ("RUN705", "/linux/maskedPaths")]
