"""Makes a throw-away system one of many users, faster than programs that do it one by one.

    many.py accounts N            so many more accounts in /etc/passwd: user0000000 and so on
    many.py enrolled N [STORE]    so many of them enrolled, each with a copy of what the one enrolled user there has
    many.py records N [STORE]     a record for so many of these, likewise
    many.py oath N FILE           a users.oath with a line for so many of them
    many.py homes N               a home with .google_authenticator for so many of them
"""
import glob
import os
import sys

FIRST_UID = 100_000
NAME = "user{:07}"


def write(path, text, owner=0):
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(file, text)
    if owner:
        os.fchown(file, owner, 100)
    os.close(file)


def accounts(count):
    with open("/etc/passwd", "a") as passwd:
        for n in range(count):
            passwd.write(f"{NAME}:x:{{}}:100::/home/{NAME}:/bin/sh\n".format(n, FIRST_UID + n, n))


def template(store):
    """The name of the one user who is enrolled by the program itself."""
    ours = NAME.format(0)[:4]
    (path,) = [path for path in glob.glob(f"{store}/secrets/*.toml") if not os.path.basename(path).startswith(ours)]
    return os.path.basename(path).removesuffix(".toml")


def enrolled(count, store="/var/lib/pam_totp"):
    with open(f"{store}/secrets/{template(store)}.toml") as file:
        lines = file.read().splitlines(keepends=True)
    for n in range(count):
        own = {"user": f'user = "{NAME}"\n'.format(n), "uid": f"uid = {FIRST_UID + n}\n"}
        text = "".join(own.get(line.split(" ")[0], line) for line in lines)
        write(f"{store}/secrets/{NAME}.toml".format(n), text.encode())


def records(count, store="/var/lib/pam_totp"):
    with open(f"{store}/state/{template(store)}", "rb") as file:
        record = file.read()
    for n in range(count):
        write(f"{store}/state/{NAME}".format(n), record)


def oath(count, path):
    lines = (f"HOTP/T30/6\t{NAME}\t-\t{{:032x}}\n".format(n, n + 1) for n in range(count))
    write(path, b"")
    with open(path, "w") as file:
        file.writelines(lines)


def homes(count):
    for n in range(count):
        home = f"/home/{NAME}".format(n)
        os.mkdir(home, 0o755)
        write(f"{home}/.google_authenticator", b"JBSWY3DPEHPK3PXPGEZDGNBVGY\n\" TOTP_AUTH\n", FIRST_UID + n)


{"accounts": accounts, "enrolled": enrolled, "records": records, "oath": oath, "homes": homes}[sys.argv[1]](
    int(sys.argv[2]), *sys.argv[3:]
)
