#!/usr/bin/env python3
"""soak.py SECONDS SEED PORT GOFLOW-PID CONFIG COMMAND...: a running goflow under load and mishaps.

Sends 20,000 flow records a second (flowload.py) to PORT for so long. Meanwhile, at random moments, it kills a stage with
-9, changes the configuration (the batch of the sinks) or only says that it did, and runs COMMAND, which restarts a server.
Then it waits until all stages run, and tells how many records were sent, and how the supervisor's memory (KiB) and
descriptors have grown from a fifth of the time to the end. Python's standard library only."""
import os
import random
import re
import signal
import subprocess
import sys
import time

seconds, seed, port, goflow, config = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5]
restart = sys.argv[6:]
chance = random.Random(seed)
here = os.path.dirname(os.path.abspath(__file__))
tally = {}


def stages():
    out = subprocess.run(["pgrep", "-P", str(goflow), "-l"], capture_output=True, text=True).stdout
    return [(int(pid), name) for pid, name in (line.split() for line in out.splitlines())]


def count(what):
    tally[what] = tally.get(what, 0) + 1


def kill_one():
    pid, name = chance.choice(stages() or [(0, "")])
    if pid:
        os.kill(pid, signal.SIGKILL)
        count(name)


def reload(change):
    if change:
        text = open(config).read()
        batch = chance.randrange(1000, 20000)
        with open(config + ".new", "w") as f:
            f.write(re.sub(r"batch: \d+", "batch: %d" % batch, text))
        os.rename(config + ".new", config)
    os.kill(goflow, signal.SIGHUP)
    count("SIGHUP" + (", changed" if change else ""))


def mishap():
    roll = chance.random()
    if roll < 0.75:
        kill_one()
    elif roll < 0.85:
        reload(False)
    elif roll < 0.93:
        reload(True)
    elif restart:
        subprocess.run(restart, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        count("server")


def footprint():
    status = open("/proc/%d/status" % goflow).read()
    return int(re.search(r"VmRSS:\s*(\d+)", status).group(1)), len(os.listdir("/proc/%d/fd" % goflow))


def settled(wanted):
    """Whether as many stages run as in the beginning."""
    return len(stages()) == wanted


def await_settled(wanted):
    deadline = time.monotonic() + 60
    while not settled(wanted):
        if time.monotonic() > deadline:
            sys.exit("after 60 s %d stages run, expected %d" % (len(stages()), wanted))
        time.sleep(0.05)


def shrunk(early):
    """The footprint when it has as many descriptors as early, or after a minute: a pipe more is there while an nfdecode
    reads what an nfrecv that was killed has written."""
    deadline = time.monotonic() + 60
    while footprint()[1] > early[1] and time.monotonic() < deadline:
        time.sleep(0.05)
    return footprint()


wanted = len(stages())
load = subprocess.Popen([sys.executable, here + "/flowload.py", "127.0.0.1", port, str(int(20000 * seconds)),
                         "--rate", "20000", "--exporters", "5"], stdout=subprocess.PIPE, text=True)
begun, early = time.monotonic(), None
while load.poll() is None:
    time.sleep(chance.uniform(0.2, 2.0))
    if early is None and time.monotonic() - begun > seconds / 5:
        await_settled(wanted)
        early = footprint()
    mishap()
await_settled(wanted)
late = shrunk(early)
print("seed=%d sent=%d grown_kib=%d grown_fds=%d mishaps: %s" % (
    seed, int(load.stdout.read()), late[0] - early[0], late[1] - early[1],
    ", ".join("%s %d" % i for i in sorted(tally.items()))))
