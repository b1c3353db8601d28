"""House rules of the templates, scripts and styles: what the Content-Security-Policy and the frame rely on."""

import hashlib
import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
STATIC = ROOT / "static"
TEMPLATES = sorted(
    found
    for found in ROOT.rglob("*.html")
    if not {".venv", ".stratum", "node_modules", "tests"} & set(found.relative_to(ROOT).parts)
)
# The staff admin has its own, looser policy; e-mails are no pages: mail programs know only styles in the elements.
NO_PAGES = {"admin", "emails", "unfold"}
PAGES = [found for found in TEMPLATES if not NO_PAGES & set(found.relative_to(ROOT).parts)]

RULES = {
    "inline style": re.compile(r"\sstyle\s*=", re.I),
    "style element": re.compile(r"<style\b", re.I),
    "inline handler": re.compile(r"<[^>]*\son[a-z]+\s*=", re.I),
    "hx-on": re.compile(r"\shx-on[:-]", re.I),
    "inline script": re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", re.I),
    "javascript: address": re.compile(r"javascript:", re.I),
    "file of another host": re.compile(
        r"""<(?:script|link|img|source|iframe)\b[^>]*(?:src|href)\s*=\s*["'](?:https?:)?//""", re.I
    ),
    "Bootstrap's script is not loaded": re.compile(r"data-bs-(?:toggle|dismiss|target)", re.I),
    "escaping switched off": re.compile(r"\{%\s*autoescape\s+off"),
}  # fmt: skip

SAMPLES = {
    "inline style": '<div style="color: red">',
    "style element": "<style>",
    "inline handler": '<a href="#" onclick="x()">',
    "hx-on": '<button hx-on:click="x()">',
    "inline script": "<script>x()</script>",
    "javascript: address": '<a href="javascript:x()">',
    "file of another host": '<script src="https://cdn.example/x.js">',
    "Bootstrap's script is not loaded": '<button data-bs-toggle="dropdown">',
    "escaping switched off": "{% autoescape off %}",
}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_catches_its_sample(rule):
    assert RULES[rule].search(SAMPLES[rule])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_templates_keep_the_rules(page):
    # Comments may speak of what is not allowed.
    text = re.sub(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}", "", page.read_text("utf-8"), flags=re.S)
    assert not {rule: found.group() for rule, pattern in RULES.items() if (found := pattern.search(text))}


def test_there_are_templates_to_check():
    assert ROOT / "templates" / "base.html" in PAGES


@pytest.mark.parametrize("path", sorted((STATIC / "js").glob("*.js")), ids=lambda path: path.name)
def test_scripts_put_no_text_in_as_markup(path):
    code = path.read_text("utf-8")
    assert not re.search(r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval)\b|new Function", code)


def test_vendor_files_are_what_the_list_says():
    listed = dict(
        re.findall(r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", (STATIC / "vendor" / "VENDOR.md").read_text("utf-8"), re.M)
    )
    found = {
        str(path.relative_to(STATIC / "vendor")): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (STATIC / "vendor").rglob("*")
        if path.suffix in {".css", ".js", ".woff2"}
    }
    assert found == listed


def test_no_static_file_points_to_a_map_that_is_not_shipped():
    texts = [path for path in STATIC.rglob("*") if path.suffix in {".css", ".js"}]
    assert texts
    assert not [path.name for path in texts if b"sourceMappingURL" in path.read_bytes()]


def test_styles_use_logical_sides():
    """A physical side would stay put where the page runs from right to left."""
    physical = re.compile(r"(?:^|[\s;{])(?:margin|padding|border)-(?:left|right)\b|(?:^|[\s;{])(?:left|right):", re.M)
    for path in sorted((STATIC / "css").glob("*.css")):
        assert not physical.search(path.read_text("utf-8")), path.name
    assert physical.search("a { margin-left: 1px }")
