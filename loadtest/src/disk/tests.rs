use std::collections::BTreeSet;
use std::path::Path;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::cut::{Cut, Keep};
use super::image::Image;
use super::record::{Record, Step};
use super::{Disk, Faults};

/// A record in the making. Each call takes one moment, so that moments are easy to name.
#[derive(Default)]
struct Tape {
    bytes: Vec<u8>,
    now: u64,
}

const CREATE: u32 = 1;
const OPEN: u32 = 2;
const WRITE: u32 = 3;
const TRUNCATE: u32 = 4;
const SYNC: u32 = 5;

impl Tape {
    fn call(mut self, kind: u32, handle: u32, at: u64, body: &[u8]) -> Self {
        let (begin, end) = (self.now, self.now);
        self.now += 1;
        self.put(kind, false, handle, (begin, end), at, body)
    }

    fn put(
        mut self,
        kind: u32,
        is_failed: bool,
        handle: u32,
        (begin, end): (u64, u64),
        at: u64,
        body: &[u8],
    ) -> Self {
        for word in [kind, u32::from(is_failed), handle, body.len() as u32] {
            self.bytes.extend(word.to_ne_bytes());
        }
        for long in [begin, end, at] {
            self.bytes.extend(long.to_ne_bytes());
        }
        self.bytes.extend(body);
        self
    }

    fn failed_sync(mut self, handle: u32) -> Self {
        let moment = (self.now, self.now);
        self.now += 1;
        self.put(SYNC, true, handle, moment, 0, &[])
    }

    /// A file `a` whose name is kept.
    fn with_file() -> Self {
        Self::default().call(CREATE, 1, 0, b"a").call(OPEN, 2, 0, b"").call(SYNC, 2, 0, b"")
    }

    fn image(self) -> Image {
        let record = Record::parse(self.bytes).unwrap();
        let mut image = Image::default();
        for (_, step) in &record.steps {
            image.step(&record, step).unwrap();
        }
        image
    }
}

/// What the file `a` holds after a cut.
fn after(image: &Image, keep: Keep, seed: u64) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let mut random = SmallRng::seed_from_u64(seed);
    let cut = Cut { keep, sector: 512, is_dirty: false };
    image.write_out(folder.path(), cut, &mut random).unwrap();
    std::fs::read(folder.path().join("a")).ok()
}

#[test]
fn what_was_synced_is_kept_and_nothing_else_for_sure() {
    let image = Tape::with_file()
        .call(WRITE, 1, 0, b"synced")
        .call(SYNC, 1, 0, b"")
        .call(WRITE, 1, 0, b"SYNCED, and more")
        .image();
    assert_eq!(after(&image, Keep::Nothing, 0).as_deref(), Some(&b"synced"[..]));
    assert_eq!(after(&image, Keep::Everything, 0).as_deref(), Some(&b"SYNCED, and more"[..]));
}

#[test]
fn a_name_is_kept_when_its_folder_was_synced() {
    let file = Tape::default().call(CREATE, 1, 0, b"a");
    let nameless = file.call(WRITE, 1, 0, b"x").call(SYNC, 1, 0, b"").image();
    assert_eq!(after(&nameless, Keep::Nothing, 0), None);
    assert_eq!(after(&nameless, Keep::Everything, 0).as_deref(), Some(&b"x"[..]));
}

#[test]
fn a_sync_covers_what_was_written_before_it_began() {
    let tape = Tape::with_file().call(WRITE, 1, 0, b"1");
    let begin = tape.now;
    let image = tape
        .put(WRITE, false, 1, (begin + 1, begin + 1), 0, b"2")
        .put(SYNC, false, 1, (begin, begin + 2), 0, b"")
        .image();
    assert_eq!(after(&image, Keep::Nothing, 0).as_deref(), Some(&b"1"[..]));
}

