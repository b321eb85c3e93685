"""Seeds for the fuzz targets: small valid files of each kind, written with the PyPI packages gguf and safetensors.

    python3 tests/fuzz/make_corpus.py FOLDER    # makes FOLDER/gguf, FOLDER/model and one folder for each other target
"""

import json
import sys
import zipfile
from pathlib import Path

import gguf
import numpy as np
from gguf.quants import quantize
from safetensors.numpy import save_file

HIDDEN, FFN, VOCAB = 32, 32, 5
SHAPES = {
    "token_embd": (VOCAB, HIDDEN),
    "blk.0.attn_norm": (HIDDEN,),
    "blk.0.ffn_down": (HIDDEN, FFN),
    "blk.0.ffn_gate": (FFN, HIDDEN),
    "blk.0.ffn_up": (FFN, HIDDEN),
    "blk.0.ffn_norm": (HIDDEN,),
    "blk.0.attn_k": (HIDDEN // 2, HIDDEN),
    "blk.0.attn_output": (HIDDEN, HIDDEN),
    "blk.0.attn_q": (HIDDEN, HIDDEN),
    "blk.0.attn_v": (HIDDEN // 2, HIDDEN),
    "output_norm": (HIDDEN,),
}

DOCUMENTS = {
    "html": "<html lang=en><title>T</title><style>.h{display:none}</style><nav>x</nav><h1>1. A</h1><p class=h>b<p>c<br>d<ul><li>e</ul>"
    "<table><tr><th colspan=2>f<tr><td rowspan=2>g<td>h</table><details><summary>Q?</summary>A</details><dl><dt>i<dd>j</dl><pre>k</pre>",
    "markdown": "---\ntitle: x\n---\n# A\n\n- b\n  - c\n\n|d|e|\n|-|-|\n|f|g|\n\n> h\n\n```\ni\n```\n\n[j](k) **l** m[^1]\n\n[^1]: n\n",
    "text": "A\n===\n\nB\n\n1. c\nd-\ne\n\n    {code}\n\n- f\n\nG?\nh\n",
    "word_xml": '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:pPr><w:pStyle w:val="Heading1"/>'
    '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr><w:r><w:rPr><w:b/><w:vanish/></w:rPr><w:t>a</w:t><w:tab/></w:r></w:p><w:tbl>'
    '<w:tr><w:tc><w:tcPr><w:gridSpan w:val="2"/><w:vMerge/></w:tcPr><w:p><w:del><w:r><w:t>b</w:t></w:r></w:del></w:p></w:tc></w:tr></w:tbl><w:p><w:r>'
    '<w:fldChar w:fldCharType="begin"/><w:instrText>TOC</w:instrText><w:fldChar w:fldCharType="separate"/><w:t>c</w:t><w:fldChar w:fldCharType="end"/>'
    "</w:r></w:p></w:body></w:document>",
    "rst": ".. |a| replace:: b\n\nC |a|\n=====\n\n*d* ``e`` `f <g>`_ [1]_\n\n- h\n\n  1. i\n\nj\n  k::\n\n    l\n\n:m: n\n\n-o  p\n\n.. note:: q\n\n"
    "+--+--+\n|r |s |\n+==+==+\n|t    |\n+--+--+\n\n== ==\nu  v\n== ==\nw  x\n== ==\n\n.. csv-table::\n\n  y,z\n\n.. list-table::\n\n  * - A\n\n.. [1] B\n",
    "pdf_boxes": '<page width="612" height="792"><line><word xMin="72" yMin="60" xMax="99" yMax="72">a-</word></line><line><word xMin="72" '
    'yMin="75" xMax="99" yMax="87">b &lt;</word></line></page></doc>',
}

GRAMMARS = (
    ("(yes|no)( [a-z]{2,5}){0,3}[^\\d\\n]?", "yes abc"),
    ("^\\d+(\\.\\d*)?$|[\\w-]+@é\\u{1F600}", "12.5"),
    (json.dumps({"type": "object", "properties": {"a": {"type": "integer", "minimum": -5, "exclusiveMaximum": 2**40}, "b": {"$ref": "#/$defs/n"},
                 "c": {"anyOf": [{"type": "string", "pattern": "^a.", "maxLength": 5}, {"enum": [None, 1.5, "x", [1]]}]}}, "required": ["a"],
                 "additionalProperties": False, "$defs": {"n": {"type": "array", "items": {"$ref": "#"}, "minItems": 1}}}), '{"a":3,"b":[{"a":1}]}'),
    (json.dumps({"oneOf": [{"type": "number", "minimum": 0.25, "maximum": 1e3}, {"type": ["null", "boolean", "string"], "minLength": 2}]}), "0.5"),
)  # fmt: skip


def model(path, kind, rng):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["<0>", "<1>", "<", "1", "<1"])
    writer.add_token_types([1] * VOCAB)
    writer.add_token_merges(["< 1"])
    writer.add_eos_token_id(1)
    writer.add_bool("tokenizer.ggml.add_bos_token", False)
    for name, shape in SHAPES.items():
        values = rng.standard_normal(shape).astype(np.float32)
        if len(shape) == 1 or kind == gguf.GGMLQuantizationType.F32:
            writer.add_tensor(name + ".weight", values)
        else:
            writer.add_tensor(name + ".weight", quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tokenizers(folder):
    """A SentencePiece model, and one tokenizer.json of each kind (the first byte tells them apart)."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/oracle"))
    from tokenizer_families import SPACE, byte_letters, llama2_model_file, write_llama2_folder, write_llama3_folder

    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), SPACE, "a", "b", "ab", SPACE + "a", SPACE * 2]
    (folder / "model").write_bytes(b"\0" + llama2_model_file(pieces))
    (folder.parent / "sentencepiece" / "model").write_bytes(llama2_model_file(pieces[:3] + pieces[-6:]))
    scratch = folder.parent / "scratch"
    write_llama2_folder(scratch, pieces, "prepend")
    (folder / "byte_fallback").write_bytes(b"\1" + (scratch / "tokenizer.json").read_bytes())
    write_llama3_folder(scratch, [*byte_letters().values(), "ab"], [("a", "b")])
    (folder / "byte_level").write_bytes(b"\1" + (scratch / "tokenizer.json").read_bytes())


def main():
    folder = Path(sys.argv[1])
    for target in Path(__file__).parent.glob("fuzz_*.cc"):
        (folder / target.stem.removeprefix("fuzz_")).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for kind in ("F32", "BF16", "Q8_0", "Q4_0", "Q4_1"):
        path = folder / "model" / f"{kind}.gguf"
        model(path, gguf.GGMLQuantizationType[kind], rng)
        (folder / "gguf" / path.name).write_bytes(path.read_bytes())
    tensors = {"a": rng.standard_normal((2, 3)).astype(np.float32), "b": rng.standard_normal(4).astype(np.float16)}
    save_file(tensors, folder / "safetensors" / "two", {"format": "pt"})
    save_file({"i": np.arange(3), "e": np.zeros((0, 2), np.float32)}, folder / "safetensors" / "integers")
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "lora_dropout": 0.1, "target_modules": ["q_proj"], "bias": "none"}
    (folder / "adapter_config" / "plain").write_text(json.dumps(config))
    (folder / "adapter_config" / "all").write_text(json.dumps({**config, "target_modules": "all-linear", "rank_pattern": {}}))
    for path in (Path(__file__).parents[1] / "golden/templates").glob("**/*.jinja"):
        (folder / "chat_template" / path.stem).write_bytes(path.read_bytes())
    tokenizers(folder / "tokenizer")
    shape = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 100, "max_position_embeddings": 2048,
             "hidden_act": "silu", "rms_norm_eps": 1e-05, "tie_word_embeddings": True, "_name_or_path": "a/b"}  # fmt: skip
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512, "rope_theta": 1e4, "mscale": 1, "mscale_all_dim": 1}
    mistral = {"architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": 512}
    (folder / "hf_config" / "llama").write_text(json.dumps({**shape, "rope_parameters": yarn, "attention_bias": True}))
    (folder / "hf_config" / "mistral").write_text(json.dumps({**shape, **mistral, "rope_theta": 1e4}))
    index = {"metadata": {"total_size": 8}, "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "hf_config" / "index").write_text(json.dumps(index))
    for i, text in enumerate(GRAMMARS):  # what fuzz_grammar.cc expects: a kind, the length of the text, both
        made, walk = text
        (folder / "grammar" / str(i)).write_bytes(bytes([made[0] == "{"]) + len(made.encode()).to_bytes(2, "little") + made.encode() + walk.encode())
    with zipfile.ZipFile(folder / "docx" / "deflated", "w", zipfile.ZIP_DEFLATED) as deflated, zipfile.ZipFile(folder / "docx" / "stored", "w") as stored:
        for archive in (deflated, stored):
            archive.writestr("word/document.xml", DOCUMENTS["word_xml"])
            archive.writestr("docProps/core.xml", '<a xmlns="http://purl.org/dc/elements/1.1/"><title>b</title></a>')
    for target, text in DOCUMENTS.items():
        (folder / target / "all").write_bytes(text.encode())


if __name__ == "__main__":
    main()
