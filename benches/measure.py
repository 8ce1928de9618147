#!/usr/bin/python3
"""Measures, inside a throw-away system, and leaves the samples in /mnt/out/samples.json.

    measure.py ROUNDS MOST      so many rounds of timed logins, up to so many users
"""
import json
import multiprocessing
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import commands
import hosts
import logins
import races
import users

DISK = Path("/mnt/out/disk")


def write_all_the_time(folder):
    folder.mkdir()
    while True:
        with (folder / "new").open("wb") as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
        os.rename(folder / "new", folder / "old")


@contextmanager
def writers(count):
    processes = [multiprocessing.Process(target=write_all_the_time, args=(hosts.PLACE / f"writer{n}",), daemon=True)
                 for n in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def disk(name):
    (DISK / name).mkdir()
    return hosts.Mounted("--bind", DISK / name)


def main(count, most):
    started = time.monotonic()

    def step(name):
        print(f"{time.monotonic() - started:5.0f} s  {name}", flush=True)

    hosts.install()
    logins.build("/mnt/sources")
    samples = {"rounds": count, "latency": {}}
    latency = samples["latency"]
    with hosts.Mounted("-t", "tmpfs", "-o", "mode=755", "tmpfs") as host:
        step("instructions, system calls, page faults")
        samples["counted"] = logins.counted(host)
        step("latency on tmpfs")
        latency["tmpfs"] = logins.rounds(host, 2 * count, "fresh")
    with disk("quiet") as host:
        step("latency on the disk")
        latency["disk"] = logins.rounds(host, count, "fresh")
        latency["mapped"] = logins.rounds(host, count, "mapped")
        step("latency beside two writers")
        with writers(2):
            latency["busy"] = logins.rounds(host, count, "fresh")
        step("through pam-totpd")
        samples["door"] = races.through_the_door(host, count)
        step("many at once")
        samples["races"] = races.at_once(host, 20)
    with disk("many") as host:
        samples["users"] = users.measure(host, max(count // 5, 7), most, step)
    samples["commands"] = {}
    for number in sorted({most // 10, most}):
        step(f"commands with {number} users")
        with hosts.Mounted("-t", "tmpfs", "-o", "mode=755,size=90%", "tmpfs"):
            samples["commands"][number] = commands.measure(number)
    step("done")
    samples["seconds"] = time.monotonic() - started
    Path("/mnt/out/samples.json").write_text(json.dumps(samples))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
