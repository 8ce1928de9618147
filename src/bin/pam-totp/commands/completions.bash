
# What clap_complete does not know: users, services and groups.
_pam_totp_names() {
    _pam__totp "$@"
    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
    case $prev in
        --service | --like) COMPREPLY=($(compgen -W "$(cd /etc/pam.d 2>/dev/null && echo *)" -- "$cur")); return ;;
        --group) COMPREPLY=($(compgen -g -- "$cur")); return ;;
        --user | --except) COMPREPLY=($(compgen -u -- "$cur")); return ;;
        -*) [ "${#COMPREPLY[@]}" -gt 0 ] && return ;;
    esac
    [[ $cur == -* ]] && return
    case " ${COMP_WORDS[*]:1:COMP_CWORD-1} " in
        *" stack add "* | *" stack remove "*)
            COMPREPLY+=($(compgen -W "$(cd /etc/pam.d 2>/dev/null && echo *)" -- "$cur")) ;;
        *" try "*) COMPREPLY+=($(compgen -u -W "$(cd /etc/pam.d 2>/dev/null && echo *)" -- "$cur")) ;;
        *" enroll "* | *" reconfigure "* | *" generate "* | *" set "* | *" backup-codes "* | *" verify "* | *" status "* | *" list "* | \
            *" remove "* | *" disable "* | *" resync "* | *" unlock "* | *" forget "* | *" rename "* | *" explain "*)
            COMPREPLY+=($(compgen -u -- "$cur")) ;;
    esac
}
complete -F _pam_totp_names -o bashdefault -o default pam-totp
