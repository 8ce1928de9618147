"""A login beside few and many users, all of whom are enrolled."""
import os
from pathlib import Path

from hosts import MODULES, OURS, PLACE, Kept, sync
from logins import rounds

# A folder of files, root's, as google-authenticator's `secret=` has it. More would be no other kind of folder.
FOLDER = PLACE / "google"
MOST_OF_GOOGLE = 100_000
# As many names as ext4 lets a file have, nearly.
NAMES = 60_000


def fill(folder, pattern, source, begin, end):
    """A name for each further user: names of one file, for nobody reads what is in it, but the folder is as long."""
    for number in range(begin, end):
        if number == begin or number % NAMES == 0:
            file = folder / f"{source.name}.{number}"
            file.write_bytes(source.read_bytes())
        os.link(file, folder / pattern.format(number))


def measure(host, count, most, step):
    """Rounds for 1, 10, 100, ... users. Only the one who logs in has an account; the line of theirs is in the middle."""
    FOLDER.mkdir()
    own = FOLDER / "alice"
    own.write_bytes(host.google["alice"].read_bytes())
    own.chmod(0o400)
    Path("/etc/pam.d/google").write_text(f"auth required pam_google_authenticator.so user=root secret={FOLDER}/${{USER}}\n")
    host.kept["google"] = [Kept(own, in_place=False)]
    for folder in (OURS / "secrets", OURS / "state"):
        for other in folder.glob("user*"):
            other.unlink()
    samples, before, number = {}, 1, 1
    while number <= most:
        step(f"latency beside {number} users")
        modules = [module for module in MODULES if module != "google" or number <= MOST_OF_GOOGLE]
        others = [f"user{n}" for n in range(1, number)]
        host.write_oath(others[:number // 2] + ["alice"] + others[number // 2:])
        host.kept["oath"] = [Kept(host.oath, in_place=False)]
        if "google" in modules:
            fill(FOLDER, "user{}", own, before, number)
        fill(OURS / "secrets", "user{}.toml", OURS / "secrets" / "alice.toml", before, number)
        fill(OURS / "state", "user{}", OURS / "state" / "alice", before, number)
        sync(PLACE)
        samples[number] = rounds(host, min(count, 20) if number > MOST_OF_GOOGLE else count, "fresh", modules)
        before, number = number, number * 10
    return samples
