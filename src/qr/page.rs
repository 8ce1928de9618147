//! The code and the words about it on one screen: code first, words under it, or beside it where the rows do not
//! suffice. What is typed next, account, key and prompt, is always seen together with the code.

use zeroize::Zeroizing;

use super::{Drawing, DrawingStyle, QUIET_ZONES, QrError, Size, draw_with};
use crate::text::wrap::wrap;

/// A terminal that does not say how large it is, such as a serial line, is as large as terminals always were.
pub const USUAL: Size = Size { columns: 80, rows: 24 };
/// Between code and words.
const GAP: usize = 2;
/// Words in a narrower column than this are no longer read with ease.
const NARROWEST: usize = 26;
/// Left free at the right, where a terminal may break the line.
const MARGIN: usize = 2;

/// How many letters a line of text has on a terminal of so many columns.
pub fn text_width(columns: u16) -> usize {
    usize::from(columns.min(USUAL.columns)).saturating_sub(MARGIN).max(NARROWEST)
}

/// Draws the first of `uris` for which there is room in `size`, with `text`, above `below` rows that follow. An error is
/// about the first one: the others say the same in fewer letters.
pub fn page(
    uris: &[&str],
    style: DrawingStyle,
    size: Size,
    text: &str,
    below: u16,
) -> Result<Zeroizing<String>, QrError> {
    let screen = Screen { size, text, below };
    for uri in uris {
        for quiet_zone in QUIET_ZONES {
            let page = draw_with(uri, style, quiet_zone).ok().and_then(|drawing| screen.page(&drawing));
            if let Some(page) = page {
                return Ok(page);
            }
        }
    }
    let [.., narrowest] = QUIET_ZONES;
    let first = draw_with(uris.first().ok_or(QrError::TooLong)?, style, narrowest)?;
    Err(screen.too_small_for(&first))
}

/// What a code has to fit into.
struct Screen<'a> {
    size: Size,
    text: &'a str,
    below: u16,
}

impl Screen<'_> {
    fn page(&self, drawing: &Drawing) -> Option<Zeroizing<String>> {
        let under = self.under();
        let rows_left = self.size.rows.checked_sub(drawing.rows.saturating_add(self.below))?;
        if drawing.columns > self.size.columns {
            None
        } else if rows(&under) <= rows_left {
            Some(with_text(drawing, &[], &under))
        } else {
            Some(with_text(drawing, &self.beside(drawing)?, &[]))
        }
    }

    /// The text, and a blank line before what follows.
    fn under(&self) -> Vec<String> {
        let mut lines = lines(self.text, text_width(self.size.columns));
        lines.push(String::new());
        lines
    }

    /// The text in a column of its own, where there is room for one.
    fn beside(&self, drawing: &Drawing) -> Option<Vec<String>> {
        let taken = usize::from(drawing.columns).saturating_add(GAP);
        let width = text_width(self.size.columns).checked_sub(taken).filter(|left| *left >= NARROWEST)?;
        Some(lines(self.text, width)).filter(|lines| rows(lines) <= drawing.rows)
    }

    fn too_small_for(&self, drawing: &Drawing) -> QrError {
        let columns = drawing.columns;
        let under = if self.beside(drawing).is_some() { 0 } else { rows(&self.under()) };
        let rows = drawing.rows.saturating_add(self.below).saturating_add(under);
        QrError::TooSmall { needs: Size { columns, rows }, has: self.size }
    }
}

fn lines(text: &str, width: usize) -> Vec<String> {
    wrap(text, width).lines().map(str::to_owned).collect()
}

fn rows(lines: &[String]) -> u16 {
    u16::try_from(lines.len()).unwrap_or(u16::MAX)
}

