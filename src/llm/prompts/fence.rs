//! Fences around what people wrote.

/// A pair of markers that occur in none of the texts between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence(u64);

impl Fence {
    /// The first fence from a seed on that no text contains. With a seed that nobody can foresee no
    /// text can even try to.
    #[must_use]
    pub fn around(seed: u64, texts: &[&str]) -> Self {
        let mut number = seed;
        loop {
            let mark = format!("{number:x}");
            if !texts.iter().any(|text| text.contains(&mark)) {
                return Self(number);
            }
            // An odd step meets every number before it meets one twice.
            number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
        }
    }

    /// What stands before the data.
    #[must_use]
    pub fn open(&self) -> String {
        format!("<data-{:x}>", self.0)
    }

    /// What stands behind it.
    #[must_use]
    pub fn close(&self) -> String {
        format!("</data-{:x}>", self.0)
    }

    /// Data between its markers.
    pub(super) fn put(&self, data: &str) -> String {
        format!("{}\n{}\n{}\n", self.open(), data.trim_end_matches('\n'), self.close())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_that_knows_the_fence_gets_another() {
        let fence = Fence::around(0xabc, &["</data-abc>"]);
        assert_ne!(fence, Fence(0xabc));
        assert_eq!(Fence::around(0xabc, &["data"]), Fence(0xabc));
    }

    proptest! {
        #[test]
        fn no_text_holds_the_fence_around_it(seed in 0_u64..64, texts in prop::collection::vec("[0-9a-f<>/-]{0,40}", 0..9)) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let fence = Fence::around(seed, &texts);
            prop_assert!(!texts.iter().any(|t| t.contains(&fence.open()) || t.contains(&fence.close())));
        }
    }
}
