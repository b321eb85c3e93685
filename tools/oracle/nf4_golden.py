"""Writes tests/golden/nf4.bin with the PyPI package bitsandbytes: what NF4 with double quantisation makes of a matrix.

The file: uint32 rows, uint32 columns, the float16 values, then the float32 values that quantize_4bit (nf4, blocks of 64,
compress_statistics) and dequantize_4bit give for them on the CPU. Seeded; run from the repository root:
python3 tools/oracle/nf4_golden.py. With --check nothing is written: the file must hold what the installed package gives.
"""

import struct
import sys
from pathlib import Path

import bitsandbytes.functional as bnb
import numpy as np
import torch

OUT = Path("tests/golden/nf4.bin")
# 384 blocks: more than one scale of the absmax. Rows are whole blocks: for others dequantize_4bit of bitsandbytes 0.50.2 takes
# the absmax of a neighbouring block on the CPU.
ROWS, COLUMNS = 128, 192


def main():
    rng = np.random.default_rng(20260102)
    rows = 10.0 ** rng.uniform(-3, 0, (ROWS, 1))
    values = (rng.standard_normal((ROWS, COLUMNS)) * rows).astype(np.float16)
    values[5] = 0
    quantised, state = bnb.quantize_4bit(torch.from_numpy(values.astype(np.float32)), blocksize=64, compress_statistics=True, quant_type="nf4")
    decoded = bnb.dequantize_4bit(quantised, state).numpy().astype(np.float32)
    content = struct.pack("<II", ROWS, COLUMNS) + values.tobytes() + decoded.tobytes()
    if "--check" in sys.argv:
        if OUT.read_bytes() != content:
            sys.exit(f"{OUT} is not what bitsandbytes gives now")
    else:
        OUT.write_bytes(content)
    print(OUT, values.size, "values")


if __name__ == "__main__":
    main()
