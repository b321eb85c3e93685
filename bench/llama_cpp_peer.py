"""The peer of infer_bench: llama.cpp (PyPI: xllamacpp, prebuilt) on the same work.

    python bench/llama_cpp_peer.py MODEL.gguf [--runs 3] [--at-once 1 8 32] [--threads 2] [--processor-time]

Prefill of 512 tokens, then N replies at once (prompt 128, 96 new tokens, end of turn ignored), random tokens. Its extra
buffer types (AMX, repacking) crash on some machines: they are tried in a child process first. Medians. On a machine that
others use too, compare one thread each by processor time: --threads 1 --processor-time against
OMP_NUM_THREADS=1 infer_bench MODEL.gguf bf16 3 cpu.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import threading
import time


def server(path, n_parallel, extra, n_threads):
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_parallel, params.n_ctx = n_parallel, 256 * n_parallel if n_parallel > 1 else 1024
    params.n_batch, params.n_ubatch, params.warmup = 2048, 512, False
    params.no_extra_bufts = not extra
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = n_threads
    return xllamacpp.Server(params)


def complete(engine, n_prompt, n_new, rng, out):
    ids = [rng.randrange(100, 49000) for _ in range(n_prompt)]
    request = {"prompt": ids, "n_predict": n_new, "temperature": 0.0, "ignore_eos": True, "cache_prompt": False}
    out.append(engine.handle_completions(request))


def together(engine, n, n_prompt, n_new, rng, clock):
    """Seconds for n replies at the same time."""
    replies, threads = [], []
    for _ in range(n):
        threads.append(threading.Thread(target=complete, args=(engine, n_prompt, n_new, rng, replies)))
    start = clock()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all("timings" in reply for reply in replies), replies[0]
    return clock() - start


def extra_buffers_work(arguments):
    if arguments.no_extra:
        return False
    command = [sys.executable, __file__, arguments.model, "--probe", "--threads", str(arguments.threads)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--at-once", type=int, nargs="*", default=[1, 8, 32])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--processor-time", action="store_true")
    parser.add_argument("--no-extra", action="store_true", help="without its extra buffer types")
    parser.add_argument("--probe", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    rng = random.Random(7)
    clock = (lambda: time.process_time() / arguments.threads) if arguments.processor_time else time.time
    if arguments.probe:
        together(server(arguments.model, 1, True, arguments.threads), 1, 512, 2, rng, clock)
        os._exit(0)
    extra = extra_buffers_work(arguments)
    print("extra buffer types:", extra, flush=True)

    def median(measure):
        values = [measure() for _ in range(arguments.runs)]
        return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"

    engine = server(arguments.model, 1, extra, arguments.threads)
    print("prefill 512:", median(lambda: 512 / together(engine, 1, 512, 1, rng, clock)), "tok/s", flush=True)
    for n in arguments.at_once:
        engine = server(arguments.model, n, extra, arguments.threads)

        def new_tokens_a_second(engine=engine, n=n):
            prompts = together(engine, n, 128, 1, rng, clock)
            return 96 * n / (together(engine, n, 128, 97, rng, clock) - prompts)

        print(f"{n} at once:", median(new_tokens_a_second), "new tok/s", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
