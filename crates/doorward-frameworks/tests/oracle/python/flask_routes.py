"""Asks Flask what the fixtures serve.

Reads a JSON list of folders from standard input, each with a `main.py` that has an `app`. Prints, for each, its routes
as `METHOD /template`, and the status that a stranger gets from each.
"""

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

AUTOMATIC = {"HEAD", "OPTIONS"}
SAMPLES = {"int": "1", "float": "1.5", "uuid": "8f0a5d5e-8d2e-4f5b-9c55-0d4d6f0c1f11"}


def load(folder: Path) -> Any:
    """The `app` of `main.py`, with nothing left of the fixture before it."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if "/fixtures/" in file:
            del sys.modules[name]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        return importlib.import_module("main").app
    finally:
        sys.path.remove(str(folder))


def template(rule: str) -> str:
    """`/users/<int:id>` as `/users/{id}`; a path takes any number of segments."""

    def hole(match: re.Match[str]) -> str:
        converter, _, name = match.group(1).rpartition(":")
        star = "*" if converter.split("(")[0] == "path" else ""
        return "{" + star + name + "}"

    return re.sub(r"<([^>]+)>", hole, rule).rstrip("/") or "/"


def sample(rule: str) -> str:
    """A path that the rule takes."""

    def fill(match: re.Match[str]) -> str:
        return SAMPLES.get(match.group(1).rpartition(":")[0].split("(")[0], "abc")

    return re.sub(r"<([^>]+)>", fill, rule)


def ask(folder: Path) -> dict[str, int]:
    app = load(folder)
    client = app.test_client()
    found: dict[str, int] = {}
    for rule in app.url_map.iter_rules():
        methods = set(rule.methods or ()) - AUTOMATIC or set(rule.methods or ())
        for method in methods:
            status = client.open(sample(rule.rule), method=method).status_code
            found[f"{method} {template(rule.rule)}"] = status
    return found


if __name__ == "__main__":
    print(json.dumps({folder: ask(Path(folder)) for folder in json.load(sys.stdin)}))
