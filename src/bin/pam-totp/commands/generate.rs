//! `generate`: a new key and its URI, of which nothing is stored.

use std::path::Path;

use clap::Args;
use pam_totp::factor::uri;
use pam_totp::system::clock::now;

use crate::backend::local_or_door;
use crate::form::{self, CodeForm, new_device, new_key, warn};
use crate::json;
use crate::label::{Label, label};
use crate::people::whom;
use crate::picture::{NewFile, Picture, QrDrawing};
use crate::report::{Failure, Report};
use crate::target::{USUAL_NAME, digits_of};

#[derive(Args)]
pub struct GenerateArgs {
    /// Which user [default: you].
    user: Option<String>,
    #[command(flatten)]
    label: Label,
    #[command(flatten)]
    form: CodeForm,
    /// Also draw the QR code.
    #[arg(long, value_enum, default_value = "none")]
    qr: QrDrawing,
    /// Write the QR code to a new file: a .png or .svg.
    #[arg(long, value_name = "FILE", value_parser = NewFile::parse)]
    qr_file: Option<NewFile>,
}

/// Prints a new key; nothing is stored.
pub fn generate(config: Option<&Path>, arguments: &GenerateArgs) -> Result<Report, Failure> {
    let backend = local_or_door(config)?;
    let account = whom(arguments.user.as_deref(), "generate")?;
    let (issuer, name) = label(&backend, &arguments.label, &account)?;
    let enrolled = backend.status(&account).ok().filter(|status| status.enrolled);
    let digits = enrolled.and_then(|status| digits_of(&status));
    let device = arguments.form.shape(new_device(new_key()?, USUAL_NAME)?, digits)?;
    let warnings = form::warnings(&device, true);
    warn(&warnings);
    let (secret, uri) = (device.secret.to_base32(), uri::otpauth(&device, &issuer, &name));
    let drawing = arguments.qr.of(&uri)?;
    let picture = arguments.qr_file.as_ref().map(|file| file.write(&uri)).transpose()?;
    let mut text =
        format!("Issuer:  {issuer}\nAccount: {name}\nKey:     {}\nURI:     {}", *device.secret.to_groups(), *uri);
    for more in picture.iter().map(Picture::words).chain(drawing.iter().map(|drawn| drawn.trim_end().to_owned())) {
        text.push('\n');
        text.push_str(&more);
    }
    let drawn = |style| drawing.as_ref().filter(|_| arguments.qr == style).map(|drawn| drawn.as_str());
    let object = json::GenerateReport {
        user: &account.name,
        secret: &secret,
        uri: &uri,
        issuer: &issuer,
        account: &name,
        warnings: &warnings,
        now_at: now(),
        qr_svg: drawn(QrDrawing::Svg),
        qr_utf8: drawn(QrDrawing::Utf8),
        qr_ascii: drawn(QrDrawing::Ascii),
        qr_file: picture.map(Picture::keep),
    };
    Ok(Report::new(text, &object).unwrapped())
}
