"""Many processes at once, and those who are not root."""
import random
import re
import subprocess

from hosts import USERS, run
from logins import APPLICATION, ENVIRONMENT, LOGIN, SUCCESS, Logins

VERIFY = "/run/pam_totp/verify.sock"
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


def through_the_door(host, count):
    """Rounds of our module: root, who reads the files, and alice, for whom pam-totpd reads them; each above pam_permit."""
    door = subprocess.Popen([LOGIN, "serve", VERIFY, DAEMON], stdout=subprocess.PIPE, text=True)
    assert door.stdout.readline() == "ready\n"
    shuffle = random.Random(1).shuffle
    samples = []
    with Logins("fresh") as root, Logins("fresh", user=1000, group=1000, extra_groups=[]) as alice:
        kinds = [(who, logins, module) for who, logins in (("direct", root), ("door", alice))
                 for module in ("permit", "ours")]
        for _ in range(count + 2):
            shuffle(kinds)
            taken = {}
            for who, logins, module in kinds:
                host.restore(module)
                taken[who if module == "ours" else f"{who} permit"] = logins.login(module, host.code())
            samples.append(taken)
    door.kill()
    door.wait()
    return samples[2:]
