# Read by the prerm scripts of libpam-totp and pam-totp.

# stop_while_named PACKAGE [--but-profile]: ends the removal while a PAM stack names pam_totp.so, if nobody said otherwise.
stop_while_named() {
    stacks=$(/usr/libexec/libpam-totp/named-in-stacks ${2+"$2"})
    [ -n "$stacks" ] || return 0

    db_subst "$1/remove-in-use" stacks "$(echo $stacks)"
    db_input critical "$1/remove-in-use" || :
    db_go || :
    db_get "$1/remove-in-use"
    if [ "$RET" = true ]; then return 0; fi
    # To be asked again at the next try.
    db_fset "$1/remove-in-use" seen false

    {
        echo "$1 is not removed. Without pam_totp.so nobody can log in through these files, which name it:"
        printf '    %s\n' $stacks
        echo 'Keep a root shell open, take its lines out of them, and remove the package again:'
        for stack in $stacks; do
            case $stack in
            /etc/pam.conf) echo "    editor $stack" ;;
            *) echo "    pam-totp stack remove ${stack##*/}" ;;
            esac
        done
        command -v pam-totp >/dev/null || echo 'The command pam-totp is in the package pam-totp.'
        echo 'To remove it all the same, say so first:'
        echo "    echo $1 $1/remove-in-use boolean true | debconf-set-selections"
    } >&2
    exit 1
}
