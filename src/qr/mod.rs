//! A QR code drawn for a terminal, and for the programs as a picture.
//!
//! The drawing is the key in another shape, so it wipes itself as keys do.

use std::fmt;

use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

use crate::system::memory;

pub mod page;
#[cfg(feature = "cli")]
pub mod picture;

// Both colors are said, from the fixed part of the 256-color palette: a scanner needs dark on light, quiet zone
// included, and only what is not left to the theme is so on every theme. Each starts with a reset, for a terminal
// that was left in reverse or bold.
const INK_ON_PAPER: &str = "\x1b[0;38;5;16;48;5;231m";
const INK: &str = "\x1b[0;38;5;16;48;5;16m";
const PAPER: &str = "\x1b[0;38;5;231;48;5;231m";
/// Ends every line, or the terminal would color the rest of it.
const END_OF_LINE: &str = "\x1b[0m\n";

/// The quiet zone of the standard, and the narrowest one that scanners still put up with.
const QUIET_ZONES: [u8; 2] = [4, 2];

/// What the largest code takes: 177 modules each way, which the library tries in eight masks, and up to 21 bytes for each
/// in the drawing.
const MEMORY: usize = 2 << 20;

/// How a dark module is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrawingStyle {
    /// Half blocks, two modules in a cell.
    Utf8,
    /// A module in two cells, for terminals without UTF-8. The cells are solid by their background; the `##` in the
    /// dark ones is for a paper or a log that keeps no colors.
    Ascii,
}

/// The terminal's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Cells from left to right.
    pub columns: u16,
    /// Cells from top to bottom.
    pub rows: u16,
}

/// A drawing, ready to be written to the terminal.
pub struct Drawing {
    /// Lines with their colors, each ended by a newline.
    pub text: Zeroizing<String>,
    /// How many lines.
    pub rows: u16,
    /// How wide each of them is.
    pub columns: u16,
}

/// Why there is no drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QrError {
    /// The window is too small.
    TooSmall {
        /// Rows and columns that the code needs, with what stands under it.
        needs: Size,
        /// Those of the window.
        has: Size,
    },
    /// No QR code holds this much.
    TooLong,
    /// There is no memory for it.
    NoMemory,
}

impl fmt::Display for QrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (needs, has) = match *self {
            Self::NoMemory => return f.write_str("There is no memory for a QR code: type the key into the app."),
            Self::TooLong => {
                return f.write_str(
                    "Issuer and account are too long for a QR code: shorten them, or type the key into the app.",
                );
            }
            Self::TooSmall { needs, has } => (needs, has),
        };
        let (wide, tall) = (needs.columns <= has.columns, needs.rows <= has.rows);
        let (needs, has) = match (wide, tall) {
            (true, _) => (format!("{} rows", needs.rows), has.rows.to_string()),
            (false, true) => (format!("{} columns", needs.columns), has.columns.to_string()),
            (false, false) => (
                format!("{} columns and {} rows", needs.columns, needs.rows),
                format!("{} and {}", has.columns, has.rows),
            ),
        };
        write!(
            f,
            "The QR code needs a window of {needs}, this one has {has}. To get it, make the window larger or its font \
             smaller and start again, or use --qr-file FILE.png."
        )
    }
}

impl std::error::Error for QrError {}

/// Draws `uri` whatever its size.
pub fn draw(uri: &str, style: DrawingStyle) -> Result<Drawing, QrError> {
    draw_with(uri, style, QUIET_ZONES[0])
}

fn draw_with(uri: &str, style: DrawingStyle, quiet_zone: u8) -> Result<Drawing, QrError> {
    let (modules, width) = modules(uri)?;
    let rows_of_modules: Vec<&[bool]> = modules.chunks_exact(width.max(1)).collect();
    let canvas = Canvas { modules: &rows_of_modules, quiet: usize::from(quiet_zone) };
    let (columns, rows) = canvas.cells(style).ok_or(QrError::TooLong)?;
    Ok(Drawing { text: canvas.paint(style), rows, columns })
}

