//! Files come in, are kept, read and removed; what is refused leaves nothing.

use futures_util::TryStreamExt;

use super::*;

struct Place {
    files: Files,
    faults: Faults,
    folder: tempfile::TempDir,
}

fn place(picture_mib: u32) -> Place {
    let (folder, faults) = (tempfile::tempdir().unwrap(), Faults::default());
    let files = Files::open(folder.path(), 1, picture_mib, &faults).unwrap();
    Place { files, faults, folder }
}

/// Files below the folder, but for the lock.
fn lying(place: &Place) -> usize {
    let mut folders = vec![place.folder.path().to_owned()];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                count += usize::from(!path.ends_with("lock"));
            }
        }
    }
    count
}

async fn upload(place: &Place, bytes: &[u8]) -> Result<Looked, FileError> {
    let mut incoming = place.files.receive().await?;
    for piece in bytes.chunks(1_000) {
        incoming.write(piece).await?;
    }
    place.files.look(incoming).await
}

async fn read(place: &Place, key: &str, range: Range<u64>) -> Vec<u8> {
    let chunks = place.files.read(key, false, range).await.unwrap();
    let chunks: Vec<_> = chunks.try_collect().await.unwrap();
    chunks.concat()
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let image = image::DynamicImage::ImageRgb8(image::RgbImage::new(width, height));
    let mut out = io::Cursor::new(Vec::new());
    image.write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

#[tokio::test]
async fn a_file_is_kept_read_in_parts_and_removed() {
    let place = place(64);
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let looked = upload(&place, &bytes).await.unwrap();
    assert_eq!((looked.mime, looked.size), ("application/octet-stream", 200_000));
    place.files.keep(&looked, "abcdef").await.unwrap();
    drop(looked);
    assert_eq!(lying(&place), 1);
    assert_eq!(read(&place, "abcdef", 0..200_000).await, bytes);
    assert_eq!(read(&place, "abcdef", 1_000..1_010).await, bytes[1_000..1_010]);
    assert!(read(&place, "abcdef", 5..5).await.is_empty());
    place.files.remove("abcdef").await.unwrap();
    place.files.remove("abcdef").await.unwrap();
    assert_eq!(lying(&place), 0);
    let missing = place.files.read("abcdef", false, 0..1).await;
    assert!(matches!(missing, Err(FileError::Missing)));
}

#[tokio::test]
async fn a_picture_gets_a_small_copy() {
    let place = place(64);
    let looked = upload(&place, &png(1_280, 700)).await.unwrap();
    assert_eq!((looked.mime, looked.sides), ("image/png", Some((1_280, 700))));
    assert_eq!(looked.preview.unwrap().0, "image/jpeg");
    place.files.keep(&looked, "0123").await.unwrap();
    drop(looked);
    assert_eq!(lying(&place), 2);
    let small = place.files.read("0123", true, 0..10).await.unwrap();
    assert!(!small.try_collect::<Vec<_>>().await.unwrap().concat().is_empty());
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let place = place(16);
    let broken = upload(&place, b"\x89PNG\r\n\x1a\n and no more").await;
    assert!(matches!(broken, Err(FileError::Picture(BadPicture::Broken))));
    let much = upload(&place, &png(2_000, 2_000)).await;
    assert!(matches!(much, Err(FileError::Picture(BadPicture::TooMuch))), "16 MiB are too few");
    place.faults.fill_disk(Some(5_000));
    let full = upload(&place, &[0; 20_000]).await;
    assert!(matches!(full, Err(FileError::Full)));
    place.faults.fill_disk(None);
    assert_eq!(lying(&place), 0);
    assert!(upload(&place, &[0; 20_000]).await.is_ok());
}
