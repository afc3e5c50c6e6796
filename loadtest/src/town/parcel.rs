//! Files that people bring into a room: what is in them, and whether what comes back is the same.

use std::borrow::Cow;
use std::io::Write;
use std::rc::Rc;

use anyhow::Result;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::Value;

use super::book::{Part, Wrong};
use crate::setup::text_at;

/// The sides of the picture: longer than those of a preview.
const SIDES: [u32; 2] = [1_024, 768];

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Plain text that follows from its number; so nobody has to keep it.
    Text { serial: u64, bytes: usize },
    /// A picture that tells nothing beside itself, so it is kept as it is.
    Picture(Rc<[u8]>),
}

/// A file that was uploaded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parcel {
    pub id: Box<str>,
    pub url: Box<str>,
    /// Of a picture.
    pub preview_url: Option<Box<str>>,
    contents: Contents,
}

impl Contents {
    pub(crate) fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Text { serial, bytes } => Cow::Owned(letters(*serial, *bytes)),
            Self::Picture(bytes) => Cow::Borrowed(bytes),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "minutes.txt",
            Self::Picture(_) => "pitch.png",
        }
    }

    fn mime(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text/plain",
            Self::Picture(_) => "image/png",
        }
    }
}

/// Its number, and letters in lines: what looks like no other kind of file.
fn letters(serial: u64, bytes: usize) -> Vec<u8> {
    let mut state = serial.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let letter = |place: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if place % 64 == 63 { b'\n' } else { b'a' + (state >> 32) as u8 % 26 }
    };
    let head = format!("{serial:012}\n").into_bytes();
    head.into_iter().chain((0..bytes).map(letter)).take(bytes).collect()
}

impl Parcel {
    /// Reads the answer to an upload.
    pub(crate) fn uploaded(contents: Contents, file: &Value) -> Result<Self, Wrong> {
        let parcel = Self::read(contents, file);
        let parcel =
            parcel.map_err(|why| Part::File.wrong(format!("the answer to an upload: {why:#}")))?;
        let size = file.get("size").and_then(Value::as_u64);
        let side = |key| file.get(key).and_then(Value::as_u64);
        let is_picture = matches!(parcel.contents, Contents::Picture(_));
        let sides = [side("width"), side("height")];
        let wanted = is_picture.then_some(SIDES.map(u64::from));
        let is_right = size == Some(parcel.contents.bytes().len() as u64)
            && file.get("mime").and_then(Value::as_str) == Some(parcel.contents.mime())
            && file.get("name").and_then(Value::as_str) == Some(parcel.contents.name())
            && sides == wanted.map_or([None; 2], |sides| sides.map(Some))
            && parcel.preview_url.is_some() == is_picture;
        if is_right { Ok(parcel) } else { Err(Part::File.wrong(format!("taken as {file}"))) }
    }

    fn read(contents: Contents, file: &Value) -> Result<Self> {
        let preview_url = file.get("preview_url").and_then(Value::as_str).map(Box::from);
        let (id, url) = (text_at(file, "/id")?.into(), text_at(file, "/url")?.into());
        Ok(Self { id, url, preview_url, contents })
    }

    /// What is wrong with what a member got for its address.
    pub(crate) fn compare(&self, status: u16, bytes: &[u8]) -> Option<Wrong> {
        let wanted = self.contents.bytes();
        let place = bytes.iter().zip(&*wanted).position(|(one, other)| one != other);
        let how = match (status, place) {
            (200, None) if bytes.len() == wanted.len() => return None,
            (200, None) => format!("{} bytes instead of {}", bytes.len(), wanted.len()),
            (200, Some(place)) => format!("another byte at {place}"),
            (status, _) => format!("answered with {status}"),
        };
        Some(Part::File.wrong(format!("{}: {how}", self.id)))
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.contents.bytes().len()
    }

    /// What is wrong with a part of it: the bytes from one place up to before another.
    pub(crate) fn compare_part(
        &self,
        (from, upto): (usize, usize),
        (status, range, bytes): (u16, &str, &[u8]),
    ) -> Option<Wrong> {
        let whole = self.contents.bytes();
        let wanted = format!("bytes {from}-{}/{}", upto.saturating_sub(1), whole.len());
        let is_right = status == 206 && range == wanted && whole.get(from..upto) == Some(bytes);
        let how = || format!("{}: {status}, {range:?} for {wanted:?}", self.id);
        (!is_right).then(|| Part::File.wrong(how()))
    }

