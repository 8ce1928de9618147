"""Many processes at once, and those who are not root."""
import os
import random
import re
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path

from hosts import USERS, run
from logins import APPLICATION, ENVIRONMENT, LOGIN, SUCCESS, Logins

VERIFY = "/run/pam_totp/verify.sock"
UNIT = Path("/mnt/sources/packaging/systemd/pam-totpd.socket")
DAEMON = "/usr/sbin/pam-totpd"


def accepted(host, module, processes, users):
    """How many of so many processes get in that give the same code at the same moment, user after user."""
    host.restore(module, everybody=True)
    said = run(APPLICATION, "-p", processes, module, *users, input=host.code() + "\n", env=ENVIRONMENT)
    codes = re.findall(r"^= (-?\d+)$", said, re.M)
    assert len(codes) == processes, said
    return codes.count(str(SUCCESS))


def at_once(host, rounds):
    """One code of one user by 64 processes, and 16 users with a code each."""
    return {
        module: {
            "one": [accepted(host, module, 64, ["alice"]) for _ in range(rounds)],
            "all": [accepted(host, module, len(USERS), USERS) for _ in range(rounds)],
        }
        for module in ("google", "oath", "ours")
    }


@contextmanager
def door():
    """In systemd's place, as our unit has it: a process for each connection, or one that takes them all."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(VERIFY)
    os.chmod(VERIFY, 0o666)
    listener.listen(128)
    each = "Accept=yes" in UNIT.read_text()
    process = subprocess.Popen([LOGIN, "serve", DAEMON] if each else [DAEMON], stdin=listener)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def through_the_door(host, count):
    """Rounds of our module: root, who reads the files, and alice, for whom pam-totpd reads them; each above pam_permit."""
    shuffle = random.Random(1).shuffle
    samples = []
    with door(), Logins("fresh") as root, Logins("fresh", user=1000, group=1000, extra_groups=[]) as alice:
        kinds = [(who, logins, module) for who, logins in (("direct", root), ("door", alice))
                 for module in ("permit", "ours")]
        for _ in range(count + 2):
            shuffle(kinds)
            taken = {}
            for who, logins, module in kinds:
                host.restore(module)
                taken[who if module == "ours" else f"{who} permit"] = logins.login(module, host.code())
            samples.append(taken)
    return samples[2:]
