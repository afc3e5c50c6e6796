//! Pictures as cameras, phones and attackers make them.

use image::{Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;

use super::*;

/// What must not be in a picture that is kept.
const SECRET: &[u8] = b"48.858N 2.294E serial 1234";

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// A picture whose corners differ: red, green, blue, white from the top left, row by row.
fn corners(width: u32, height: u32) -> DynamicImage {
    let image = RgbImage::from_fn(width, height, |x, y| match (x < width / 2, y < height / 2) {
        (true, true) => Rgb([250, 10, 10]),
        (false, true) => Rgb([10, 250, 10]),
        (true, false) => Rgb([10, 10, 250]),
        (false, false) => Rgb([250, 250, 250]),
    });
    DynamicImage::ImageRgb8(image)
}

/// EXIF data with an orientation, and a secret behind it.
fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x02\0".to_vec();
    tiff.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    // A description, as text at offset 38.
    tiff.extend([0x0e, 0x01, 2, 0, SECRET.len() as u8, 0, 0, 0, 38, 0, 0, 0]);
    tiff.extend([0; 4]);
    tiff.extend(SECRET);
    tiff
}

fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xff, marker];
    out.extend(u16::try_from(body.len() + 2).unwrap().to_be_bytes());
    out.extend(body);
    out
}

/// A photo as a phone makes it: EXIF, XMP, IPTC, a comment, and a film behind the end.
fn photo(image: &DynamicImage, orientation: u8) -> Vec<u8> {
    let plain = encoded(image, ImageFormat::Jpeg);
    let mut out = plain[..2].to_vec();
    out.extend(segment(0xe1, &[b"Exif\0\0", &exif(orientation)[..]].concat()));
    out.extend(segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", SECRET].concat()));
    out.extend(segment(0xed, &[b"Photoshop 3.0\0", SECRET].concat()));
    out.extend(segment(0xfe, SECRET));
    out.extend(&plain[2..]);
    out.extend(b"\0\0\0\x18ftypmp42");
    out.extend(SECRET);
    out
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut sum = flate2::Crc::new();
    sum.update(kind);
    sum.update(data);
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length[..], kind, data, &sum.sum().to_be_bytes()].concat()
}

fn look(format: Format, bytes: &[u8]) -> Result<Picture, BadPicture> {
    let header = format.header(&mut Cursor::new(bytes))?;
    work(format, header, bytes.to_vec())
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

fn nearly(pixel: Rgb<u8>, wanted: [u8; 3]) -> bool {
    pixel.0.iter().zip(wanted).all(|(is, wanted)| is.abs_diff(wanted) < 60)
}

#[test]
fn a_photo_keeps_its_picture_and_tells_nothing_else() {
    let bytes = photo(&corners(1_000, 600), 1);
    assert!(holds(&bytes, SECRET) && holds(&bytes, b"Exif"));
    let picture = look(Format::Jpeg, &bytes).unwrap();
    assert_eq!((picture.width, picture.height), (1_000, 600));
    for word in [SECRET, b"Exif", b"adobe", b"Photoshop", b"ftyp"] {
        assert!(!holds(&picture.bytes, word), "{}", String::from_utf8_lossy(word));
    }
    // Bit for bit what the encoder made, but for the segments.
    let (was, is) = [&bytes, &picture.bytes]
        .map(|bytes| image::load_from_memory(bytes).unwrap().into_rgb8())
        .into();
    assert!(was == is, "the pixels are the same");
    let preview = picture.preview.unwrap();
    assert_eq!(preview.mime, "image/jpeg");
    let small = image::load_from_memory(&preview.bytes).unwrap();
    assert_eq!((small.width(), small.height()), (640, 384));
    assert!(!holds(&preview.bytes, SECRET) && !holds(&preview.bytes, b"Exif"));
}

#[test]
fn a_portrait_stands_upright() {
    // 6: the camera was turned, and the picture must be turned to the right.
    let picture = look(Format::Jpeg, &photo(&corners(1_000, 600), 6)).unwrap();
    assert_eq!((picture.width, picture.height), (600, 1_000));
    let preview = image::load_from_memory(&picture.preview.unwrap().bytes).unwrap().into_rgb8();
    assert_eq!(preview.dimensions(), (384, 640));
    assert!(nearly(*preview.get_pixel(20, 20), [10, 10, 250]), "blue is at the top left");
    assert!(nearly(*preview.get_pixel(360, 20), [250, 10, 10]), "red is at the top right");
    // The original says so itself, and nothing more.
    assert!(!holds(&picture.bytes, SECRET));
    let mut decoder =
        decoder(Format::Jpeg, Header { width: 1_000, height: 600, frame: 1 << 30 }, &picture.bytes)
            .unwrap();
    assert_eq!(decoder.orientation().unwrap(), Orientation::Rotate90);
    assert_eq!(decoder.exif_metadata().unwrap().unwrap().len(), 26);
}

#[test]
fn drawings_lose_their_notes_and_keep_their_holes() {
    let image =
        RgbaImage::from_fn(900, 900, |x, _y| Rgba([0, 0, 200, if x < 450 { 0 } else { 255 }]));
    let plain = encoded(&DynamicImage::ImageRgba8(image), ImageFormat::Png);
    let (head, rest) = plain.split_at(33);
    let notes = [
        chunk(b"tEXt", &[b"Comment\0", SECRET].concat()),
        chunk(b"eXIf", &exif(3)),
        chunk(b"iTXt", SECRET),
        chunk(b"prVt", SECRET),
    ];
    let bytes = [head, &notes.concat(), rest, SECRET].concat();
    let picture = look(Format::Png, &bytes).unwrap();
    assert!(!holds(&picture.bytes, SECRET) && !holds(&picture.bytes, b"tEXt"));
    let preview = picture.preview.unwrap();
    assert_eq!(preview.mime, "image/png");
    let small = image::load_from_memory(&preview.bytes).unwrap().into_rgba8();
    // Upside down: what was left is right.
    assert_eq!((small.get_pixel(10, 10).0[3], small.get_pixel(630, 10).0[3]), (255, 0));
}

#[test]
fn a_webp_and_a_gif_are_stripped_too() {
    let image = DynamicImage::ImageRgb8(RgbImage::from_pixel(40, 30, Rgb([1, 2, 3])));
    let plain = encoded(&image, ImageFormat::WebP);
    let data = &plain[12..];
    let mut long = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x0c\0\0\0\x27\0\0\x1d\0\0".to_vec();
    long.extend(data);
    let exif = exif(6);
    long.extend(b"EXIF");
    long.extend(u32::try_from(exif.len()).unwrap().to_le_bytes());
    long.extend(&exif);
    long.extend(b"XMP \x1a\0\0\0");
    long.extend(SECRET);
    let size = u32::try_from(long.len() - 8).unwrap().to_le_bytes();
    long[4..8].copy_from_slice(&size);
    long.extend(SECRET);
    let picture = look(Format::Webp, &long).unwrap();
    assert_eq!((picture.width, picture.height), (30, 40));
    assert!(!holds(&picture.bytes, SECRET) && !holds(&picture.bytes, b"XMP "));
    assert!(picture.preview.is_none(), "it is small enough itself");
    assert!(image::load_from_memory(&picture.bytes).is_ok());

    let gif = encoded(&corners(50, 40), ImageFormat::Gif);
    let (body, end) = gif.split_at(gif.len() - 1);
    let mut comment = vec![0x21, 0xfe, SECRET.len() as u8];
    comment.extend(SECRET);
    comment.push(0);
    let noted = [body, &comment, end, SECRET].concat();
    let picture = look(Format::Gif, &noted).unwrap();
    assert_eq!((picture.width, picture.height), (50, 40));
    assert!(!holds(&picture.bytes, SECRET));
    assert_eq!(image::load_from_memory(&picture.bytes).unwrap().width(), 50);
}

#[test]
fn a_bomb_is_known_by_its_header() {
    let mut head = [50_000_u32.to_be_bytes(), 50_000_u32.to_be_bytes()].concat();
    head.extend([8, 6, 0, 0, 0]);
    let bomb = [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &head), chunk(b"IEND", b"")].concat();
    assert!(bomb.len() < 100);
    assert_eq!(look(Format::Png, &bomb).unwrap_err(), BadPicture::TooLarge(50, 16_384));
    // A header that tells less than the picture has is held to its word.
    let picture = encoded(&corners(300, 300), ImageFormat::Gif);
    let mut small = picture.clone();
    small[6..10].copy_from_slice(&[10, 0, 10, 0]);
    if let Ok(picture) = look(Format::Gif, &small) {
        assert_eq!((picture.width, picture.height), (10, 10));
    }
}

