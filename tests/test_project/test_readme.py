"""What the README says of the house is true."""

from __future__ import annotations

import os
import tomllib


def test_map_is_the_contract(top: str) -> None:
    """The layers that the README shows are those of the contract, in its order."""
    with open(f"{top}/pyproject.toml", "rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = [layer.replace("(", "").replace(")", "") for layer in contracts[0]["layers"]]
    with open(f"{top}/README.md", encoding="utf-8") as file:
        shown = file.read()

    assert "".join(f"    {layer}\n" for layer in layers) in shown


def test_hot_rooms_are_held_to_be_quick(top: str) -> None:
    """Every room on the way from manifest to container stands in the contract against slow imports."""
    with open(f"{top}/pyproject.toml", "rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    hot = {"kernel", "document", "spec", "host", "state", "plan", "launcher", "container"}
    there = {f"contain.{name}" for name in hot if os.path.exists(f"{top}/contain/{name}/__init__.py")}

    assert there <= set(contracts[1]["source_modules"])
