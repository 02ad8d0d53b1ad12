//! A QR code in the three forms a console or terminal can show. qrcode draws.

use fault::{Fault, Outcome, Reason};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, Luma};
use qrcode::render::{svg, unicode::Dense1x2};
use qrcode::{EcLevel, QrCode};
use zeroize::Zeroizing;

/// Pixels per module of the PNG.
const MODULE: u32 = 8;

/// The same code three times. All of them hold the secret.
pub(crate) struct Drawn {
    /// An image.
    pub(crate) png: Vec<u8>,
    /// A drawing.
    pub(crate) svg: String,
    /// Half-block characters, two modules a character.
    pub(crate) text: String,
}

/// Draws a text, error correction level M, with the quiet zone of four modules that scanners need.
///
/// # Errors
/// INTERNAL: the text is too long for a QR code, which a provisioning URI never is.
pub(crate) fn draw(text: &str) -> Outcome<Drawn> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(defect)?;
    let image = code.render::<Luma<u8>>().quiet_zone(true).module_dimensions(MODULE, MODULE).build();
    let (width, height) = image.dimensions();
    let pixels = Zeroizing::new(image.into_raw());
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(&pixels, width, height, ExtendedColorType::L8).map_err(defect)?;
    let svg = code.render::<svg::Color<'_>>().quiet_zone(true).module_dimensions(MODULE, MODULE).build();
    // Terminals are mostly light on dark: so the light modules are the ones to be printed, the quiet zone included.
    let text = code
        .render::<Dense1x2>()
        .quiet_zone(true)
        .module_dimensions(1, 1)
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build();
    Ok(Drawn { png, svg, text })
}

fn defect(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::new(Reason::Internal).with_cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_show_the_same_modules() {
        let drawn = draw("otpauth://totp/x").unwrap();
        let png = image::load_from_memory(&drawn.png).unwrap().to_luma8();
        let rows: Vec<Vec<char>> = drawn.text.lines().map(|line| line.chars().collect()).collect();
        let width = usize::try_from(png.width() / MODULE).unwrap();
        assert_eq!(rows.len(), width.div_ceil(2));
        for (y, row) in rows.iter().enumerate() {
            assert_eq!(row.len(), width);
            for (x, character) in row.iter().enumerate() {
                let light = |line: usize| {
                    let at = |index: usize| u32::try_from(index).unwrap() * MODULE + MODULE / 2;
                    line < width && png.get_pixel(at(x), at(line)).0[0] == 255
                };
                let expected = match (light(2 * y), light(2 * y + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                };
                assert_eq!(*character, expected, "{x} {y}");
            }
        }
        assert!(drawn.svg.contains("<svg") && drawn.svg.contains("#000"));
    }

    #[test]
    fn the_longest_uri_fits() {
        assert!(draw(&"a".repeat(2 * 240 + 660 + 128)).is_ok());
    }
}
