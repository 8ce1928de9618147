//! User names as file names, and back.

use crate::store::error::{MAX_NAME, StoreError};

/// The file name of a user: characters outside `[A-Za-z0-9._@-]` and a leading dot are percent-encoded.
pub fn file_name(user: &str) -> Result<String, StoreError> {
    let mut name = String::with_capacity(user.len());
    for byte in user.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"_@-".contains(&byte) || (byte == b'.' && !name.is_empty());
        if plain {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name.is_empty() || name.len() > MAX_NAME { Err(StoreError::NameTooLong) } else { Ok(name) }
}

/// The inverse of [`file_name`]; `None` for what it would not have made.
pub fn user_name(file: &str) -> Option<String> {
    let mut pieces = file.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (hex, rest) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend(rest.as_bytes());
    }
    let user = String::from_utf8(bytes).ok()?;
    (file_name(&user).ok()? == file).then_some(user)
}
