//! The assistant, watched by a few, and with every fault.

use crate::tool::Kept;

#[test]
fn answers_are_exact_for_every_viewer_and_every_goal_is_measured() {
    let kept = Kept::of(&[
        "ai",
        "--answers",
        "3",
        "--viewers",
        "4",
        "--seconds",
        "2",
        "--pairs",
        "1",
        "--questions",
        "6",
        "--bare",
        "20",
        "--chat-rooms",
        "3",
        "--chat-members",
        "4",
        "--chat-rate",
        "20",
    ]);
    let goals =
        ["frames_per_second", "added_delay_p99", "cpu_ratio", "chat_p99_ratio", "first_token_p99"];
    for goal in goals {
        assert!(kept.at(&format!("/goals/{goal}/value")).is_number(), "{goal}");
    }
    let most = kept.number("/goals/frames_per_second/value");
    assert!(most > 5.0 && most <= 20.0, "{most} frames a second");
    // Three rooms of four, 120 tokens each.
    assert_eq!(kept.at("/series/pairs/0/gathered/tokens_by_viewers"), 1_440);
    let [gathered, apart] = ["frames_per_token", "frames_per_token_apart"]
        .map(|name| kept.number(&format!("/figures/{name}/value")));
    assert!(gathered < 0.5 && apart > 0.6, "{gathered} and {apart}");
    assert!(kept.number("/figures/cpu_ratio_bare/value") > 0.0);
    kept.shows(&[("server", 1)], &["added_delay", "chat"]);
    for check in ["lost", "doubled", "reordered", "differing", "asked_otherwise", "chat_lost"] {
        assert_eq!(kept.at(&format!("/checks/{check}/count")), 0);
    }
}

#[test]
fn a_table_of_faults_names_every_cell() {
    let rows = ["none", "429", "garbage"];
    let faults = rows.iter().flat_map(|row| ["--fault", row]);
    let args: Vec<_> = ["ai", "--faults", "--wire", "gemini"].into_iter().chain(faults).collect();
    let kept = Kept::of(&args);
    // Five states and eight acts; a refusal never speaks, and what waits has no answer to delete.
    assert_eq!(kept.number("/figures/cells/value"), f64::from(3 * 5 * 8 - 8 - 3));
    assert_eq!(kept.number("/figures/over_before/value"), 0.0);
    kept.shows(&[("server", 1)], &[]);
    for check in ["cells_failed", "nobody_asked", "witness", "replayed"] {
        assert_eq!(kept.at(&format!("/checks/{check}/count")), 0);
    }
}

#[test]
fn every_question_comes_to_one_end_however_the_model_and_the_server_fail() {
    let kept = Kept::of(&["ai", "--faults", "--kills", "3", "--at-once", "6", "--seed", "7"]);
    let questions = kept.number("/figures/questions/value");
    assert!(questions >= 6.0, "{questions} questions");
    // Three kills, and one more to ask again.
    kept.shows(&[("server", 5)], &[]);
    for check in ["without_end", "answered_twice", "nobody_asked", "shown_otherwise", "unsettled"] {
        assert_eq!(kept.at(&format!("/checks/{check}/count")), 0);
    }
}
