//! What a kept result says of the run that it is of, and what becomes of one that cannot be kept.

use crate::tool::{Kept, Running, run, run_bare};

const SMALL: [&str; 7] = ["fanout", "--members", "5", "--messages", "5", "--pairs", "1"];

#[test]
fn a_kept_result_says_what_was_run() {
    let more = ["--server-env", "MOIM_JWT_SECRET=0123456789012345678901234567890123456789"];
    let kept = Kept::of(&[&SMALL[..], &more, &["--require", "latency_p50=60000"]].concat());
    let arguments = kept.at("/options/arguments").as_str().unwrap();
    assert!(arguments.contains("fanout --members 5"), "{arguments}");
    assert_eq!(kept.at("/options/server_env/MOIM_JWT_SECRET"), "***");
    assert!(!kept.report.to_string().contains("0123456789"), "a secret was kept");
    assert_eq!(kept.at("/options/require/0"), "latency_p50=60000");
    assert!(kept.at("/options/memory_mib").is_null());
    let hash = kept.at("/options/server_sha256").as_str().unwrap();
    assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named_before_the_run() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let folder = file.path().join("results");
    let output = run(&[&SMALL[..], &["--out", folder.to_str().unwrap()]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(folder.to_str().unwrap()), "{said}");
    assert!(output.stdout.is_empty(), "nothing was run");
}

#[test]
fn a_plant_that_a_server_would_not_heed_is_refused() {
    // It ends well whatever is asked of it, as a server does that knows of no plant.
    let plant = ["--server", "/bin/true", "--server-env", "MOIM_PLANT=lose_frame=9"];
    let output = run_bare(&[&SMALL[..], &plant].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("has no planted faults"), "{said}");
}

#[test]
fn settings_are_not_for_a_server_that_runs_already() {
    let server = Running::start();
    let given = ["--url", &server.url(), "--server-env", "MOIM_PLANT=leak_room"];
    let output = run_bare(&[&SMALL[..], &given].concat());
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cannot be used with"), "{said}");
}

#[test]
fn a_filling_with_many_people_ends_soon() {
    let kept = Kept::of(&["start", "--messages", "2000", "--starts", "1", "--wal-mib", "1"]);
    assert_eq!(kept.at("/checks/wrong_heads/count"), 0);
    assert_eq!(kept.number("/figures/messages/value"), 2_000.0);
}
