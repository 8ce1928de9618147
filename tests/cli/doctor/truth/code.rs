//! libpam's codes.

pub const SUCCESS: i32 = 0;
pub const PERM_DENIED: i32 = 6;
pub const AUTH_ERR: i32 = 7;
pub const AUTHINFO_UNAVAIL: i32 = 9;
pub const USER_UNKNOWN: i32 = 10;
pub const NEW_AUTHTOK_REQD: i32 = 12;
pub const ACCT_EXPIRED: i32 = 13;
pub const IGNORE: i32 = 25;
pub const MODULE_UNKNOWN: i32 = 28;

/// What they are called in the brackets of a stack.
pub fn name(code: i32) -> String {
    let names = [
        (SUCCESS, "success"),
        (PERM_DENIED, "perm_denied"),
        (AUTH_ERR, "auth_err"),
        (AUTHINFO_UNAVAIL, "authinfo_unavail"),
        (USER_UNKNOWN, "user_unknown"),
        (NEW_AUTHTOK_REQD, "new_authtok_reqd"),
        (ACCT_EXPIRED, "acct_expired"),
        (IGNORE, "ignore"),
        (MODULE_UNKNOWN, "module_unknown"),
    ];
    names.iter().find(|known| known.0 == code).map_or_else(|| code.to_string(), |known| known.1.to_owned())
}