/// The code's modules row by row, and how many a row has; `true` is a dark one.
fn modules(uri: &str) -> Result<(Zeroizing<Vec<bool>>, usize), QrError> {
    memory::room(MEMORY).map_err(|memory::NoMemory| QrError::NoMemory)?;
    let code = QrCode::with_error_correction_level(uri, EcLevel::L).map_err(|_| QrError::TooLong)?;
    let width = code.width();
    Ok((Zeroizing::new(code.into_colors().into_iter().map(|c| c == Color::Dark).collect()), width))
}

/// The modules inside their quiet zone.
struct Canvas<'a> {
    modules: &'a [&'a [bool]],
    quiet: usize,
}

impl Canvas<'_> {
    fn side(&self) -> usize {
        self.modules.len().saturating_add(self.quiet.saturating_mul(2))
    }

    /// Columns and rows of the drawing, in cells.
    fn cells(&self, style: DrawingStyle) -> Option<(u16, u16)> {
        let side = u16::try_from(self.side()).ok()?;
        match style {
            DrawingStyle::Utf8 => Some((side, side.div_ceil(2))),
            DrawingStyle::Ascii => Some((side.checked_mul(2)?, side)),
        }
    }

    /// Whatever is not a module is light: the quiet zone, and the half row under an odd number of them.
    fn is_dark(&self, row: usize, column: usize) -> bool {
        let module = || self.modules.get(row.checked_sub(self.quiet)?)?.get(column.checked_sub(self.quiet)?);
        module().copied().unwrap_or(false)
    }

    /// Bytes that no drawing exceeds. Taken all at once: a string that grows leaves copies of the key behind.
    fn room(&self) -> usize {
        let longest_cell = INK.len().max(PAPER.len()).saturating_add(2);
        let longest_line = longest_cell.saturating_mul(self.side()).saturating_add(END_OF_LINE.len());
        longest_line.saturating_mul(self.side())
    }

    fn paint(&self, style: DrawingStyle) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.room()));
        match style {
            DrawingStyle::Utf8 => self.paint_half_blocks(&mut text),
            DrawingStyle::Ascii => self.paint_pairs(&mut text),
        }
        text
    }

    fn paint_half_blocks(&self, text: &mut String) {
        for row in (0..self.side()).step_by(2) {
            text.push_str(INK_ON_PAPER);
            for column in 0..self.side() {
                text.push(match (self.is_dark(row, column), self.is_dark(row.saturating_add(1), column)) {
                    (false, false) => ' ',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (true, true) => '█',
                });
            }
            text.push_str(END_OF_LINE);
        }
    }

    fn paint_pairs(&self, text: &mut String) {
        for row in 0..self.side() {
            let mut last = None;
            for column in 0..self.side() {
                let dark = self.is_dark(row, column);
                if last.replace(dark) != Some(dark) {
                    text.push_str(if dark { INK } else { PAPER });
                }
                text.push_str(if dark { "##" } else { "  " });
            }
            text.push_str(END_OF_LINE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 99 bytes: what a usual host and account come to.
    const URI: &str =
        "otpauth://totp/host.example.com:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=host.example.com";

    /// The modules of a drawing, quiet zone included, as somebody sees them who knows nothing of how it was painted.
    fn look(drawing: &Drawing, style: DrawingStyle) -> Vec<Vec<bool>> {
        let mut seen = Vec::new();
        for line in drawing.text.lines() {
            let line = line.replace(INK_ON_PAPER, "").replace(INK, "").replace(PAPER, "").replace("\x1b[0m", "");
            match style {
                DrawingStyle::Utf8 => {
                    seen.push(line.chars().map(|c| "▀█".contains(c)).collect());
                    seen.push(line.chars().map(|c| "▄█".contains(c)).collect());
                }
                DrawingStyle::Ascii => {
                    assert!(line.is_ascii());
                    let pairs = line.as_bytes().chunks(2);
                    seen.push(
                        pairs
                            .map(|p| {
                                if p == b"##" {
                                    true
                                } else {
                                    assert_eq!(p, b"  ");
                                    false
                                }
                            })
                            .collect(),
                    );
                }
            }
        }
        seen
    }

    fn expected(uri: &str, quiet: usize) -> Vec<Vec<bool>> {
        let code = QrCode::with_error_correction_level(uri, EcLevel::L).unwrap();
        let side = code.width() + 2 * quiet;
        let mut modules = vec![vec![false; side]; side];
        for (at, color) in code.to_colors().into_iter().enumerate() {
            modules[quiet + at / code.width()][quiet + at % code.width()] = color == Color::Dark;
        }
        modules
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_drawing_shows_every_module_and_its_quiet_zone(uri in "[ -~]{1,200}", narrow: bool) {
            for style in [DrawingStyle::Utf8, DrawingStyle::Ascii] {
                let quiet = if narrow { 2 } else { 4 };
                let drawing = draw_with(&uri, style, quiet).unwrap();
                prop_assert_eq!(drawing.text.lines().count(), usize::from(drawing.rows));

                let mut seen = look(&drawing, style);
                let expected = expected(&uri, usize::from(quiet));
                if seen.len() > expected.len() {
                    prop_assert!(seen.pop().unwrap().iter().all(|dark| !dark));
                }
                prop_assert_eq!(&seen, &expected);
                prop_assert_eq!(seen[0].len() * if style == DrawingStyle::Ascii { 2 } else { 1 }, usize::from(drawing.columns));
            }
        }
    }

    #[test]
    fn a_usual_uri_leaves_three_rows_of_a_usual_window() {
        let size = |style, quiet| draw_with(URI, style, quiet).map(|d| (d.rows, d.columns)).unwrap();
        assert_eq!([size(DrawingStyle::Utf8, 2), size(DrawingStyle::Utf8, 4)], [(21, 41), (23, 45)]);
        assert_eq!(size(DrawingStyle::Ascii, 2), (41, 82));
        assert_eq!(draw(URI, DrawingStyle::Utf8).unwrap().rows, 23, "the quiet zone of the standard");
        assert_eq!(draw(&"x".repeat(3000), DrawingStyle::Utf8).err(), Some(QrError::TooLong));
    }

    #[test]
    fn who_gets_no_code_is_told_what_to_do() {
        let told = |columns, rows| {
            let needs = Size { columns, rows };
            QrError::TooSmall { needs, has: Size { columns: 80, rows: 24 } }.to_string()
        };
        assert!(told(41, 25).starts_with("The QR code needs a window of 25 rows, this one has 24. To get it,"));
        assert!(told(82, 24).contains(" of 82 columns, this one has 80."));
        assert!(told(82, 44).contains(" of 82 columns and 44 rows, this one has 80 and 24."));
        assert!(told(82, 44).ends_with(", or use --qr-file FILE.png."));
    }

    /// The cells are solid by their background: what a scanner sees hangs on the colors alone.
    #[test]
    fn each_run_of_cells_begins_with_its_color() {
        let canvas = Canvas { modules: &[&[true, true], &[false, true]], quiet: 0 };
        let lines = [format!("{INK}####{END_OF_LINE}"), format!("{PAPER}  {INK}##{END_OF_LINE}")];
        assert_eq!(*canvas.paint(DrawingStyle::Ascii), lines.concat());
        assert_eq!(*canvas.paint(DrawingStyle::Utf8), format!("{INK_ON_PAPER}▀█{END_OF_LINE}"));
    }

    #[test]
    fn a_drawing_never_grows_past_the_room_taken_for_it() {
        for style in [DrawingStyle::Utf8, DrawingStyle::Ascii] {
            let canvas = Canvas { modules: &[&[true, false], &[false, true]], quiet: 1 };
            assert_eq!(canvas.paint(style).capacity(), canvas.room());
        }
    }
}
