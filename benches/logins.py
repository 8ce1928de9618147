"""Timed logins, in turn, and what is counted of one."""
import os
import random
import re
import subprocess
from collections import Counter
from pathlib import Path

from hosts import MODULES, run, wrong_code

APPLICATION = "/tmp/application"
LOGIN = "/tmp/login"
TRACE = "/tmp/trace"
ANSWER = "/tmp/answer"
SUCCESS, AUTH_ERR = 0, 7
ENVIRONMENT = {**os.environ, "TZ": "UTC"}
DURABLE = re.compile(r"^(fsync|fdatasync|syncfs|sync_file_range|rename\w*)$")


def build(sources):
    for source, program in (("tests/support/application.c", APPLICATION), ("benches/login.c", LOGIN)):
        run("gcc", "-O2", "-pthread", f"{sources}/{source}", "-lpam", "-o", program)


class Logins:
    """The program that makes timed logins: fresh, each in a process of its own, or mapped. On one processor if there are more."""

    def __init__(self, mode, **options):
        last = max(os.sched_getaffinity(0))
        self.program = subprocess.Popen([LOGIN, mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=ENVIRONMENT, **options)
        os.sched_setaffinity(self.program.pid, {last})

    def login(self, module, code, user="alice"):
        """Nanoseconds."""
        self.program.stdin.write(f"{module} {user} {code}\n")
        self.program.stdin.flush()
        said, nanoseconds = map(int, self.program.stdout.readline().split())
        if said != SUCCESS:
            raise RuntimeError(f"{module} refused a right code: {said}")
        return nanoseconds

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.program.stdin.close()
        self.program.wait()


def rounds(host, count, mode, modules=MODULES):
    """In each round one login by each module, in an order that no drift of the machine follows. Two rounds find cold caches."""
    shuffle = random.Random(1).shuffle
    samples = []
    with Logins(mode) as logins:
        for _ in range(count + 2):
            order = list(modules)
            shuffle(order)
            taken = {}
            for module in order:
                host.restore(module)
                taken[module] = logins.login(module, host.code())
            samples.append(taken)
    return samples[2:]


def application(host, module, code, *before):
    """One login by the application of the tests: what it says, and what a tool before it says."""
    host.restore(module)
    done = subprocess.run([*before, APPLICATION, module, "alice"], input=code + "\n", capture_output=True, text=True,
                          env=ENVIRONMENT)
    return int(re.findall(r"^= (\d+)$", done.stdout, re.M)[-1]), done.stderr


def instructions(host, module, code, expected):
    said, errors = application(host, module, code, "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
    assert said == (SUCCESS if module == "permit" else expected), f"{module}: {said}"
    return int(re.search(r"Collected : (\d+)", errors)[1])


def calls(host, module):
    """The system calls of a login, by name."""
    said, _ = application(host, module, host.code(), "strace", "-o", TRACE)
    assert said == SUCCESS, f"{module}: {said}"
    return Counter(re.findall(r"^(\w+)\(", Path(TRACE).read_text(), re.M))


def faults(host, module):
    """Pages that the kernel had to give to a process that makes one login, from its start to its end."""
    host.restore(module)
    # pam_permit reads no answer, and a pipe would break.
    Path(ANSWER).write_text(host.code() + "\n")
    with open(ANSWER) as answer:
        process = subprocess.Popen([APPLICATION, module, "alice"], stdin=answer, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    return os.wait4(process.pid, 0)[2].ru_minflt


def counted(host):
    """All that is counted, of each module."""
    result = {}
    for module in MODULES:
        seen = calls(host, module)
        result[module] = {
            "instructions": instructions(host, module, host.code(), SUCCESS),
            "wrong": instructions(host, module, wrong_code(host.key), AUTH_ERR),
            "calls": sum(seen.values()),
            "durable": {name: count for name, count in seen.items() if DURABLE.match(name)},
        }
    taken = [{module: faults(host, module) for module in MODULES} for _ in range(11)]
    for module in MODULES:
        result[module]["faults"] = [round_[module] for round_ in taken]
    return result
