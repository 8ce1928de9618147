//! The same code as a picture, for web pages and files: SVG and PNG.
//!
//! Both are written here and not by a crate: neither needs compression, and no library's buffer keeps a copy of the key.

use std::fmt::Write;

use crc32fast::Hasher;
use zeroize::Zeroizing;

use super::{Canvas, QUIET_ZONES, QrError, modules};

/// Pixels of a module on each side. Eight, so that in a PNG of one bit a pixel a module is one byte.
const SCALE: usize = 8;

/// Draws `uri` as one SVG element: black on white, its quiet zone in it, no script, and nothing to be fetched.
pub fn svg(uri: &str) -> Result<Zeroizing<String>, QrError> {
    on_canvas(uri, |canvas| {
        let (side, pixels) = (canvas.side(), canvas.side().saturating_mul(SCALE));
        // Reserved at once: a string that grows leaves copies of the key behind. A row has a dark run in every second
        // column at most, and a run takes no more than 20 bytes.
        let mut text = Zeroizing::new(String::with_capacity(side.saturating_mul(side).saturating_mul(10).max(1_024)));
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{pixels}\" height=\"{pixels}\" \
             viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
             <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path fill=\"#000\" d=\""
        );
        for row in 0..side {
            let mut column = 0;
            while column < side {
                let run = (column..side).take_while(|column| canvas.is_dark(row, *column)).count();
                if run > 0 {
                    let _ = write!(text, "M{column} {row}h{run}v1h-{run}z");
                }
                column = column.saturating_add(run.max(1));
            }
        }
        text.push_str("\"/></svg>");
        text
    })
}

/// Draws `uri` as a PNG, black on white, its quiet zone in it.
pub fn png(uri: &str) -> Result<Zeroizing<Vec<u8>>, QrError> {
    on_canvas(uri, |canvas| {
        let pixels = u32::try_from(canvas.side().saturating_mul(SCALE)).unwrap_or(u32::MAX).to_be_bytes();
        let data = zlib(canvas);
        let mut png = Zeroizing::new(Vec::with_capacity(data.len().saturating_add(128)));
        png.extend(b"\x89PNG\r\n\x1a\n");
        // One bit a pixel, gray; nothing unusual else.
        chunk(&mut png, b"IHDR", &[&pixels[..], &pixels, &[1, 0, 0, 0, 0]].concat());
        chunk(&mut png, b"IDAT", &data);
        chunk(&mut png, b"IEND", &[]);
        png
    })
}

fn on_canvas<T>(uri: &str, paint: impl FnOnce(&Canvas<'_>) -> T) -> Result<T, QrError> {
    let (modules, width) = modules(uri)?;
    let rows: Vec<&[bool]> = modules.chunks_exact(width.max(1)).collect();
    Ok(paint(&Canvas { modules: &rows, quiet: usize::from(QUIET_ZONES[0]) }))
}

/// The pixels as a zlib stream, RFC 1950, of stored blocks: one a row of pixels.
fn zlib(canvas: &Canvas<'_>) -> Zeroizing<Vec<u8>> {
    let side = canvas.side();
    let block = side.saturating_add(6);
    let mut out =
        Zeroizing::new(Vec::with_capacity(block.saturating_mul(side).saturating_mul(SCALE).saturating_add(6)));
    out.extend([0x78, 0x01]);
    let mut sum = (1_u32, 0_u32);
    for row in 0..side {
        // The filter of the row, none, and its pixels.
        let pixels = (0..side).map(|column| if canvas.is_dark(row, column) { 0 } else { 0xff });
        let line = Zeroizing::new(std::iter::once(0).chain(pixels).collect::<Vec<u8>>());
        let length = u16::try_from(line.len()).unwrap_or(u16::MAX);
        for again in 1..=SCALE {
            let last = row.saturating_add(1) == side && again == SCALE;
            out.push(u8::from(last));
            out.extend(length.to_le_bytes());
            out.extend((!length).to_le_bytes());
            out.extend(line.iter());
            sum = line.iter().fold(sum, adler32);
        }
    }
    out.extend((sum.1 << 16 | sum.0).to_be_bytes());
    out
}

/// RFC 1950, section 8.2.
fn adler32((a, b): (u32, u32), byte: &u8) -> (u32, u32) {
    let a = a.wrapping_add(u32::from(*byte)) % 65_521;
    (a, b.wrapping_add(a) % 65_521)
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    let mut crc = Hasher::new();
    crc.update(kind);
    crc.update(data);
    png.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    png.extend(kind);
    png.extend(data);
    png.extend(crc.finalize().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The room is taken once: a buffer that grew would leave copies of the key behind.
    #[test]
    fn no_picture_outgrows_its_room() {
        // The densest code there is, and the smallest.
        for uri in ["x".repeat(2_900), "x".into()] {
            let side = on_canvas(&uri, |canvas| canvas.side()).unwrap();
            let svg = svg(&uri).unwrap();
            assert_eq!(svg.capacity(), (side * side * 10).max(1_024), "{} bytes", svg.len());
            let data = on_canvas(&uri, zlib).unwrap();
            assert_eq!(data.len(), data.capacity());
            let png = png(&uri).unwrap();
            assert_eq!(png.capacity(), data.len() + 128);
        }
        assert_eq!(png(&"x".repeat(3_000)).err(), Some(QrError::TooLong));
    }
}
