"""The reStructuredText reader and docutils agree: titles, paragraphs, literal blocks and table cells of the documentation of
four Python packages, whose source archives come from PyPI by name and version.

Sphinx's directives and roles, which docutils does not know, are taught to it here; a difference that is none (labels of
footnotes, numbers of headings, white space) is taken out on both sides. Skipped without a network.
"""

import difflib
import faulthandler
import json
import os
import re
import subprocess
import sys
import tarfile
import unicodedata
from pathlib import Path

try:
    from docutils import nodes
    from docutils.core import publish_doctree
    from docutils.parsers.rst import Directive, directives, roles
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

PACKAGES = ("docutils==0.23", "flask==3.1.3", "jinja2==3.1.6", "sphinx==9.0.4")
MIN_DOCUMENTS, MIN_BLOCKS = 250, 12000
MIN_AGREEMENT = {"titles and paragraphs": 0.97, "both ways": 0.95, "literal blocks": 0.95, "table cells": 0.95}
READER = Path(os.environ["FAQSMITH_HELPERS"]) / "document_lines"
CORPUS = Path(os.environ["FAQSMITH_HELPERS"]).parent / "rst-corpus"

# Sphinx's directives: without text of their own, with content, with a label before their content.
SILENT = ("toctree", "literalinclude", "highlight", "currentmodule", "module", "py:module", "automodule", "autoclass", "autofunction", "autosummary",
          "autoexception", "automethod", "autodata", "autoattribute", "graphviz", "digraph", "inheritance-diagram", "tabularcolumns", "todo", "acks", "default-domain",
          "program", "index", "py:currentmodule", "testsetup")  # fmt: skip
CONTENT = ("only", "glossary", "hlist", "tabs", "tab-set", "centered", "rst:directive:option", "confval-like")
OBJECTS = ("function", "method", "attribute", "data", "exception", "decorator", "option", "cmdoption", "envvar", "confval", "describe", "object", "directive",
           "role", "event", "c:function", "cpp:class", "autofield", "var", "enum", "macro", "type", "struct", "union", "member", "concept", "alias", "property", "rst:directive", "rst:role")  # fmt: skip
VERSIONS = {"versionadded": "New in version", "versionchanged": "Changed in version", "versionremoved": "Removed in version", "deprecated": "Deprecated since version"}
ADMONITIONS = ("attention", "caution", "danger", "error", "hint", "important", "note", "tip", "warning")


class Anything(Directive):
    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = type("Any", (dict,), {"__getitem__": lambda self, key: lambda value: value, "__bool__": lambda self: True})()

    def body(self, node):
        self.state.nested_parse(self.content, self.content_offset, node, match_titles=True)
        return node

    def inline(self, text):
        return self.state.inline_text(text, self.lineno)[0]


class Silent(Anything):
    def run(self):
        return []


class Content(Anything):
    def run(self):
        if self.name == "centered":
            return [nodes.paragraph("", "", *self.inline(self.arguments[0]))]
        return self.body(nodes.Element()).children


class Code(Anything):
    def run(self):
        return [nodes.literal_block("", "\n".join(self.content))]


class Object(Anything):
    def run(self):
        signature = nodes.term("", self.arguments[0] if self.arguments else "")
        return [nodes.definition_list_item("", signature, self.body(nodes.definition()))]


class Version(Anything):
    def run(self):
        first, _, rest = (self.arguments or [""])[0].partition(" ")
        if "\n" in (self.arguments or [""])[0] and "\n" in first:
            first, _, rest = self.arguments[0].partition("\n")
        said = f"{VERSIONS[self.name]} {first}"
        out = nodes.admonition(label=said + ("." if not rest and not self.content else ":"))
        if rest:
            out += nodes.paragraph("", "", *self.inline(rest))
        return [self.body(out)]


class SeeAlso(Anything):
    def run(self):
        out = nodes.admonition(label="See also:")
        if self.arguments:  # its text may begin in its line
            out += nodes.paragraph("", "", *self.inline(self.arguments[0]))
        return [self.body(out)]


def any_role(name, rawtext, text, lineno, inliner, options=None, content=None):
    text = nodes.unescape(text)
    local = name.rsplit(":", 1)[-1]
    shown = re.fullmatch(r"(.+?)\s+<.*>", text, re.S)
    if shown:
        text = shown[1]
    elif local not in ("kbd", "math", "code"):
        text = text.removeprefix("!")
        text = text.rsplit(".", 1)[-1] if text.startswith("~") else text
    return [nodes.inline("", {"pep": "PEP ", "rfc": "RFC "}.get(local, "") + text)], []


