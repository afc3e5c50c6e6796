use std::time::Duration;

use super::*;
use crate::scenario::ai::provider::question;

struct Scene {
    board: Board,
    provider: Provider,
    ear: Ear,
    at: Instant,
}

impl Scene {
    /// A question that is being answered with two tokens of a model.
    fn new() -> Self {
        let epoch = Epoch::now();
        let provider = Provider::bind(epoch).unwrap();
        let at = Instant::now() + Duration::from_millis(20);
        let mut scene =
            Self { board: Board::new(epoch).unwrap(), provider, ear: Ear::default(), at };
        scene.provider.told(7).say("00000 00001");
        scene.hear(&format!(
            r#"{{"ev":"msg.new","room":"r","seq":1,"d":{{"id":"m_1","text":"{}"}}}}"#,
            question(7)
        ));
        scene.hear(r#"{"ev":"ai.start","room":"r","seq":2,"d":{"run":"run_1","reply_to":"m_1"}}"#);
        scene
    }

    fn hear(&mut self, line: &str) {
        let duty = self.board.take(&mut self.ear, &self.provider, line.as_bytes(), self.at);
        assert_eq!(duty, None);
    }

    fn delta(&mut self, off: usize, text: &str) {
        self.hear(&format!(
            r#"{{"ev":"ai.delta","room":"r","run":"run_1","off":{off},"text":"{text}"}}"#
        ));
    }

    fn end(&mut self, text: &str) {
        self.hear(&format!(
            r#"{{"ev":"ai.end","room":"r","seq":3,"d":{{"run":"run_1","text":"{text}","finish":"stop"}}}}"#
        ));
    }

    fn faults(&self) -> [u64; 4] {
        let faults = self.board.faults.borrow();
        [faults.lost, faults.doubled, faults.reordered, faults.differing]
    }
}

#[test]
fn a_whole_answer_is_without_fault_and_every_token_is_timed() {
    let mut scene = Scene::new();
    scene.delta(0, "00000");
    scene.delta(5, " 00001");
    scene.end("00000 00001");
    assert_eq!(scene.faults(), [0; 4]);
    let noted = scene.board.take_noted().unwrap();
    assert_eq!((noted.frames, noted.ends, noted.delays.len()), (2, 1, 2));
    assert_eq!(scene.board.ended.get(), 1);
}

#[test]
fn a_piece_that_is_lost_or_comes_twice_is_seen() {
    let mut scene = Scene::new();
    scene.delta(5, " 00001");
    scene.end("00000 00001");
    assert_eq!(scene.faults(), [1, 0, 0, 0]);
    let mut scene = Scene::new();
    scene.delta(0, "00000");
    scene.delta(0, "00000");
    scene.delta(5, " 00001");
    scene.end("00000 00001");
    assert_eq!(scene.faults(), [0, 1, 0, 0]);
    let mut scene = Scene::new();
    scene.delta(0, "00000");
    scene.end("00000 00001");
    assert_eq!(scene.faults(), [1, 0, 0, 0], "the last piece did not come");
}

#[test]
fn other_words_a_second_end_and_a_second_answer_are_seen() {
    let mut scene = Scene::new();
    scene.delta(0, "0000x");
    assert_eq!(scene.faults(), [0, 0, 0, 1]);
    let mut scene = Scene::new();
    scene.delta(0, "00000 00001");
    scene.end("00000 00001");
    scene.end("00000 00001");
    assert_eq!(scene.faults(), [0, 1, 0, 0]);
    scene.hear(r#"{"ev":"ai.start","room":"r","seq":4,"d":{"run":"run_2","reply_to":"m_1"}}"#);
    assert_eq!(scene.faults(), [0, 2, 0, 0]);
}

#[test]
fn a_delay_counts_from_when_the_token_was_written() {
    let mut scene = Scene::new();
    scene.delta(0, "00000");
    let noted = scene.board.take_noted().unwrap();
    let age = noted.delays.max();
    assert!((20_000..40_000).contains(&age), "{age}");
}
