#!/usr/bin/env python3
"""What `make bench-builds` runs: how fast nfdecode of this build decodes beside that of another one, in turn, with the
captures of gen and any others. A change that claims to cost nothing shows it here. Usage: builds.py OTHER-BIN FLOWS ROUNDS
[CAPTURE...]; the ratios are those of two runs next to each other, the other's CPU seconds by ours."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile

OURS, TOOLS = os.environ["GOFLOW_BIN"], os.environ["BENCH_BIN"]
OTHER, FLOWS, ROUNDS = sys.argv[1], sys.argv[2], int(sys.argv[3])
KINDS = ("v5", "v9", "ipfix", "mix")


def seconds(folder, capture):
    """Of user CPU."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    with open(capture, "rb") as stdin, open(os.devnull, "wb") as stdout:
        subprocess.run([os.path.join(folder, "nfdecode")], stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL, check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def compare(name, capture):
    ratios = []
    for n in range(ROUNDS):
        pair = [(f, seconds(f, capture)) for f in ((OURS, OTHER) if n % 2 else (OTHER, OURS))]
        took = dict(pair)
        ratios.append(took[OTHER] / took[OURS])
    print(f"{name:<24} {statistics.median(ratios):6.2f} {min(ratios):8.2f} {max(ratios):6.2f}", flush=True)


print(f"{'speed beside the other':<24} {'median':>6} {'from':>8} {'to':>6}")
with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
    for kind in KINDS:
        path = os.path.join(folder, kind)
        subprocess.run([os.path.join(TOOLS, "gen"), kind, FLOWS, "1", path], check=True, stdout=subprocess.DEVNULL)
        compare(kind, path)
        os.unlink(path)
for path in sys.argv[4:]:
    compare(os.path.basename(path), path)
