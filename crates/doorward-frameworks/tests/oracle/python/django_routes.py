"""Asks Django what the fixtures serve.

Reads a JSON list of folders from standard input, each with a `manage.py`, or with folders that have one. Prints, for
each, its routes as `METHOD /template`, and the status that a stranger gets from each. Every project is started in a
process of its own, because Django has one set of settings per process.
"""

import contextlib
import inspect
import io
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete", "trace")
SAMPLES = {
    "int": "1",
    "uuid": "8f0a5d5e-8d2e-4f5b-9c55-0d4d6f0c1f11",
    "path": "a/b",
    "drf_format_suffix": ".json",
}


def named(regex: str) -> tuple[str, str]:
    """The template of a regular expression, and a text that it takes: written for the forms the fixtures use."""
    template, sample = [], []
    at = 0
    text = regex.removeprefix("^").removesuffix("$")
    while at < len(text):
        if text.startswith("(?P<", at):
            end, level = at + 1, 1
            while level:
                if text[end] == "\\":
                    end += 1
                level += {"(": 1, ")": -1}.get(text[end], 0)
                end += 1
            name, inside = re.fullmatch(r"\(\?P<(\w+)>(.*)\)", text[at:end]).groups()  # type: ignore[union-attr]
            template.append("{" + ("*" if inside in (".*", ".+") else "") + name + "}")
            options = ("json",) if name == "format" else ("1", "abc", "2024", "12", "a-b", "v1", "0123456789ab")
            sample.append(next(it for it in options if re.fullmatch(inside, it)))
            at = end
        elif text.startswith("/?", at):
            template.append("/")
            sample.append("/")
            at += 2
        elif text[at] == "\\":
            template.append(text[at + 1])
            sample.append(text[at + 1])
            at += 2
        else:
            template.append(text[at])
            sample.append(text[at])
            at += 1
    if not regex.endswith("$"):
        template.append("{*rest}")
        sample.append("anything")
    return "".join(template), "".join(sample)


def one(pattern: Any, endpoint: bool) -> tuple[str, str]:
    """The template and a sample of one pattern."""
    from django.urls.resolvers import LocalePrefixPattern, RegexPattern

    if isinstance(pattern, LocalePrefixPattern):
        return ("{language}/", str(pattern)) if pattern.language_prefix else ("", "")
    if isinstance(pattern, RegexPattern):
        text = str(pattern)
        if not endpoint and not text.endswith("$"):
            template, sample = named(text + "$")
            return template, sample
        return named(text)

    def hole(match: re.Match[str]) -> str:
        kind, _, name = match.group(1).rpartition(":")
        if kind.startswith("drf_format_suffix"):
            return ".{" + name + "}"
        converter = pattern.converters[name]
        return "{" + ("*" if re.fullmatch(converter.regex, "a/b") else "") + name + "}"

    def fill(match: re.Match[str]) -> str:
        kind, _, name = match.group(1).rpartition(":")
        converter = pattern.converters[name]
        options = (SAMPLES.get(kind.split("_json")[0], "abc"), "abc", "1", "2024", "A-1", "abcdef01")
        return next(it for it in options if re.fullmatch(converter.regex, it))

    route = str(pattern)
    return re.sub(r"<([^>]+)>", hole, route), re.sub(r"<([^>]+)>", fill, route)


def around(callback: Any) -> list[Any]:
    """A view and what it wraps, outermost first."""
    all = [callback]
    while hasattr(all[-1], "__wrapped__"):
        all.append(all[-1].__wrapped__)
    return all


def methods(callback: Any) -> list[str]:
    """The methods a view answers, without those that Django answers for it."""
    allowed: set[str] | None = None
    for view in around(callback):
        if inspect.isfunction(view):
            given = inspect.getclosurevars(view).nonlocals.get("request_method_list")
            if given is not None:
                allowed = {it.lower() for it in given} & (allowed or {it.lower() for it in given})
    found: list[str] | None = None
    for view in around(callback):
        if getattr(view, "actions", None):
            found = [it for it in METHODS if it in view.actions]
        else:
            kind = getattr(view, "view_class", None) or getattr(view, "cls", None)
            if kind is not None:
                options = getattr(view, "view_initkwargs", None) or getattr(view, "initkwargs", None) or {}
                names = options.get("http_method_names", kind.http_method_names)
                found = [it for it in METHODS if hasattr(kind, it) and it in names]
        if found is not None:
            break
    if found is None:
        return ["ALL"] if allowed is None else [it.upper() for it in METHODS if it in allowed]
    return [it.upper() for it in found if allowed is None or it in allowed]


def ask(folder: Path) -> dict[str, int]:
    """Starts the project in `folder` and asks every route of it."""
    sys.path.insert(0, str(folder))
    os.chdir(folder)
    # It says by itself which settings it means.
    sys.argv = ["manage.py", "version"]
    with contextlib.redirect_stdout(io.StringIO()):
        runpy.run_path("manage.py", run_name="__main__")
    import django

    django.setup()
    from django.conf import settings
    from django.shortcuts import resolve_url
    from django.test import Client
    from django.urls import get_resolver
    from django.urls.resolvers import URLResolver

    settings.ALLOWED_HOSTS = ["*"]
    client = Client(raise_request_exception=False)
    pages = {resolve_url(settings.LOGIN_URL)}
    found: dict[str, int] = {}
    admins: list[str] = []

    def status(method: str, path: str) -> int:
        answer = client.generic("GET" if method == "ALL" else method, path)
        if answer.status_code in (301, 302):
            target = answer["Location"].split("?")[0]
            refused = target in pages or any(target == f"{it}login/" for it in admins)
            return 401 if refused else 200
        return answer.status_code

    def note(method: str, template: str, sample: str) -> None:
        template = "/" + re.sub(r"/+", "/", template).strip("/")
        found.setdefault(f"{method} {template}", status(method, sample))

    def walk(resolver: Any, template: str, sample: str) -> None:
        for pattern in resolver.url_patterns:
            is_resolver = isinstance(pattern, URLResolver)
            more, part = one(pattern.pattern, not is_resolver)
            whole, path = template + more, sample + part
            if not is_resolver:
                for method in methods(pattern.callback):
                    note(method, whole, path)
            elif pattern.app_name == "admin":
                admins.append(path)
                note("ALL", whole + "login/", path + "login/")
                note("ALL", whole + "{*path}", path)
            else:
                walk(pattern, whole, path)

    walk(get_resolver(), "/", "/")
    return found


def start(folder: Path) -> dict[str, int]:
    """Asks in processes of their own."""
    all: dict[str, int] = {}
    for project in sorted(it.parent for it in folder.rglob("manage.py")):
        done = subprocess.run([sys.executable, __file__, str(project)], capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{project}: {done.stderr}")
        all.update(json.loads(done.stdout))
    return all


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(ask(Path(sys.argv[1]))))
    else:
        print(json.dumps({folder: start(Path(folder)) for folder in json.load(sys.stdin)}))
