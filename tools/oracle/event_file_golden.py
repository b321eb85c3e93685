"""Writes tests/golden/events.tfevents with PyPI's tensorboard: what its own library makes of four events.

    python3 tools/oracle/event_file_golden.py [--check]        (needs PyPI: tensorboard)
"""
import math
import pathlib
import sys

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

PATH = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "events.tfevents"
EVENTS = [
    (1700000001.5, 1, [("train/loss", 2.5), ("train/learning_rate", 1e-4)]),
    (1700000002.5, 300, [("validation/loss", 0.125)]),
    (1700000003.5, 70000, [("train/gradient_norm", math.nan), ("train/tokens_per_second", 1234.0)]),
]


class Memory(bytearray):
    def write(self, data):
        self.extend(data)


def main():
    memory = Memory()
    writer = RecordWriter(memory)
    writer.write(Event(wall_time=1700000000.25, file_version="brain.Event:2").SerializeToString())
    for wall_time, step, scalars in EVENTS:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars]
        writer.write(Event(wall_time=wall_time, step=step, summary=Summary(value=values)).SerializeToString())
    if "--check" in sys.argv:
        assert PATH.read_bytes() == bytes(memory), f"{PATH} is not what tensorboard writes now"
    else:
        PATH.write_bytes(bytes(memory))
    print(PATH, len(memory), "bytes")


if __name__ == "__main__":
    main()
