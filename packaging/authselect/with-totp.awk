# Reads system-auth or password-auth of one of authselect's profiles, and prints it with the feature "with-totp".
#
# What is `sufficient` there ends the stack, so that a line behind it is never reached. With the feature it jumps instead,
# over everything that refuses, to our line behind pam_deny. How far that is must not depend on other features: for each
# line that a feature adds, a line that does nothing stands in while it is absent.
#
# A profile of another shape than authselect's own is refused: a jump that ends one line too early or too late would let
# people in, or lock them out.

function fail(why) {
    printf "%s: %s\n", FILENAME, why > "/dev/stderr"
    failed = 1
    exit 1
}

/^[ \t]*\{(continue|stop) if/ { fail("it is not whole with every feature") }

# The lines as they are, and what is to be known of each.
{
    line[++count] = $0
    if ($1 !~ /^-?auth$/) {
        if ($1 ~ /^-?account$/ && !account) account = count
        next
    }
    auth[++auths] = count
    condition[auths] = ""
    if (match($0, /\{(include|exclude) if [^}]*\}/)) {
        given = substr($0, RSTART + 1, RLENGTH - 2)
        sense = substr(given, 1, 7)
        sub(/^(include|exclude) if /, "", given)
        # What stands in is there while the line is not.
        condition[auths] = sense == "include" ? "not (" given ")" : "(" given ")"
    }
    control[auths] = $2
    if ($2 ~ /^\[/) {
        match($0, /\[[^]]*\]/)
        control[auths] = substr($0, RSTART, RLENGTH)
    }
    if ($0 ~ /pam_totp\.so/) fail("it names pam_totp.so already")
    if ($2 ~ /^(include|substack)$/) fail("its auth lines go on in another file")
    if ($2 == "sufficient") { last = auths; if (!first) first = auths }
    if ($2 == "required" && $0 ~ /pam_deny\.so[ \t]*$/) { deny = auths; denies++ }
    if ($0 ~ /pam_faillock\.so preauth/) preauth = $0
}
# How many lines are skipped at most by the jumps of a line.
function jump(controls,    found, rest, number) {
    rest = controls
    while (match(rest, /=[0-9]+/)) {
        number = substr(rest, RSTART + 1, RLENGTH - 1) + 0
        if (number > found) found = number
        rest = substr(rest, RSTART + RLENGTH)
    }
    return found + 0
}

# Where the jump of a line has to have ended: behind the next that is sufficient.
function bound(a,    next_one) {
    for (next_one = a + 1; next_one < deny && control[next_one] != "sufficient"; next_one++) ;
    return next_one
}

function stand_ins(from, to,    a) {
    for (a = from; a <= to; a++)
        if (condition[a] != "")
            printf "auth        [default=ignore]                             pam_permit.so {include if \"with-totp\" and %s}\n", condition[a]
}

function with(text, before, after,    at) {
    at = index(text, before)
    return substr(text, 1, at - 1) "{if \"with-totp\":" after "|" before "}" substr(text, at + length(before))
}

END {
    if (failed) exit 1
    if (denies != 1 || !first || deny < last || deny != auths || !account) fail("its shape is not known")
    for (a = 1; a <= auths; a++)
        if (a + jump(control[a]) > bound(a)) fail("a jump of it goes too far: " line[auth[a]])

    for (l = 1; l <= count; l++) {
        a = auth[at + 1] == l ? ++at : 0
        text = line[l]
        if (l == account)
            print "account     required                                     pam_totp.so                                            {include if \"with-totp\"}"
        if (!a) {
            print text
        } else if (a == deny) {
            print with(text, "required", "requisite")
            # For an account that is locked out, the question for a code would show that the password was right.
            if (preauth != "") print locked_out(preauth)
            print "auth        requisite                                    pam_totp.so explain nullok                             {include if \"with-totp\"}"
            # Only who has come by a right password is here. Where no code is due, our line says nothing, and a jump says
            # nothing either.
            print "auth        required                                     pam_permit.so                                          {include if \"with-totp\"}"
        } else if (control[a] == "sufficient") {
            # All from here to pam_deny is there once, as itself or as what stands in for it.
            skipped = deny - a
            print with(text, "sufficient", "[success=" skipped " new_authtok_reqd=" skipped " default=ignore]")
            stand_ins(a + 1, bound(a))
        } else if (a < last && control[a] == "required" && text !~ /pam_(env|faildelay|faillock)\.so/) {
            # It refuses at once: the jump would pass by what has been refused, and ask for a code.
            print with(text, "required", "requisite")
        } else {
            print text
        }
    }
}

function locked_out(text) {
    sub(/required/, "requisite", text)
    if (match(text, /\{include if [^}]*\}/)) {
        given = substr(text, RSTART + 12, RLENGTH - 13)
        return substr(text, 1, RSTART - 1) "{include if \"with-totp\" and (" given ")}"
    }
    return text " {include if \"with-totp\"}"
}
