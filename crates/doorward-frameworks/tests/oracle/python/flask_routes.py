"""Asks Flask what the fixtures serve.

Reads a JSON list of folders from standard input, each with a `main.py` that has an `app`. Prints, for each, its routes
as `METHOD /template`, and the status that a stranger gets from each. With `--forged` as its argument, the status is that
of somebody whose credentials mean nothing. With `--shapes`, prints the converters of each rule, with some of the texts
that they take, and the document of flask-restx if there is one.
"""

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

AUTOMATIC = {"HEAD", "OPTIONS"}
HEADERS = {"Authorization": "Bearer forged.forged.forged", "X-Api-Key": "forged"} if "--forged" in sys.argv else {}
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
    # An error of the application is an answer like others.
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client = app.test_client()
    for name in ("session", "token", "access_token") if HEADERS else ():
        client.set_cookie(name, "forged")
    found: dict[str, int] = {}
    for rule in app.url_map.iter_rules():
        methods = set(rule.methods or ()) - AUTOMATIC or set(rule.methods or ())
        for method in methods:
            status = client.open(sample(rule.rule), method=method, headers=HEADERS).status_code
            found[f"{method} {template(rule.rule)}"] = status
    return found


TEXTS = ["0", "1", "9", "10", "-1", "1.5", "-1.5", "ab", "abc", "red", "green", "a/b", SAMPLES["uuid"]]


def shapes(folder: Path) -> dict[str, Any]:
    """For each hole of each rule, which texts its converter takes."""
    app = load(folder)
    holes: dict[str, dict[str, list[str]]] = {}
    for rule in app.url_map.iter_rules():
        for name, converter in rule._converters.items():
            def takes(text: str) -> bool:
                try:
                    return bool(re.fullmatch(converter.regex, text)) and converter.to_python(text) is not None
                except ValueError:
                    return False

            holes.setdefault(template(rule.rule), {})[name] = [text for text in TEXTS if takes(text)]
    answer = app.test_client().get("/swagger.json")
    return {"holes": holes, "document": answer.json if answer.status_code == 200 else None}


if __name__ == "__main__":
    answer = shapes if "--shapes" in sys.argv else ask
    print(json.dumps({folder: answer(Path(folder)) for folder in json.load(sys.stdin)}))
