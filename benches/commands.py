"""What people run on a host of very many users: how long it takes and how much memory."""
import os
import subprocess
import time
from pathlib import Path

from hosts import OURS, PLACE, USERS, run

PATIENCE = 150
# Of keys and record on a tmpfs, with what the kernel keeps of a file.
BYTES_OF_A_USER = 18_000
FILE = PLACE / "many.oath"
COMMANDS = {
    "import oath": ["pam-totp", "import", "oath", FILE],
    "list": ["pam-totp", "list"],
    "doctor": ["pam-totp", "doctor"],
    "policy enable": ["pam-totp", "policy", "enable"],
}


def many(*words):
    run("/usr/bin/python3", "-B", "/mnt/sources/tests/support/many.py", *words)


def measured(command):
    """Seconds and kilobytes at most, or nothing if nobody would have waited for it."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        ended, _, usage = os.wait4(process.pid, os.WNOHANG)
        taken = time.monotonic() - start
        if ended:
            return {"seconds": taken, "kilobytes": usage.ru_maxrss}
        if taken > PATIENCE:
            process.kill()
            process.wait()
            return None
        time.sleep(0.005)


def has_room(users):
    available = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable:"))
    return int(available.split()[1]) * 1024 > users * BYTES_OF_A_USER


def measure(users):
    """On a fresh tmpfs, with as many accounts; nothing if it has no room for them."""
    if not has_room(users):
        return {}
    for user in USERS[1:]:
        (OURS / "secrets" / f"{user}.toml").unlink()
        (OURS / "state" / user).unlink()
    passwd = Path("/etc/passwd")
    before = passwd.read_text()
    many("accounts", users)
    many("oath", users, FILE)
    taken = {}
    for name, command in COMMANDS.items():
        taken[name] = measured(command)
        if name == "import oath" and not taken[name]:
            many("enrolled", users)
    passwd.write_text(before)
    return taken
