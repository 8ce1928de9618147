"""The host on which all is measured, inside a throw-away system: its users, the modules and what each keeps of a user."""
import base64
import ctypes
import hashlib
import hmac
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

# What a module keeps lies below this folder, which is mounted where it is to be measured.
PLACE = Path("/var/bench")
OURS = Path("/var/lib/pam_totp")
USERS = ["alice"] + [f"user{n}" for n in range(1, 16)]
LONG_AGO = 3600

# The set-up that google-authenticator itself recommends: each code once, three logins in 30 seconds.
GOOGLE_SETUP = "google-authenticator -t -d -f -r 3 -R 30 -w 3 -C -q".split()
STACKS = {
    "permit": "auth required pam_permit.so",
    "google": "auth required pam_google_authenticator.so",
    "oath": f"auth required pam_oath.so usersfile={PLACE}/oath/users.oath window=1",
    "ours": "auth required pam_totp.so",
}
MODULES = list(STACKS)
libc = ctypes.CDLL(None, use_errno=True)


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def code_at(key, moment):
    """RFC 6238, as a phone shows it."""
    digest = hmac.new(key, struct.pack(">Q", int(moment) // 30), hashlib.sha1).digest()
    number = struct.unpack(">I", digest[digest[-1] & 15:][:4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def wrong_code(key):
    """Right neither now nor in an hour around."""
    right = {code_at(key, time.time() + 30 * step) for step in range(-120, 121)}
    return next(code for code in ("918273", "192837", "564738") if code not in right)


def sync(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    if libc.syncfs(descriptor) != 0:
        raise OSError(ctypes.get_errno(), "syncfs")
    os.close(descriptor)


class Kept:
    """A file that a login changes, and how to have it back as it was."""

    def __init__(self, path, in_place):
        self.path, self.in_place = path, in_place
        self.saved = path.with_name(path.name + ".saved")
        past = time.time() - LONG_AGO
        os.utime(path, (past, past))
        if in_place:
            self.content = path.read_bytes()
        else:
            self.saved.unlink(missing_ok=True)
            os.link(path, self.saved)

    def restore(self):
        """As it was, written long ago. The disk has it before the next login: that one does not pay for this."""
        if self.in_place:
            self.path.write_bytes(self.content)
            past = time.time() - LONG_AGO
            os.utime(self.path, (past, past))
        else:
            # These modules make a new file and rename it: the old one was not touched.
            self.path.unlink()
            os.link(self.saved, self.path)


class Host:
    """All users enrolled with all modules, each by its own tool; oath has none, its file is written as its README says."""

    def __init__(self):
        homes = PLACE / "home"
        homes.mkdir()
        for number, user in enumerate(USERS):
            (homes / user).mkdir(mode=0o700)
            os.chown(homes / user, 1000 + number, 1000 + number)
        for folder in ("secrets", "state"):
            (OURS / folder).mkdir(mode=0o700)
        self.google = {user: homes / user / ".google_authenticator" for user in USERS}
        run(*GOOGLE_SETUP, user=1000, group=1000, extra_groups=[], env={**os.environ, "HOME": str(homes / "alice")})
        base32 = self.google["alice"].read_text().splitlines()[0]
        self.key = base64.b32decode(base32 + "=" * (-len(base32) % 8))
        for number, user in enumerate(USERS):
            if user != "alice":
                shutil.copyfile(self.google["alice"], self.google[user])
                self.google[user].chmod(0o400)
                os.chown(self.google[user], 1000 + number, 1000 + number)
            run("pam-totp", "set", "--no-code", user, input=base32 + "\n")
        self.oath = PLACE / "oath" / "users.oath"
        self.oath.parent.mkdir(mode=0o700)
        self.write_oath(USERS)
        self.kept = {
            "permit": [],
            "google": [Kept(path, in_place=False) for path in self.google.values()],
            "oath": [Kept(self.oath, in_place=False)],
            "ours": [Kept(OURS / "state" / user, in_place=True) for user in USERS],
        }

    def write_oath(self, users):
        with self.oath.open("w") as file:
            file.writelines(f"HOTP/T30/6\t{user}\t-\t{self.key.hex()}\n" for user in users)
        self.oath.chmod(0o600)

    def code(self):
        return code_at(self.key, time.time())

    def restore(self, module, everybody=False):
        """What the module keeps of alice, or of everybody, is as before the first login."""
        kept = self.kept[module]
        for file in kept if everybody else kept[:1]:
            file.restore()
        sync(PLACE)


def install():
    """This throw-away system becomes the host: what a release of ours has, the stacks, the accounts, somebody who takes the log."""
    folder = next(path.parent for path in Path("/usr/lib").glob("**/security/pam_unix.so"))
    for source, target, mode in (("pam_totp.so", folder / "pam_totp.so", 0o644), ("pam-totp", "/usr/bin/pam-totp", 0o755),
                                 ("pam-totpd", "/usr/sbin/pam-totpd", 0o755)):
        shutil.copyfile(f"/mnt/{source}", target)
        os.chmod(target, mode)
    for own in (OURS, Path("/etc/security/pam_totp.toml")):
        shutil.rmtree(own, ignore_errors=True)
        own.unlink(missing_ok=True)
    OURS.mkdir(mode=0o700)
    Path("/run/pam_totp/state").mkdir(parents=True, mode=0o700)
    Path("/run/pam_totp").chmod(0o755)
    PLACE.mkdir()
    Path("/etc/nsswitch.conf").write_text("passwd: files\n")
    accounts = [f"{user}:x:{1000 + n}:{1000 + n}::{PLACE}/home/{user}:/bin/sh\n" for n, user in enumerate(USERS)]
    Path("/etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n" + "".join(accounts))
    # libpam loads what it names at every login too. Debian's names a dozen modules, and pam_permit among them: so the
    # loading of pam_permit is not taken for the floor of a module that is loaded in its place.
    Path("/etc/pam.d/other").write_text("auth required pam_deny.so\nauth required pam_permit.so\n")
    for module, stack in STACKS.items():
        Path(f"/etc/pam.d/{module}").write_text(stack + "\n")
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    threading.Thread(target=drain, args=(log,), daemon=True).start()


def drain(log):
    while True:
        log.recv(65536)


class Mounted:
    """A file system at PLACE, our own folder on it as well, while something is measured there."""

    def __init__(self, *mount):
        self.mount = mount

    def __enter__(self):
        run("mount", *self.mount, PLACE)
        PLACE.chmod(0o755)
        (PLACE / "pam_totp").mkdir(mode=0o700)
        run("mount", "--bind", PLACE / "pam_totp", OURS)
        return Host()

    def __exit__(self, *failure):
        run("umount", OURS)
        run("umount", PLACE)
