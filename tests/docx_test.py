"""Word files: what the PyPI package python-docx writes is read block by block, and archives that are made to hurt their reader
are refused with the reason, quickly and in little memory (hazards: sizes, names, links, document types)."""

import io
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

try:
    import docx
    from docx.enum.text import WD_BREAK
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

READER = Path(os.environ["FAQSMITH_HELPERS"]) / "document_lines"
FAQSMITH = os.environ["FAQSMITH"]
MIN_CLASSES = 25
MAX_SECONDS, MAX_GROWTH = 2.0, 64 << 20


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


def read(*paths):
    listing = "".join(f"{path}\n" for path in paths)
    out = subprocess.run([READER], input=listing, capture_output=True, text=True, check=True, preexec_fn=limit_memory, timeout=60)
    return [json.loads(line) for line in out.stdout.splitlines()]


def element(name, **attributes):
    out = OxmlElement(name)
    for key, value in attributes.items():
        out.set(qn("w:" + key), value)
    return out


def write_manual(path):
    """Every kind of block that python-docx knows, and by hand what it does not."""
    document = docx.Document()
    document.core_properties.title = "Core title"
    document.sections[0].header.paragraphs[0].text = "Company header"
    document.sections[0].footer.paragraphs[0].text = "Page 1"
    document.add_heading("The pump", 0)
    document.add_heading("1. First steps", 1)
    paragraph = document.add_paragraph("Open the box ")
    paragraph.add_run("with care").bold = True
    paragraph.add_run(" and").add_break(WD_BREAK.PAGE)
    paragraph.add_run("look.")
    document.add_paragraph("knife", style="List Bullet")
    document.add_paragraph("hand", style="List Number")
    document.add_paragraph("below", style="List Bullet 2")
    document.add_heading("Does it run dry?", 2)
    document.add_paragraph("No, never.")
    bold = document.add_paragraph()
    bold.add_run("Is it loud?").bold = True
    document.add_paragraph("A little.", style="Quote")
    table = document.add_table(rows=3, cols=2, style="Light Grid Accent 1")
    for row, values in zip(table.rows, (("Model", "Weight"), ("P1", "3 kg"), ("P2", "4 | 5 kg")), strict=True):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = value
    hidden = document.add_paragraph("Seen").add_run(" unseen")
    hidden.font.hidden = True
    tracked = document.add_paragraph("kept")
    deletion, run, text = element("w:del", id="1"), element("w:r"), element("w:delText")
    text.text = " deleted"
    run.append(text)
    deletion.append(run)
    tracked._p.append(deletion)
    document.add_paragraph("tab\tstop and naïve 漢字 – “quoted”")
    document.save(path)


MANUAL = [("heading", 1, "The pump"), ("heading", 1, "First steps"), ("paragraph", 0, "Open the box with care and\nlook."), ("item", 1, "knife"), ("item", 1, "hand"),
          ("item", 1, "below"), ("heading", 2, "Does it run dry?"), ("paragraph", 0, "No, never."), ("heading", 7, "Is it loud?"), ("paragraph", 0, "A little."),
          ("table", 0, "Model | Weight\nP1 | 3 kg\nP2 | 4 / 5 kg"), ("paragraph", 0, "Seen"), ("paragraph", 0, "kept"),
          ("paragraph", 0, "tab stop and naïve 漢字 – “quoted”")]  # fmt: skip

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
BODY = f"<w:document {WORD}><w:body>{{}}</w:body></w:document>"
TEXT = "<w:p><w:r><w:t>text</w:t></w:r></w:p>"
RELATION = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="a" Type="http://x/{}" Target="{}"/></Relationships>'


