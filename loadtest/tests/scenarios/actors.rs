//! The actors without a server: small shapes, each hop of each message, nothing lost.

use serde_json::Value;

use crate::shows;
use crate::tool::Kept;

#[test]
fn every_hop_is_seen_and_nothing_is_lost() {
    let shapes = ["--shapes", "1x7,5x3", "--alone", "40", "--seconds", "0.3", "--workers", "2"];
    let arguments: Vec<&str> = ["actors"].into_iter().chain(shapes).collect();
    let Kept { report, page } = Kept::of(&arguments);
    // All of it is in one process, which is this one.
    shows::processes(&report, &page, &[("load tester", 1)]);
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64);
    for shape in ["1x7", "5x3"] {
        let figure = |name: &str| number(&format!("/figures/{name}_{shape}/value")).unwrap();
        assert!(figure("messages_per_core") > 0.0, "{shape}");
        assert!(figure("deliveries_per_core") > figure("messages_per_core"), "{shape}");
        assert!(figure("trips") >= 30.0, "{shape}: most messages are seen at every hop");
    }
    for check in ["lost", "doubled", "reordered", "deliveries_differ", "refused", "without_trips"] {
        assert_eq!(number(&format!("/checks/{check}/count")), Some(0.0), "{check}");
    }
    let hops = report.pointer("/series/hops").and_then(Value::as_array).unwrap();
    assert_eq!(hops.len(), 2 * 9, "seven hops, the whole, and the reply, of two shapes");
    assert!(
        page.contains("One message at a time, hop by hop") && page.contains("<svg"),
        "a picture"
    );
}
