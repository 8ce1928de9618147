
# What clap_complete does not know: users, services and groups.
complete -c pam-totp -l service -l like -xa '(command ls /etc/pam.d)'
complete -c pam-totp -l group -xa '(__fish_complete_groups)'
complete -c pam-totp -n '__fish_seen_subcommand_from try' -fa '(command ls /etc/pam.d)'
set -l of_stacks '__fish_seen_subcommand_from stack'
complete -c pam-totp -n "$of_stacks; and __fish_seen_subcommand_from add remove" -fa '(command ls /etc/pam.d)'
set -l of_users enroll reconfigure generate set backup-codes verify status list remove disable resync unlock forget rename explain
complete -c pam-totp -n "__fish_seen_subcommand_from $of_users; and not $of_stacks" -fa '(__fish_complete_users)'
complete -c pam-totp -l except -l user -xa '(__fish_complete_users)'