def archive(entries, method=zipfile.ZIP_DEFLATED):
    """entries: (name or ZipInfo, bytes)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in entries:
            file.writestr(name, data)
    return out.getvalue()


def plain(*more, body=BODY.format(TEXT)):
    return archive([("word/document.xml", body), *more])


def info(name, mode=0o100644):
    out = zipfile.ZipInfo(name)
    out.create_system = 3
    out.external_attr = mode << 16
    out.compress_type = zipfile.ZIP_DEFLATED
    return out


def patched(data, signature, offset, value):
    """Every record of that signature gets value at offset."""
    out = bytearray(data)
    at = out.find(signature)
    assert at >= 0
    while at >= 0:
        out[at + offset : at + offset + len(value)] = value
        at = out.find(signature, at + 4)
    return bytes(out)


LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"


def note_part(xml):
    return ("word/_rels/document.xml.rels", RELATION.format("footnotes", "footnotes.xml")), ("word/footnotes.xml", xml)


def broken():
    """class → (bytes, words of its message)."""
    whole = plain()
    stored = archive([("word/document.xml", BODY.format(TEXT))], zipfile.ZIP_STORED)
    bomb = b"<!--" + b"x" * (20 << 20) + b"-->"
    two = archive([("word/document.xml", BODY.format(TEXT)), ("aaaaaaaaaaaaaaaaa", "x")], zipfile.ZIP_STORED)
    return {
        "empty file": (b"", "without a document"),
        "text instead of a zip": (b"hello", "no whole zip archive"),
        "old or encrypted Word file": (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "protected by a password, or of the kind before 2007"),
        "no document in it": (archive([("a.txt", "x")]), "without a document"),
        "cut in its directory": (whole[:-30], "no whole zip archive"),
        "cut in its text": (whole[: len(whole) // 3], "no whole zip archive"),
        "its end alone": (whole[-22:], "no whole zip archive"),
        "directory points past the end": (patched(whole, END, 16, b"\xff\xff\xff\x7f"), "no whole zip archive"),
        "more entries announced than there are": (patched(patched(whole, END, 8, b"\x09\x00"), END, 10, b"\x09\x00"), "no whole zip archive"),
        "100,000 entries": (plain(*((f"e{i}", "") for i in range(100_000))), "entries, more than 10000"),
        "a part inflates a thousand times": (plain(("word/media/x.bin", bytes(20 << 20))), "inflates more than 100 times"),
        "the document itself inflates a thousand times": (plain(body=bomb + BODY.format(TEXT).encode()), "inflates more than 100 times"),
        "many small bombs": (plain(*((f"word/{i}", bytes(1 << 20)) for i in range(40))), "inflates more than 100 times"),
        "an entry of 300 MiB": (patched(stored, CENTRAL, 24, (300 << 20).to_bytes(4, "little")), "no whole zip archive"),
        "announced size is too small": (patched(patched(whole, CENTRAL, 24, b"\x05\0\0\0"), LOCAL, 22, b"\x05\0\0\0"), "is damaged"),
        "checksum is wrong": (patched(patched(stored, CENTRAL, 16, b"\1\2\3\4"), LOCAL, 14, b"\1\2\3\4"), "is damaged"),
        "compressed bytes are wrong": (patched(whole, LOCAL, 60, b"\xff\xff\xff\xff"), "is damaged"),
        "name leads upwards": (plain(("../../etc/cron.d/x", "x")), "has a name that leads out of it"),
        "name leads upwards in its middle": (plain(("word/../../x", "x")), "has a name that leads out of it"),
        "absolute name": (plain(("/etc/passwd", "x")), "has a name that leads out of it"),
        "name with backslashes": (plain((info("a").__class__("x"), "x"), ("word\\..\\x", "x")), "has a name that leads out of it"),
        "name with a drive": (plain(("C:/x", "x")), "has a name that leads out of it"),
        "symbolic link": (plain((info("word/link", 0o120777), "/etc/passwd")), "is a link"),
        "the same name twice": (two.replace(b"aaaaaaaaaaaaaaaaa", b"word/document.xml"), "File already exists"),
        "password of zip": (patched(patched(whole, CENTRAL, 8, b"\1\0"), LOCAL, 6, b"\1\0"), "protected by a password"),
        "other compression": (archive([("word/document.xml", BODY.format(TEXT))], zipfile.ZIP_BZIP2), "compressed in a way that Word does not use"),
        "document type": (plain(body="<!DOCTYPE x>" + BODY.format(TEXT)), "declares a document type"),
        "entities that grow": (plain(body='<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + BODY.format("&b;")), "declares a document type"),
        "external entity": (plain(body='<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + BODY.format("&a;")), "declares a document type"),
        "document type in the footnotes": (plain(*note_part(f"<!DOCTYPE x><w:footnotes {WORD}/>")), "declares a document type"),
        "undefined entity": (plain(body=BODY.format("&a;")), "no well-formed XML"),
        "markup cut": (plain(body=BODY.format(TEXT)[:-20]), "no well-formed XML"),
        "markup is binary": (plain(body=b"\xff\xfe\x00\x01"), "no well-formed XML"),
        "10,000 nested elements": (plain(body=BODY.format("<w:ins>" * 10_000 + "</w:ins>" * 10_000)), "nested more than 256 deep"),
        "broken styles": (plain(("word/_rels/document.xml.rels", RELATION.format("styles", "styles.xml")), ("word/styles.xml", "<a")), "no well-formed XML"),
        "broken relations": (plain(("_rels/.rels", "<Relationships")), "no well-formed XML"),
        "document is elsewhere": (plain(("_rels/.rels", RELATION.format("officeDocument", "../../../etc/passwd"))), "without a document"),
        "nothing but pictures": (plain(body=BODY.format("<w:p/>")), "holds no text"),
    }  # fmt: skip


def check_broken(folder):
    classes, wrong = broken(), []
    for number, (name, (data, words)) in enumerate(classes.items()):
        path = folder / f"{number}.docx"
        path.write_bytes(data)
        begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        answer = read(path)[0]
        seconds = time.monotonic() - begin
        growth = (resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss - max(before, BASELINE)) * 1024
        if words not in answer.get("error", "accepted") or not answer.get("hint"):
            wrong.append((name, answer))
        assert seconds < MAX_SECONDS, (name, seconds)
        assert growth < MAX_GROWTH, (name, growth)
    assert not wrong, "\n".join(map(str, wrong))
    assert len(classes) >= MIN_CLASSES
    return len(classes)


def check_notes(folder):
    path = folder / "notes.docx"
    reference = '<w:p><w:r><w:t>See</w:t><w:footnoteReference w:id="2"/><w:t>.</w:t></w:r></w:p>'
    notes = f'<w:footnotes {WORD}><w:footnote w:type="separator" w:id="0"><w:p/></w:footnote><w:footnote w:id="2">{TEXT}</w:footnote></w:footnotes>'
    path.write_bytes(plain(*note_part(notes), body=BODY.format(reference + TEXT)))
    assert [b["text"] for b in read(path)[0]["blocks"]] == ["See[1].", "[1] text", "text"]


def check_collect(folder):
    """Through the binary: questions in headings are harvested from both formats, a broken file is named and the rest goes on."""
    docs, bot = folder / "docs", folder / "bot"
    docs.mkdir()
    write_manual(docs / "manual.docx")
    (docs / "guide.rst").write_text("Guide\n=====\n\nHow long is it?\n---------------\n\nIt is *four* metres long.\n\n.. include:: /etc/passwd\n")
    (docs / "broken.docx").write_bytes(b"PK")
    done = subprocess.run([FAQSMITH, "collect", docs, "-w", bot], capture_output=True, text=True, check=False, timeout=60)
    said = done.stdout + done.stderr
    assert "broken.docx" in said and "no whole zip archive" in said, said
    rows = dict(sqlite3.connect(bot / "faqsmith.db").execute("SELECT path, format || ' ' || state FROM sources"))
    assert sorted(rows.values()) == ["docx ok", "docx rejected", "rst ok"], rows
    text = " ".join(str(row) for row in sqlite3.connect(bot / "faqsmith.db").execute("SELECT * FROM sections"))
    for question in ("Does it run dry?", "Is it loud?", "How long is it?"):
        assert question in text, (question, text)
    assert "root:" not in text


BASELINE = 0


def main():
    global BASELINE
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_manual(folder / "manual.docx")
        answer = read(folder / "manual.docx")[0]
        assert answer.get("format") == "docx", answer
        assert [(b["kind"], b["level"], b["text"]) for b in answer["blocks"]] == MANUAL, answer["blocks"]
        assert answer["title"] == "The pump" and answer["dropped"] == {"deleted": 1, "hidden": 1}, answer
        BASELINE = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        check_notes(folder)
        n = check_broken(folder)
        check_collect(folder)
    print(f"python-docx's manual read block by block; {n} classes of broken Word files refused")


if __name__ == "__main__":
    main()
