"""RESULTS.md, for people: the table, the plots, what they mean."""
import json
from pathlib import Path

import plots
from figures import COMPARED, NAMES, of_commands, rows, worse

HERE = Path(__file__).resolve().parent

HEAD = """\
# What a login costs

`make bench` measures and writes this page and the plots. Less is better everywhere.
"""

AT_SIZE = """\
## What is run on a host of many users

Time, and the most memory that was used. All accounts are in `/etc/passwd`; the import comes first and enrolls them all. On
tmpfs: on a disk an import takes longer.
"""

READING = """\
## How to read it

- Everything is **above `pam_permit`**: the same program makes the same login by a module that does nothing, and what that
  takes is subtracted. In each round every module makes one login, in random order. The difference is taken within the
  round, so a machine that is slow for a while is slow for all. A figure is the median of the differences.
- Latencies are **times google-authenticator's**. In parentheses: the 95 % confidence interval, by a bootstrap over
  the rounds with a fixed seed.
- A **fresh process** is forked for each login, as sshd does it, without exec, and loads its module itself. Where the module is
  **already mapped** one process makes all logins. There pam_totp stays in memory and is loaded once; libpam
  loads the others at each login.
- Instructions are those of the process (callgrind), not the kernel's. System calls are strace's. Page faults are counted
  by the kernel, from the start of a process to its end.
- *To reach* and *stretch* are goals for the column of pam_totp.
"""

METHOD = """\
## How it was measured

In a throw-away system on this machine ([tests/support/throw-away](../tests/support/throw-away)): the same accounts, `passwd: files`
and nothing else in `nsswitch.conf`, a listener at `/dev/log`, and an `/etc/pam.d/other` that names `pam_deny` and `pam_permit`
alone, because libpam loads that file's modules at every login too. Each stack is one line.

| module | set up by | keeps |
|---|---|---|
| google-authenticator | `google-authenticator -t -d -f -r 3 -R 30 -w 3 -C -q` | `~/.google_authenticator` |
| pam_oath | a line `HOTP/T30/6` for each user; it has no tool | one `usersfile=`, `window=1` |
| pam_totp | `pam-totp set` | `/var/lib/pam_totp` |

All use up a code, accept the same three, and have the same key. Between two logins, outside of the measured time, the
files of the next module are put back, dated an hour ago, and the file system is synced. So no module is charged for
that, and no record is recent enough to need another sync. Codes are those of the real clock. The timed program
runs on one processor.

- *Users:* only the one who logs in has an account. google-authenticator has `secret=` and a folder of files, pam_oath one
  file, in the middle of which the user stands, pam_totp its own folders. In the folders, the files of the others are
  names of a few files: nobody reads them, but the folders are as long.
- *Through pam-totpd:* a program without root, which asks pam-totpd, compared with a program of root, which reads the files
  itself. pam-totpd is started as in its systemd unit.
- *At once:* {races} rounds; all processes have been asked for the code before the first one answers.
"""


def table(rows):
    lines = ["| | " + " | ".join([NAMES[module] for module in COMPARED] + ["to reach", "stretch"]) + " |", "|---" * 6 + "|"]
    for row in rows:
        lines.append("| " + " | ".join([row.label] + [row.cells[module] or "–" for module in COMPARED]
                                       + [goal or "–" for goal in row.goals]) + " |")
    return "\n".join(lines) + "\n"


def at_size(samples):
    lines = ["| | " + " | ".join(f"{int(users):,} users" for users in samples) + " |", "|---" * (len(samples) + 1) + "|"]
    lines += [f"| `pam-totp {name}` | " + " | ".join(cells) + " |" for name, cells in of_commands(samples).items()]
    return AT_SIZE + "\n" + "\n".join(lines) + "\n"


def of_machine(machine, samples):
    told = "\n".join(f"| {name} | {value} |" for name, value in machine.items() if name != "disk")
    return f"## The machine\n\n| | |\n|---|---|\n{told}\n| disk | {machine['disk']} |\n" \
           f"| rounds | {samples['rounds']}; measured in {samples['seconds'] / 60:.1f} minutes |\n"


def where_worse(rows):
    lines = [f"- {row.label}: {row.cells['ours']} against {row.cells[best]} of {NAMES[best]}" for row, best in worse(rows)]
    return "## Where a peer is better\n\n" + ("\n".join(lines) or "Nowhere.") + "\n"


def picture(name, says):
    return f"![{says}]({name}.svg)\n"


def tell(source, folder):
    """Reads the samples, writes the page and its plots into the folder; gives back the table."""
    samples = json.loads(source.read_text())
    all_rows = rows(samples)
    plots.draw(samples, all_rows, folder)
    parts = [
        HEAD, table(all_rows),
        picture("users", "Time of one login against the number of enrolled users, both axes logarithmic"),
        picture("latency", "How the time of a login spreads, for each module and condition"),
        picture("work", "Instructions, system calls and page faults of a login, for each module"),
        at_size(samples["commands"]), where_worse(all_rows), READING, METHOD.format(races=len(samples["races"]["ours"]["one"])),
        of_machine(samples["machine"], samples), (HERE / "tried.md").read_text(),
    ]
    page = folder / "RESULTS.md"
    page.write_text("\n".join(parts))
    return f"{table(all_rows)}\n{page}"