def teach():
    for name in SILENT:
        directives.register_directive(name, Silent)
    for name in CONTENT:
        directives.register_directive(name, Content)
    for name in OBJECTS:
        directives.register_directive(name, Object)
        directives.register_directive("py:" + name, Object)
    directives.register_directive("py:class", Object)
    for name in VERSIONS:
        directives.register_directive(name, Version)
    for name in ("code-block", "sourcecode", "code", "doctest", "testcode", "productionlist"):
        directives.register_directive(name, Code)
    directives.register_directive("seealso", SeeAlso)
    directives.directive = (lambda known: lambda name, *rest: (Silent, []) if name in SILENT else known(name, *rest))(directives.directive)
    own = roles.role

    def lookup(name, *rest):
        if name in ("ref", "doc", "numref") or ":" in name:
            return any_role, []
        found = own(name, *rest)
        return found if found[0] else (any_role, [])

    roles.role = lookup
    for name in ("pep", "rfc", "pep-reference", "rfc-reference"):
        roles._roles[name] = any_role


def words(text):
    """As both sides show it: without what cannot be seen, one space between words."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc") or c in "\n\t")
    text = re.sub(r"\[[^\]\s]*\]", "[]", text)  # footnotes' labels
    text = re.sub(r"^-+ ?(?=\w)", "", text)  # who said it
    return " ".join(text.split())


def title_words(text):
    return re.sub(r"^(\(?[0-9]+(\.[0-9]+)*[.)]?|\(?[A-Za-z][.)]|\(?[ivxIVX]+[.)]) +", "", words(text))


class Blocks:
    """What docutils' tree says, in the reader's words."""

    def __init__(self):
        self.texts, self.literals, self.cells, self.prefix = [], [], [], ""

    def text(self, node):
        if isinstance(node, nodes.Text):
            return node.astext()
        if isinstance(node, (nodes.footnote_reference, nodes.citation_reference)):
            return "[]"
        if isinstance(node, (nodes.image, nodes.raw, nodes.system_message)):
            return ""
        return "".join(map(self.text, node.children))

    def add(self, text, kind=words, joins=False):
        if self.prefix and not joins:
            prefix, self.prefix = self.prefix, ""
            self.add(prefix)
        text = kind(self.prefix + text)
        self.prefix = ""
        if any(c.isalnum() for c in text):
            self.texts.append(text)

    def walk(self, node):
        if isinstance(node, (nodes.comment, nodes.system_message, nodes.substitution_definition, nodes.target, nodes.raw, nodes.pending, nodes.meta, nodes.image, nodes.decoration)):
            return
        if isinstance(node, nodes.topic) and "contents" in node["classes"]:
            return
        if isinstance(node, (nodes.literal_block, nodes.doctest_block, nodes.math_block)):
            self.add("")
            self.literals.append(words(self.text(node)))
        elif isinstance(node, nodes.table):
            self.cells += [words(self.text(part)) for entry in node.findall(nodes.entry) for part in entry.children if isinstance(part, nodes.paragraph)]
            self.texts += [words(self.text(part)) for part in node.children if isinstance(part, nodes.title)]
        elif isinstance(node, (nodes.title, nodes.rubric)):
            self.add(self.text(node), title_words)
        elif isinstance(node, (nodes.paragraph, nodes.caption, nodes.attribution)):
            self.add(self.text(node), joins=True)
        elif isinstance(node, nodes.line_block):
            self.add(" ".join(self.text(line) for line in node.findall(nodes.line)), joins=True)
        elif isinstance(node, nodes.definition_list_item):
            terms = [self.text(part) for part in node.children if isinstance(part, (nodes.term, nodes.classifier))]
            self.add(" : ".join(terms))
            for part in node.children:
                if isinstance(part, nodes.definition):
                    self.walk(part)
        elif isinstance(node, nodes.option_list_item):
            self.add(", ".join(option.astext() for option in node.findall(nodes.option)))
            self.walk(node.children[1])
        else:
            self.walk_body(node)

    def walk_body(self, node):
        if isinstance(node, nodes.field):
            self.prefix = self.text(node.children[0]) + ": "
            if self.prefix in ("tocdepth: ", "orphan: ", "nosearch: "):  # settings of Sphinx
                return
            node = node.children[1]
        elif isinstance(node, (nodes.footnote, nodes.citation)):
            self.prefix = "[] "
        elif type(node).__name__ in ADMONITIONS:
            self.prefix = type(node).__name__.capitalize() + ": "
        elif isinstance(node, nodes.admonition) and "label" in node:
            self.prefix = node["label"] + " "
            if not node.children:
                self.add("", joins=True)
        for child in node.children:
            if not isinstance(child, nodes.label):
                self.walk(child)
        self.prefix = ""


def fetch():
    CORPUS.mkdir(exist_ok=True)
    for package in PACKAGES:
        name, version = package.split("==")
        if not (CORPUS / f"{name}-{version}.tar.gz").exists():
            command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:", "-d", CORPUS, package]
            if subprocess.run(command, check=False).returncode != 0:
                print(f"skipped: {package} cannot be fetched from PyPI (no network?)")
                sys.exit(77)
    paths = []
    for package in PACKAGES:
        name, version = package.split("==")
        with tarfile.open(CORPUS / f"{name}-{version}.tar.gz") as archive:
            members = [m for m in archive.getmembers() if m.isfile() and re.search(r"/docs?/.*\.rst$", m.name)]
            archive.extractall(CORPUS, members, filter="data")
            paths += [CORPUS / m.name for m in members]
    return sorted(paths)


def docutils_blocks(path):
    settings = {"report_level": 5, "halt_level": 5, "file_insertion_enabled": False, "raw_enabled": True, "doctitle_xform": False, "docinfo_xform": False,
                "input_encoding": "utf-8", "_disable_config": True, "embed_stylesheet": False, "warning_stream": False}  # fmt: skip
    blocks = Blocks()
    for node in publish_doctree(path.read_text(encoding="utf8"), settings_overrides=settings).children:
        blocks.walk(node)
    return blocks


def common(ours, theirs):
    matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks())


def compare(paths, show):
    listing = "".join(f"{path}\n" for path in paths)
    answers = subprocess.run([READER], input=listing, capture_output=True, text=True, check=True).stdout.splitlines()
    sums = {name: [0, 0] for name in MIN_AGREEMENT}
    for path, answer in zip(paths, map(json.loads, answers), strict=True):
        theirs = docutils_blocks(path)
        if "error" in answer:
            assert not theirs.texts, (path, answer, theirs.texts)
            continue
        assert answer["format"] == "rst", answer
        ours = [(title_words if b["kind"] in ("heading", "question") else words)(b["text"]) for b in answer["blocks"] if b["kind"] not in ("code", "table")]
        equal = common(ours, theirs.texts)
        code = [words(b["text"]) for b in answer["blocks"] if b["kind"] == "code"]
        tables = words("\n".join(b["text"] for b in answer["blocks"] if b["kind"] == "table")).replace("/", "|")
        loose = tables + " " + " ".join(ours).replace("/", "|")  # a table that only lays out a page is dissolved
        cells = [cell for cell in theirs.cells if any(c.isalnum() for c in cell)]
        for name, good, all_ in (("titles and paragraphs", equal, len(theirs.texts)), ("both ways", 2 * equal, len(ours) + len(theirs.texts)),
                                 ("literal blocks", common(code, theirs.literals), len(theirs.literals)),
                                 ("table cells", sum(cell.replace("/", "|") in loose for cell in cells), len(cells))):  # fmt: skip
            sums[name][0] += good
            sums[name][1] += all_
        if show and equal < max(len(ours), len(theirs.texts)):
            print(f"== {path.relative_to(CORPUS)}: {equal} of {len(theirs.texts)}")
            print("\n".join(line for line in difflib.unified_diff(theirs.texts, ours, "docutils", "faqsmith", n=0, lineterm="") if line[0] in "+-"))
    return sums


def main():
    faulthandler.dump_traceback_later(500, exit=True)  # docutils can loop on a directive taught wrongly
    paths = fetch()
    teach()
    sums = compare(paths, "--show" in sys.argv)
    print(f"{len(paths)} documents of {', '.join(PACKAGES)}")
    for name, (good, all_) in sums.items():
        print(f"{name}: {good} of {all_} equal ({100 * good / all_:.2f}%)")
        assert good >= MIN_AGREEMENT[name] * all_, name
    assert len(paths) >= MIN_DOCUMENTS and sums["titles and paragraphs"][1] >= MIN_BLOCKS, "the corpus has shrunk"


if __name__ == "__main__":
    main()
