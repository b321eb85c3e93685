"""Writes tests/golden/chat_template_ids.json: the ids that PyPI's tokenizers gives the prompts of chat_template_golden.py under
Llama 2's vocabulary (Prepend as published, and Metaspace "first") and under a cut of Llama 3's.

Each whole text is encoded with its control tokens split out, as transformers' apply_chat_template does. Kept are the first 8
digits of the SHA-256 of the ids; "-": not compared. Usage: python3 tools/oracle/chat_template_ids.py
"""
import json
import pathlib
import tempfile

from chat_template_golden import ROOT, TEMPLATES, conversations, environment, id_digests, listed, render
from tokenizer_families import special, write_llama2_folder, write_llama3_folder

LLAMA_3_CONTROLS = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"]


def load(folder, more_controls=()):
    from tokenizers import Tokenizer

    root = json.loads((pathlib.Path(folder) / "tokenizer.json").read_text())
    root["post_processor"] = None
    first = max(t["id"] for t in root["added_tokens"]) + 1
    root["added_tokens"] += [special(t, first + i) for i, t in enumerate(more_controls)]
    return Tokenizer.from_str(json.dumps(root))


def references():
    llama2 = json.loads((ROOT / "tests/golden/tokenizer_llama2.json").read_text())["tokens"]
    llama3 = json.loads((ROOT / "tests/golden/tokenizer_llama3.json").read_text())
    texts = [t for t, kind in zip(llama3["tokens"], llama3["token_types"]) if kind != 3]
    assert texts == llama3["tokens"][: len(texts)]
    out = {}
    with tempfile.TemporaryDirectory() as folder:
        for prefix in ("prepend", "first"):
            write_llama2_folder(folder, llama2, prefix)
            out[prefix] = load(folder)
        write_llama3_folder(folder, texts, [m.split(" ") for m in llama3["merges"]])
        out["llama-3"] = load(folder, LLAMA_3_CONTROLS[3:])
    return out


def main():
    env, chats, by_name = environment(), conversations(), references()
    rows = []
    for file, name, bos, eos in listed():
        if name is None or name == "chatml":
            continue
        template = env.from_string((TEMPLATES / file).read_text())
        prompts = [render(template, turns, True, bos, eos) for turns in chats]
        for vocabulary in ("llama-3",) if name.startswith("llama-3") else ("prepend", "first"):
            ids = " ".join(id_digests(by_name[vocabulary], r, turns) for r, turns in zip(prompts, chats))
            rows.append({"file": file, "vocabulary": vocabulary, "ids": ids})
    golden = {"script": "tools/oracle/chat_template_ids.py", "llama_3_controls": LLAMA_3_CONTROLS, "rows": rows}
    path = ROOT / "tests/golden/chat_template_ids.json"
    path.write_text(json.dumps(golden, separators=(",", ":")).replace('},{"file"', '},\n{"file"') + "\n")
    print(f"{path}: {len(rows)} rows, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
