"""Writes tests/golden/quants_<TYPE>.bin with the PyPI package gguf: what each number format decodes to.

Each file: uint32 number of elements, uint32 number of encoded bytes, the encoded bytes, then the float32 values that
gguf.quants.dequantize gives for them. Seeded; run from the repository root: python3 tools/oracle/quants_golden.py
With --check nothing is written: the files must hold what the installed gguf gives.
"""

import struct
import sys
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf.quants import dequantize, quantize

OUT = Path("tests/golden")
ROWS, COLUMNS = 6, 64


# Where a block keeps its float16 scales. The package gguf cannot encode these: blocks of random bytes with scales of every
# size, so that all quants and all packed sub-scales occur.
RANDOM_ONLY = {Type.Q5_0: (22, [0]), Type.Q5_1: (24, [0, 2]), Type.Q2_K: (84, [80, 82]), Type.Q3_K: (110, [108]),
               Type.Q4_K: (144, [0, 2]), Type.Q5_K: (176, [0, 2]), Type.Q6_K: (210, [208])}


def random_blocks(kind, rng):
    size, places = RANDOM_ONLY[kind]
    blocks = rng.integers(0, 256, (8, size), dtype=np.uint8)
    for place in places:
        scales = (rng.standard_normal((8, 1)) * 10.0 ** rng.integers(-7, 2, (8, 1))).astype(np.float16)
        blocks[:, place : place + 2] = scales.view(np.uint8)
    return blocks.reshape(-1)


def encoded(kind, rng):
    if kind in RANDOM_ONLY:
        return random_blocks(kind, rng)
    values = (rng.standard_normal((ROWS, COLUMNS)) * np.array([[1e-8], [1e-3], [1.0], [30.0], [1000.0], [0.0]])).astype(np.float32)
    blocks = quantize(values, kind).view(np.uint8).reshape(-1)
    if kind in (Type.Q8_0, Type.Q4_0, Type.Q4_1):
        size = {Type.Q8_0: 34, Type.Q4_0: 18, Type.Q4_1: 20}[kind]
        n_scales = 2 if kind == Type.Q4_1 else 1
        # Blocks of random bytes with finite scales of every size, subnormal ones too: all quants occur.
        random = rng.integers(0, 256, (16, size), dtype=np.uint8)
        scales = (rng.standard_normal((16, n_scales)) * 10.0 ** rng.integers(-8, 4, (16, 1))).astype(np.float16)
        random[:, : 2 * n_scales] = scales.view(np.uint8).reshape(16, 2 * n_scales)
        blocks = np.concatenate([blocks, random.reshape(-1)])
    return blocks


def main():
    rng = np.random.default_rng(20260101)
    for kind in (Type.F16, Type.BF16, Type.Q8_0, Type.Q4_0, Type.Q4_1, *RANDOM_ONLY):
        data = encoded(kind, rng)
        if kind == Type.F16:
            values = data.view(np.float16).astype(np.float32)
        else:
            values = dequantize(data, kind).astype(np.float32).reshape(-1)
        path = OUT / f"quants_{kind.name}.bin"
        content = struct.pack("<II", values.size, data.size) + data.tobytes() + values.tobytes()
        if "--check" in sys.argv:
            if path.read_bytes() != content:
                sys.exit(f"{path} is not what gguf decodes now")
        else:
            path.write_bytes(content)
        print(path, values.size, "elements")


if __name__ == "__main__":
    main()
