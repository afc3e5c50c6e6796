//! What strangers can send, by chance and by kept examples: the same checks that `fuzz/` drives by
//! coverage, for everybody who has a stable Rust.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says where it was; the settings miss helper functions"
)]

mod lines;
mod payloads;

use std::path::Path;

use moim::fuzz;
use proptest::prelude::*;

/// Reads any bytes, and panics when something does not hold of them.
type Check = fn(&[u8]);

/// The kept examples of a target, each of which must hold.
fn examples(target: &str, check: Check) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/examples").join(target);
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has no examples");
    for file in files {
        println!("{}", file.display());
        check(&std::fs::read(file).unwrap());
    }
}

#[test]
fn what_was_kept_holds() {
    let targets: [(&str, Check); 9] = [
        ("frames", fuzz::frames),
        ("messages", fuzz::messages),
        ("lines", fuzz::lines),
        ("looks", fuzz::looks),
        ("positions", fuzz::positions),
        ("cursors", fuzz::cursors),
        ("events", fuzz::events),
        ("settings", fuzz::settings),
        ("searches", fuzz::searches),
    ];
    for (target, check) in targets {
        examples(target, check);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/examples");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), targets.len(), "one that is not read");
}

#[test]
fn thousands_of_payloads_are_shown_safely() {
    let payloads = payloads::payloads();
    assert!(payloads.len() >= 4_500, "{}", payloads.len());
    for payload in payloads {
        for text in [payload.clone(), format!("**a** {payload}"), format!("> {payload}\n\n||b||")] {
            fuzz::looks(text.as_bytes());
        }
    }
}

/// Frames that begin like frames: by chance alone most are refused by their first byte.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a, 0x88]),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        ".{0,40}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..200),
    ];
    (first, any::<[u8; 4]>(), payload).prop_map(|(first, mask, payload)| {
        let mut bytes = vec![first];
        match u8::try_from(payload.len()) {
            Ok(short @ 0..=125) => bytes.push(0x80 | short),
            _long => bytes.extend([0xfe, 0, payload.len() as u8]),
        }
        bytes.extend(mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
        bytes
    })
}

/// Pieces of Markdown and of HTML.
fn marks() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[*_~|`<>\\[\\]()!&#:;@\"'=/\\\\ \n\t-]{1,4}",
        2 => prop::sample::select(vec![
            "a", "가", "1. ", "- ", "> ", "    ", "](", "]:", "://", "www.", "http://", "https://a.b/", "mailto:",
            "javascript:", "data:text/html,", "&#x6a;", "&lt;", ":smile:", "@mina", "```", "<img src=x onerror=a>",
            "<svg/onload=a>", "<a href='", "<!--", "-->", "<![CDATA[", "]]>", "<style>", "</p>", "\u{200b}", "\u{202e}",
        ]).prop_map(str::to_owned),
        1 => ".{0,4}",
    ]
}

fn setting() -> impl Strategy<Value = String> {
    let name = prop::sample::select(
        moim::config::SETTINGS.iter().map(|setting| setting.name).collect::<Vec<_>>(),
    );
    let value = prop_oneof![
        "[ -~]{0,30}".prop_map(|text| toml_text(&text)),
        any::<i64>().prop_map(|n| n.to_string()),
        Just("true".to_owned()),
        Just(r#"["a","b"]"#.to_owned()),
        "(postgres|redis|https?)://[a-z:@/]{0,20}".prop_map(|text| toml_text(&text)),
    ];
    (name, value).prop_map(|(name, value)| format!("{name} = {value}\n"))
}

/// A query and a text that may hold some of it.
fn search() -> impl Strategy<Value = String> {
    let word = "[가-다]{1,4}|[a-cß]{1,3}|[会議室カ]{1,3}|[🎉❤️]{1,2}";
    let part = prop_oneof![4 => word, 1 => "[\"“*:(){}^,'\\-]{1,2}", 1 => "\\PC{0,4}", 2 => Just(" ".to_owned())];
    let parts = prop::collection::vec(part, 1..12);
    (parts.clone(), parts).prop_map(|(query, text)| {
        format!("{}\n{} {}", query.concat(), text.concat(), query.concat())
    })
}

fn toml_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

proptest! {
    #[test]
    fn any_bytes_are_read_as_frames_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz::frames(&bytes);
    }

    #[test]
    fn frames_are_read_wherever_they_are_cut(
        cut in any::<u8>(), frames in prop::collection::vec(frame(), 0..6),
    ) {
        fuzz::frames(&[vec![cut], frames.concat()].concat());
    }

    #[test]
    fn messages_are_read_as_they_were_sent(bytes in prop::collection::vec(any::<u8>(), 0..3_000)) {
        fuzz::messages(&bytes);
    }

    #[test]
    fn any_text_is_a_line_or_is_not(text in ".{0,200}") {
        fuzz::lines(text.as_bytes());
    }

    #[test]
    fn a_line_means_the_same_however_it_is_written(line in lines::line()) {
        fuzz::lines(line.as_bytes());
    }

    #[test]
    fn any_text_is_shown_safely(pieces in prop::collection::vec(marks(), 0..20)) {
        fuzz::looks(pieces.concat().as_bytes());
    }

    #[test]
    fn a_position_and_an_id_read_back(text in "[a-z0-9_-]{0,24}|[ucrndm]_[0-9_]{0,20}|.{0,20}") {
        fuzz::positions(text.as_bytes());
    }

    #[test]
    fn a_cursor_is_one_of_one_list(text in "A[Q-T][A-Za-z0-9_-]{0,22}|[a-z]{0,6}=.{0,6}|.{0,30}") {
        fuzz::cursors(text.as_bytes());
    }

    #[test]
    fn a_search_finds_what_its_tokens_name(search in search()) {
        fuzz::searches(search.as_bytes());
    }

    #[test]
    fn events_are_read_wherever_they_are_cut(
        cut in any::<u8>(), bytes in "(data: ?|event:|: |\u{feff}|[a-z가]{0,9}|\r|\n|\r\n){0,40}",
        noise in prop::collection::vec(any::<u8>(), 0..9),
    ) {
        fuzz::events(&[&[cut], bytes.as_bytes(), &noise, b"\n\ndata: a\n\n"].concat());
    }

    #[test]
    fn settings_never_tell_a_secret(
        file in prop::collection::vec(setting(), 0..4), environment in "([A-Z_]{0,20}=[ -~]{0,20}\n){0,3}",
    ) {
        fuzz::settings(format!("{}\n---\n{environment}", file.concat()).as_bytes());
    }

    #[test]
    fn any_text_is_a_file_of_settings_or_is_not(text in "[ -~\n]{0,200}") {
        fuzz::settings(text.as_bytes());
    }
}
