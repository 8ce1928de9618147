//! What Webmin and Usermin say to PAM. Debian has neither: a script does here what their miniserv.pl does, by the same module of
//! Perl's, in `validate_unix_user` and `pam_conv_func`.

use super::cases::{holds, people};
use crate::support::container::{Container, Release, on_each_release};

on_each_release!(a_panel_in_perl_takes_both_in_one_field);

const MINISERV: &str = r#"
use Authen::PAM;
my ($user, $field) = @ARGV;
sub conversation {
    my @answers;
    while (@_) {
        my ($kind, $message) = (shift, shift);
        my $answer = $kind == PAM_PROMPT_ECHO_ON() ? $user : $kind == PAM_PROMPT_ECHO_OFF() ? $field : "";
        push @answers, PAM_SUCCESS(), $answer;
    }
    return (@answers, PAM_SUCCESS());
}
my $pam = new Authen::PAM("webmin", $user, \&conversation);
ref $pam or die "no PAM: $pam\n";
$pam->pam_set_item(PAM_RHOST(), "192.0.2.7");
$pam->pam_set_item(PAM_TTY(), "10000");
exit 1 if $pam->pam_authenticate() != PAM_SUCCESS() || $pam->pam_acct_mgmt() != PAM_SUCCESS();
$pam->pam_open_session();
print "in as $user\n";
"#;

/// As the package of Webmin's makers ships it for Debian.
const STACK: &str = "#%PAM-1.0\n@include common-auth\n@include common-account\n@include common-password\n\
                     @include common-session\n";

fn a_panel_in_perl_takes_both_in_one_field(release: Release) {
    let container = Container::with(release, "administration", "");
    people(&container);
    container.file("/etc/pam.d/webmin", STACK);
    container.file("/srv/miniserv", MINISERV);
    container.runs("pam-totp stack add --yes --one-field webmin");
    holds(&container, "webmin", "webmin", |typed| {
        let output = container.tries(&format!("perl /srv/miniserv {} '{}'", typed.user, typed.in_one_field()));
        String::from_utf8_lossy(&output.stdout).contains("in as ")
    });
    // Not as this host's: it is a login from elsewhere.
    container.logs("right code: in-webmin from 192.0.2.7");
}