    /// What is wrong with what a member got for the address of its preview.
    pub(crate) fn compare_preview(&self, status: u16, bytes: &[u8]) -> Option<Wrong> {
        let is_picture = bytes.starts_with(b"\x89PNG\r\n") || bytes.starts_with(b"\xff\xd8\xff");
        let is_right = status == 200 && is_picture;
        let how = || format!("the preview of {}: {status}, {} bytes", self.id, bytes.len());
        (!is_right).then(|| Part::File.wrong(how()))
    }
}

/// A grey picture of waves, as a PNG of nothing but itself.
pub(crate) fn picture() -> Result<Rc<[u8]>> {
    let [width, height] = SIDES;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    for y in 0..height {
        // Each line begins with its filter: none.
        let line = (0..width).map(|x| (((x * x + y * y) / 512) % 256) as u8);
        packed.write_all(&std::iter::once(0).chain(line).collect::<Vec<u8>>())?;
    }
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let [w, h] = [width.to_be_bytes(), height.to_be_bytes()];
    // Eight bits of grey, nothing interlaced.
    chunk(&mut png, *b"IHDR", &[&w[..], &h, &[8, 0, 0, 0, 0]].concat())?;
    chunk(&mut png, *b"IDAT", &packed.finish()?)?;
    chunk(&mut png, *b"IEND", &[])?;
    Ok(png.into())
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) -> Result<()> {
    let mut sum = flate2::Crc::new();
    sum.update(&kind);
    sum.update(data);
    png.extend_from_slice(&u32::try_from(data.len())?.to_be_bytes());
    png.extend_from_slice(&kind);
    png.extend_from_slice(data);
    png.extend_from_slice(&sum.sum().to_be_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn note() -> (Contents, Value) {
        let contents = Contents::Text { serial: 9, bytes: 2_000 };
        let file = json!({"id": "fi_7", "url": "/files/fi_7/minutes.txt", "name": "minutes.txt",
            "mime": "text/plain", "size": 2_000, "width": null, "height": null});
        (contents, file)
    }

    #[test]
    fn altered_bytes_are_caught() {
        let (contents, file) = note();
        let bytes = contents.bytes().into_owned();
        let parcel = Parcel::uploaded(contents, &file).unwrap();
        assert_eq!(parcel.compare(200, &bytes), None);
        let mut altered = bytes.clone();
        altered[1_999] ^= 1;
        for (status, bytes) in [(200, &altered[..]), (200, &bytes[..1_999]), (404, &bytes[..0])] {
            assert_eq!(parcel.compare(status, bytes).unwrap().what, Part::File);
        }
        assert_ne!(Contents::Text { serial: 10, bytes: 2_000 }.bytes(), bytes);
    }

    #[test]
    fn another_part_than_was_asked_for_is_caught() {
        let (contents, file) = note();
        let bytes = contents.bytes().into_owned();
        let parcel = Parcel::uploaded(contents, &file).unwrap();
        assert_eq!(parcel.len(), 2_000);
        let part = |answer| parcel.compare_part((100, 300), answer);
        assert_eq!(part((206, "bytes 100-299/2000", &bytes[100..300])), None);
        for answer in [
            (200, "", &bytes[..]),
            (206, "bytes 100-299/2000", &bytes[101..301]),
            (206, "bytes 100-299/*", &bytes[100..300]),
            (206, "bytes 0-199/2000", &bytes[100..300]),
        ] {
            assert_eq!(part(answer).unwrap().what, Part::File);
        }
    }

    #[test]
    fn an_upload_that_is_taken_for_something_else_is_caught() {
        for (field, value) in
            [("size", json!(1_999)), ("mime", json!("text/html")), ("preview_url", json!("/x"))]
        {
            let (contents, mut file) = note();
            file[field] = value;
            assert_eq!(Parcel::uploaded(contents, &file).unwrap_err().what, Part::File);
        }
    }

    #[test]
    fn a_picture_needs_its_sides_and_a_preview_that_is_a_picture() {
        let contents = Contents::Picture(picture().unwrap());
        let file = json!({"id": "fi_8", "url": "/files/fi_8/pitch.png", "name": "pitch.png",
            "mime": "image/png", "size": contents.bytes().len(), "width": 1_024, "height": 768,
            "preview_url": "/files/fi_8/preview"});
        let mut turned = file.clone();
        turned["width"] = json!(768);
        assert!(Parcel::uploaded(contents.clone(), &turned).is_err());
        let parcel = Parcel::uploaded(contents, &file).unwrap();
        assert_eq!(parcel.compare_preview(200, b"\xff\xd8\xff\xe0"), None);
        assert!(parcel.compare_preview(200, b"<html>").is_some());
        assert!(parcel.compare_preview(404, b"").is_some());
    }
}
