//! Every axis, with points as small as they get.

use crate::markup;
use crate::tool::{Kept, run};

#[test]
fn every_axis_has_its_table_its_picture_and_its_points() {
    let kept = Kept::of(&[
        "scale",
        "--members",
        "5,20",
        "--rooms",
        "1,4",
        "--room-size",
        "3",
        "--idle",
        "0,25",
        "--bytes",
        "32,4000",
        "--history",
        "0,40",
        "--base",
        "5",
        "--messages",
        "8",
        "--rounds",
        "2",
        "--silence",
        "0.2",
    ]);
    assert_eq!(markup::slip(&kept.page), None);
    let axes = ["bytes", "history", "members", "idle", "rooms"];
    assert_eq!(kept.names("/tables"), axes);
    kept.shows(&[("server", 1)], &axes);
    for axis in axes {
        let rows = kept.at(&format!("/series/{axis}")).as_array().unwrap();
        // On the axis of members the room of one is a row of its own.
        assert_eq!(rows.len(), if axis == "members" { 3 } else { 2 }, "{axis}");
        let rounds = rows.iter().map(|row| row["cpu_us_per_message"].as_array().unwrap().len());
        assert!(rounds.into_iter().all(|rounds| rounds == 2), "{axis}");
        // The other two are differences, which may be anything in so small a run.
        if ["bytes", "history", "rooms"].contains(&axis) {
            assert!(kept.number(&format!("/goals/{axis}/value")) > 0.0);
        }
    }
    for check in ["lost", "doubled", "reordered", "trouble"] {
        assert_eq!(kept.at(&format!("/checks/{check}/count")), 0);
    }
}

#[test]
fn sizes_go_from_the_smallest_to_the_largest() {
    let output = run(&["scale", "--axes", "rooms", "--rooms", "4,1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("from the smallest"));
}