#[test]
fn what_a_failed_sync_dropped_comes_back_only_when_it_is_written_again() {
    let tape = || Tape::with_file().call(WRITE, 1, 0, b"lost").failed_sync(1);
    let dropped = tape().call(SYNC, 1, 0, b"").image();
    assert_eq!(after(&dropped, Keep::Everything, 0).as_deref(), Some(&[0; 4][..]));
    let again = tape().call(WRITE, 1, 0, b"lost").call(SYNC, 1, 0, b"").image();
    assert_eq!(after(&again, Keep::Nothing, 0).as_deref(), Some(&b"lost"[..]));
}

#[test]
fn a_file_that_was_cut_and_grew_again_holds_nothing_old() {
    let image = Tape::with_file()
        .call(WRITE, 1, 0, &[b'o'; 9_000])
        .call(TRUNCATE, 1, 100, b"")
        .call(WRITE, 1, 8_999, b"n")
        .call(SYNC, 1, 0, b"")
        .image();
    let mut expected = vec![b'o'; 100];
    expected.resize(8_999, 0);
    expected.push(b'n');
    assert_eq!(after(&image, Keep::Nothing, 0), Some(expected));
}

#[test]
fn an_unsynced_page_is_torn_at_sectors_and_nowhere_else() {
    let image = Tape::with_file()
        .call(WRITE, 1, 0, &[b'1'; 4_096])
        .call(SYNC, 1, 0, b"")
        .call(WRITE, 1, 0, &[b'2'; 4_096])
        .image();
    let mut seen = BTreeSet::new();
    for seed in 0..40 {
        let bytes = after(&image, Keep::Any, seed).unwrap();
        for sector in bytes.chunks(512) {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is whole");
        }
        seen.insert(bytes.chunks(512).filter(|sector| sector[0] == b'2').count());
    }
    assert!(seen.len() > 3, "{seen:?}");
}

#[test]
fn a_record_that_ends_within_an_entry_is_refused() {
    let whole = Tape::with_file().call(WRITE, 1, 0, b"bytes").bytes;
    assert!(Record::parse(whole[..whole.len() - 1].to_vec()).is_err());
    assert!(Record::parse(whole).is_ok_and(|record| {
        record.steps.last().is_some_and(|(_, step)| matches!(step, Step::Write { .. }))
    }));
}

/// What a program does to a folder, seen from both sides.
#[test]
fn the_calls_of_a_program_are_recorded_and_refused() {
    let disk = Disk::make().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let truncate = |size: &str, file: &Path| {
        let mut command = std::process::Command::new("truncate");
        command.args(["-s", size]).arg(file).envs(disk.environment(&root));
        command.stderr(std::process::Stdio::null()).status().unwrap().success()
    };
    assert!(truncate("5000", &root.join("a")));
    disk.set(Faults { full: true, ..Faults::default() }).unwrap();
    assert!(!truncate("9000", &root.join("a")), "it cannot grow");
    assert!(truncate("100", &root.join("a")), "it can shrink");
    assert_eq!(disk.refused().unwrap(), (1, 0));
    disk.set(Faults::default()).unwrap();
    let record = disk.record().unwrap();
    let mut image = Image::default();
    for (_, step) in &record.steps {
        image.step(&record, step).unwrap();
    }
    assert_eq!(image.differences(&root), Vec::<String>::new());
    std::fs::write(root.join("a"), "behind its back").unwrap();
    assert_eq!(image.differences(&root).len(), 1);
}

/// Whoever is halted changes nothing, and everything that was changed is in the record.
#[tokio::test]
async fn a_program_that_is_halted_goes_on_where_it_was() {
    let disk = Disk::make().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    disk.halt().await.unwrap();
    let mut command = std::process::Command::new("truncate");
    command.args(["-s", "5000"]).arg(root.join("a")).envs(disk.environment(&root));
    let mut program = command.spawn().unwrap();
    // It has begun when the record has, and cannot get any further.
    while disk.record().map_or(true, |record| record.steps.is_empty()) {
        tokio::task::yield_now().await;
    }
    assert!(!root.join("a").exists());
    disk.go_on().unwrap();
    assert!(program.wait().unwrap().success());
    assert_eq!(disk.record().unwrap().steps.len(), 3);
}
