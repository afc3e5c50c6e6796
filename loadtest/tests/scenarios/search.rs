//! Searching, with as little as there can be.

use crate::markup;
use crate::tool::Kept;

#[test]
fn a_filled_database_is_searched_and_its_rooms_are_opened() {
    let kept = Kept::of(&[
        "search",
        "--messages",
        "3000",
        "--queries",
        "3",
        "--rounds",
        "1",
        "--opens",
        "3",
    ]);
    assert_eq!(markup::slip(&kept.page), None);
    // Before the filling and after it.
    kept.shows(&[("server", 2)], &["search", "search_over_time", "open"]);
    let kinds = kept.at("/series/kinds").as_array().unwrap();
    assert_eq!(kinds.len(), 4);
    assert_eq!(kept.at("/checks/wrong_answers/count").as_u64(), Some(0));
    for goal in ["search_ratio", "open_ratio"] {
        assert!(kept.at(&format!("/goals/{goal}/value")).as_f64().unwrap() > 0.0, "{goal}");
    }
}