#[test]
fn what_takes_memory_is_told_by_the_header() {
    let memory = |format: Format, bytes: &[u8]| {
        format.header(&mut Cursor::new(bytes)).unwrap().memory(bytes.len() as u64)
    };
    let jpeg = encoded(&corners(1_000, 1_000), ImageFormat::Jpeg);
    let of_jpeg = memory(Format::Jpeg, &jpeg);
    assert!((9_000_000..12_000_000).contains(&of_jpeg), "{of_jpeg}");
    let png = encoded(&corners(1_000, 1_000), ImageFormat::Png);
    assert!(memory(Format::Png, &png) > of_jpeg);
    // In passes: a marker of another number.
    let mut passes = jpeg.clone();
    let at = passes.windows(2).position(|window| window == [0xff, 0xc0]).unwrap();
    passes[at + 1] = 0xc2;
    assert_eq!(memory(Format::Jpeg, &passes), of_jpeg + 6_000_000);
}

#[test]
fn what_is_cut_off_or_rubbish_is_broken_and_no_panic() {
    let whole = [
        (Format::Png, encoded(&corners(60, 40), ImageFormat::Png)),
        (Format::Jpeg, photo(&corners(60, 40), 6)),
        (Format::Gif, encoded(&corners(60, 40), ImageFormat::Gif)),
        (Format::Webp, encoded(&corners(60, 40), ImageFormat::WebP)),
    ];
    for (format, bytes) in &whole {
        assert!(look(*format, bytes).is_ok(), "{format:?}");
        for end in 0..bytes.len() {
            if let Ok(picture) = look(*format, &bytes[..end]) {
                assert_eq!(picture.width.max(picture.height), 60, "{format:?} {end}");
            }
        }
        assert!(look(*format, &bytes[..bytes.len() / 4]).is_err(), "{format:?}");
    }
    assert!(look(Format::Jpeg, b"\xff\xd8\xff\xe0 no picture").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Bytes that are turned about: an answer, and never a panic.
    #[test]
    fn nothing_panics(changes in prop::collection::vec((0..4_000_usize, any::<u8>()), 1..12)) {
        let whole = [
            (Format::Png, encoded(&corners(20, 20), ImageFormat::Png)),
            (Format::Jpeg, photo(&corners(20, 20), 8)),
            (Format::Gif, encoded(&corners(20, 20), ImageFormat::Gif)),
            (Format::Webp, encoded(&corners(20, 20), ImageFormat::WebP)),
        ];
        for (format, mut bytes) in whole {
            for (at, byte) in &changes {
                let at = at % bytes.len();
                bytes[at] = *byte;
            }
            let _whatever = format.strip(&bytes, Some(&exif(1)));
            let _whatever = look(format, &bytes);
        }
    }
}
