"""ChatML by a GGUF file's own tokens: control tokens by id, text by the PyPI package tokenizers, so that nothing of faqsmith's tokenizer
takes part."""

import gguf
from tokenizers import Tokenizer, models, pre_tokenizers


def render(path, system, prompts):
    """Ids of each prompt up to the assistant's turn, and the id that ends a turn."""
    reader = gguf.GGUFReader(path)
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in reader.fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    start, end = tokens.index("<|im_start|>"), tokens.index("<|im_end|>")

    def turn(role, text):
        return [start, *tokenizer.encode(f"{role}\n{text}").ids]

    newline = tokenizer.encode("\n").ids
    return [[*turn("system", system), end, *newline, *turn("user", prompt), end, *newline, *turn("assistant", "")] for prompt in prompts], end
