"""Asks FastAPI what the fixtures serve.

Reads a JSON list of folders from standard input, each with a `main.py` that has an `app`. Prints, for each, its routes
as `METHOD /template`, and the status that a stranger gets from each. With `--forged` as its argument, the status is that
of somebody whose credentials mean nothing. With `--openapi`, prints the document that each application makes of itself.
"""

import importlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, Iterator

from fastapi.routing import iter_route_contexts
from starlette.routing import Mount
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

FORGED = "forged" if "--forged" in sys.argv else ""
HEADERS = {"authorization": "Bearer forged.forged.forged", "x-api-key": "forged", "x-token": "forged"} if FORGED else {}
COOKIES = {"session": "forged", "token": "forged", "access_token": "forged"} if FORGED else {}


def load(folder: Path) -> Any:
    """The `app` of `main.py`, with nothing left of the fixture before it."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or str(list(getattr(module, "__path__", [""]))[:1])
        if "/fixtures/" in file:
            del sys.modules[name]
    sys.path.insert(0, str(folder))
    # Static files are found from the folder of the application.
    os.chdir(folder)
    importlib.invalidate_caches()
    try:
        return importlib.import_module("main").app
    finally:
        sys.path.remove(str(folder))


def template(path: str) -> str:
    """`/users/{id:int}` as `/users/{id}`; a path takes any number of segments."""

    def hole(match: re.Match[str]) -> str:
        name, _, convertor = match.group(1).partition(":")
        return "{" + ("*" if convertor == "path" else "") + name + "}"

    return re.sub(r"{([^}]+)}", hole, path).rstrip("/") or "/"


def routes(app: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    for context in iter_route_contexts(app.routes):
        path = prefix + context.path
        if isinstance(context.route, Mount):
            if getattr(context.route, "routes", None):
                yield from routes(context.route, path.rstrip("/"))
            continue
        if not hasattr(context.route, "methods"):
            yield "WEBSOCKET", path
            continue
        methods = set(context.methods or ())
        # A class of endpoints answers what it has functions for.
        if not methods and isinstance(context.endpoint, type):
            verbs = ("get", "post", "put", "patch", "delete", "options", "head", "trace")
            methods = {verb.upper() for verb in verbs if hasattr(context.endpoint, verb)}
        for method in methods:
            if not (method == "HEAD" and "GET" in methods):
                yield method, path


def answered(app: Any) -> Iterator[tuple[str, str]]:
    """What a fixture says that its middleware answers; no table of routes has it."""
    module = sys.modules["main"]
    return iter(getattr(module, "ANSWERED", []) if module.app is app else [])


def status(client: TestClient, method: str, path: str) -> int:
    method = "GET" if method == "ALL" else method
    path = re.sub(r"{[^}]+}", "1", path) + ("?token=forged&api_key=forged" if FORGED else "")
    if method == "WEBSOCKET":
        try:
            with client.websocket_connect(path):
                return 200
        except WebSocketDisconnect:
            return 403
    return client.request(method, path, follow_redirects=False).status_code


def ask(folder: Path) -> dict[str, int]:
    app = load(folder)
    # Some routes are only there once the application has started.
    with TestClient(app, raise_server_exceptions=False, headers=HEADERS, cookies=COOKIES) as client:
        served = {f"{method} {template(path)}": status(client, method, path) for method, path in routes(app)}
        for method, path in answered(app):
            if (code := status(client, method, path)) != 404:
                served[f"{method} {path}"] = code
        return served


if __name__ == "__main__":
    if "--openapi" in sys.argv:
        answer: Any = lambda folder: load(folder).openapi()
    else:
        answer = ask
    print(json.dumps({folder: answer(Path(folder)) for folder in json.load(sys.stdin)}))