fn with_text(drawing: &Drawing, beside: &[String], under: &[String]) -> Zeroizing<String> {
    let words = beside.iter().chain(under).fold(0_usize, |sum, line| sum.saturating_add(line.len()));
    let gaps = usize::from(drawing.rows).saturating_mul(GAP.saturating_add(1));
    // Reserved at once: a growing buffer would leave unwiped copies of the key behind.
    let room = drawing.text.len().saturating_add(words).saturating_add(gaps).saturating_add(under.len());
    let mut page = Zeroizing::new(String::with_capacity(room));
    let mut beside = beside.iter();
    for line in drawing.text.lines() {
        page.push_str(line);
        if let Some(words) = beside.next().filter(|words| !words.is_empty()) {
            page.push_str("  ");
            page.push_str(words);
        }
        page.push('\n');
    }
    for line in under {
        page.push_str(line);
        page.push('\n');
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    const TEXT: &str = "Scan this with the app on the phone, or add account and key by hand.\n\nThen type the code.";

    fn uris(issuer: &str) -> [String; 2] {
        let short = format!("otpauth://totp/{issuer}:alice?secret={KEY}");
        [format!("{short}&issuer={issuer}"), short]
    }

    fn made(issuer: &str, columns: u16, rows: u16) -> Result<Zeroizing<String>, QrError> {
        let [full, short] = uris(issuer);
        page(&[&full, &short], DrawingStyle::Utf8, Size { columns, rows }, TEXT, 3)
    }

    /// The lines without their colors.
    fn seen(page: &str) -> Vec<String> {
        let mut plain = String::new();
        for (at, part) in page.split('\x1b').enumerate() {
            plain.push_str(if at == 0 { part } else { part.split_once('m').expect("a color").1 });
        }
        plain.lines().map(str::to_owned).collect()
    }

    #[test]
    fn words_stand_under_the_code_where_there_is_room_and_beside_it_where_there_is_not() {
        let shown = seen(&made("host.example.com", 100, 40).unwrap());
        assert_eq!(shown.len(), 23 + 4, "{shown:?}");
        assert!(shown[23].starts_with("Scan this with the app on the phone,"));

        for rows in [24, 25] {
            let shown = seen(&made("host.example.com", 80, rows).unwrap());
            assert_eq!(shown.len(), 21);
            assert!(shown[0].ends_with("  Scan this with the app on the"), "{:?}", shown[0]);
            assert!(shown.iter().all(|line| line.chars().count() <= 78), "{shown:?}");
        }
    }

    /// An issuer of ordinary length, too, has a code in the window that every terminal has.
    #[test]
    fn an_issuer_that_is_said_once_takes_less() {
        for (issuer, rows) in [("host.example.com", 21), ("host1.hosting.example-company.com", 21)] {
            assert_eq!(seen(&made(issuer, 80, 24).unwrap()).len(), rows, "{issuer}");
        }
        let [full, short] = uris("host1.hosting.example-company.com");
        let alone = |uri: &str| page(&[uri], DrawingStyle::Utf8, USUAL, TEXT, 3).map(|page| page.lines().count());
        assert!(matches!(alone(&full), Err(QrError::TooSmall { needs: Size { rows: 26.., .. }, .. })));
        assert_eq!(alone(&short), Ok(21));
    }

    #[test]
    fn a_small_window_is_told_what_would_do() {
        let needs = |columns, rows| match made("host.example.com", columns, rows) {
            Err(QrError::TooSmall { needs, has }) if has == (Size { columns, rows }) => (needs.columns, needs.rows),
            other => panic!("{:?}", other.err()),
        };
        assert_eq!([needs(80, 20), needs(80, 21)], [(41, 24), (41, 24)]);
        // Without a column for the words they need rows.
        assert_eq!(needs(35, 24), (41, 24 + 6));
        let long = "x".repeat(3_000);
        assert_eq!(page(&[&long], DrawingStyle::Utf8, USUAL, TEXT, 3).err(), Some(QrError::TooLong));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Whatever the window: what is drawn fits, with the rows that follow, and what is refused says what would do.
        #[test]
        fn a_page_fits_its_window(issuer in "[a-z.]{1,60}", columns in 20_u16..120, rows in 10_u16..60) {
            match made(&issuer, columns, rows) {
                Ok(page) => {
                    let shown = seen(&page);
                    prop_assert!(shown.len() + 3 <= usize::from(rows));
                    prop_assert!(shown.iter().all(|line| line.chars().count() <= usize::from(columns.max(28))));
                    prop_assert!(page.capacity() >= page.len());
                }
                Err(QrError::TooSmall { needs, has }) => {
                    prop_assert!(needs.rows > rows || needs.columns > columns);
                    prop_assert_eq!(has, Size { columns, rows });
                    prop_assert!(made(&issuer, needs.columns.max(columns), needs.rows.max(rows)).is_ok());
                }
                Err(other) => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
