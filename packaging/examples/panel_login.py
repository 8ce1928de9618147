#!/usr/bin/python3
"""The web login of a panel that asks for the code itself: the password by PAM, then two calls of pam-totp.

    printf '%s\n' PASSWORD [CODE] | panel_login.py USER ADDRESS

prints one word and what to tell the user. A panel calls login() when the form with the password comes, and keeps the
word "code" in its own session; code() when the form with the code comes, for a session that holds this word and no
other. It must be root, as only root may know keys and judge codes of others.
"""
import ctypes
import ipaddress
import json
import subprocess
import sys

# A stack that asks for the password alone, /etc/pam.d/panel-password. SERVICE is the panel's name in policy and log,
# and no file in /etc/pam.d.
PASSWORD_SERVICE = "panel-password"
SERVICE = "panel"

PAM_SUCCESS, PAM_CONV_ERR, PAM_RHOST, PAM_PROMPT_ECHO_OFF = 0, 19, 4, 1
libc, libpam = ctypes.CDLL("libc.so.6"), ctypes.CDLL("libpam.so.0")
libc.calloc.restype = libc.strdup.restype = ctypes.c_void_p


class Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]


class Response(ctypes.Structure):
    _fields_ = [("text", ctypes.c_void_p), ("unused", ctypes.c_int)]


CONVERSE = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(Message)),
    ctypes.POINTER(ctypes.POINTER(Response)),
    ctypes.c_void_p,
)


class Conversation(ctypes.Structure):
    _fields_ = [("converse", CONVERSE), ("data", ctypes.c_void_p)]


def password_is_right(service, user, password, address):
    """One field: each hidden prompt of the stack gets the same answer, as in FTP or HTTP Basic."""

    @CONVERSE
    def converse(count, messages, responses, _):
        answers = ctypes.cast(libc.calloc(count, ctypes.sizeof(Response)), ctypes.POINTER(Response))
        for n in range(count):
            if messages[n].contents.style == PAM_PROMPT_ECHO_OFF:
                answers[n].text = libc.strdup(password.encode())
        responses[0] = answers
        return PAM_SUCCESS

    if "\0" in user + password:
        return False
    handle, conversation = ctypes.c_void_p(), Conversation(converse, None)
    started = libpam.pam_start(service.encode(), user.encode(), ctypes.byref(conversation), ctypes.byref(handle))
    if started != PAM_SUCCESS:
        return False
    # Before anything is asked: the module counts wrong answers by where they come from.
    answer = libpam.pam_set_item(handle, PAM_RHOST, address.encode())
    answer = answer or libpam.pam_authenticate(handle, 0) or libpam.pam_acct_mgmt(handle, 0)
    libpam.pam_end(handle, answer)
    return answer == PAM_SUCCESS


def pam_totp(*arguments, answer=""):
    """The one object that pam-totp prints. What the user typed goes to stdin: everybody can read a command line."""
    command = ["pam-totp", "--json", *arguments]
    done = subprocess.run(command, input=answer, capture_output=True, text=True, timeout=30, check=False)
    return json.loads(done.stdout)


def one_line(text):
    return text.replace("\r", "").replace("\n", "")


def login(user, password, address):
    """What the form with the password comes to: "in", "code", "enroll" or "no"."""
    address = str(ipaddress.ip_address(address))
    # First the password, and nothing else before it is right: no stranger learns here who is enrolled.
    if not password_is_right(PASSWORD_SERVICE, user, password, address):
        return "no", "Name or password is wrong."
    due = pam_totp("policy", "explain", "--service", SERVICE, "--from", address, "--", user)
    # A stack that came to stand under the panel's name: what it asks is not what the panel asks.
    if due.get("stack") is False:
        return "no", f"/etc/pam.d/{SERVICE} does not name pam_totp.so: give the panel a name of its own."
    words = {"pass": "in", "ask": "code", "enroll": "enroll"}
    # Whatever is not one of these, an error too, is a no.
    word = words.get(due.get("decision"), "no")
    return word, "" if word != "no" else "Ask your administrator for access."


def code(user, answer, address):
    """What the form with the code comes to: "in" or "no"."""
    address = str(ipaddress.ip_address(address))
    arguments = ["verify", "--service", SERVICE, "--from", address, "--", user]
    verdict = pam_totp(*arguments, answer=one_line(answer) + "\n")
    if verdict.get("accepted") is True:
        left = verdict.get("backup_codes_left")
        return "in", "" if left is None else f"{left} backup codes are left."
    wait = verdict.get("retry_after", 0)
    # Somebody has guessed. Two codes in a row, or three, are looked at always: in the same field, or in one each.
    row = {2: "two codes in a row, like 123456-789012", 3: "three codes in a row, like 123456-789012-345678"}
    wanted = row.get(verdict.get("codes"), row[2])
    return "no", {
        "used": f"This code was used already. The next one comes in {wait} s.",
        "waiting": f"Too many wrong codes. Enter {wanted}: the one shown now, then the next.",
        "same": "That is the same code twice. Wait until the app shows another one.",
        "wrong": "The security code is invalid.",
    }.get(verdict.get("reason"), "Codes cannot be checked now.")


def main():
    user, address = sys.argv[1:]
    word, text = login(user, one_line(sys.stdin.readline()), address)
    answer = sys.stdin.readline()
    if word == "code" and answer:
        word, text = code(user, answer, address)
    print(word, text)


if __name__ == "__main__":
    main()
