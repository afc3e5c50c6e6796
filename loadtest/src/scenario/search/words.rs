//! What the talk is made of, and what is looked for in it.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Different words of each script.
const WORDS: usize = 20_000;
/// Endings that Korean words take without a blank.
const ENDINGS: [&str; 8] = ["", "이", "은", "를", "에서", "으로", "도", "까지"];

/// Words by how often they come: the first twice as often as the second, and so on.
pub(super) struct Words {
    korean: Vec<String>,
    latin: Vec<String>,
    /// Sums of the weights.
    sums: Vec<f64>,
}

impl Words {
    pub(super) fn make(seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed ^ 0x5eed);
        let syllables: Vec<char> =
            (0..900).filter_map(|_| char::from_u32(random.random_range(0xac00..0xd7a3))).collect();
        let syllable = |random: &mut SmallRng| {
            // The square makes a few of them common.
            let at = random.random_range(0.0..1.0_f64).powi(2) * syllables.len() as f64;
            syllables.get(at as usize).copied().unwrap_or('가')
        };
        let korean = (0..WORDS)
            .map(|_| (0..random.random_range(2..=4)).map(|_| syllable(&mut random)).collect())
            .collect();
        let latin = (0..WORDS)
            .map(|_| {
                let letters = random.random_range(3..=9);
                (0..letters).map(|_| random.random_range('a'..='z')).collect()
            })
            .collect();
        let mut sum = 0.0;
        let sums = (0..WORDS).map(|at| {
            sum += 1.0 / (at as f64 + 20.0);
            sum
        });
        Self { korean, latin, sums: sums.collect() }
    }

    /// A message of a few words, mostly Korean.
    pub(super) fn text(&self, random: &mut SmallRng) -> String {
        let count = [2, 3, 4, 6, 8, 10, 14].get(random.random_range(0..7_usize)).copied();
        let words = (0..count.unwrap_or(4)).map(|_| {
            if random.random_range(0..4) == 0 {
                return self.pick(&self.latin, random).to_owned();
            }
            let ending = ENDINGS.get(random.random_range(0..ENDINGS.len())).copied();
            format!("{}{}", self.pick(&self.korean, random), ending.unwrap_or_default())
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn pick<'w>(&self, words: &'w [String], random: &mut SmallRng) -> &'w str {
        let most = self.sums.last().copied().unwrap_or(1.0);
        let at = random.random_range(0.0..most);
        let place = self.sums.partition_point(|sum| *sum <= at);
        words.get(place).map_or("말", String::as_str)
    }

    /// What people look for: common, middling and rare words, and two of them.
    pub(super) fn queries(&self, each: usize, random: &mut SmallRng) -> Vec<Query> {
        let mut queries = Vec::new();
        let ranks = [("common", 0..30), ("middling", 300..1_500), ("rare", 8_000..20_000)];
        for (kind, ranks) in ranks {
            for number in 0..each {
                let words = if number % 3 == 2 { &self.latin } else { &self.korean };
                let word = words.get(random.random_range(ranks.clone()));
                let in_room = number % 2 == 1;
                queries.extend(word.map(|word| Query { in_room, ..Query::new(kind, &[word]) }));
            }
        }
        for _ in 0..each {
            let two = [0..200, 0..2_000].map(|ranks| {
                let words = if random.random_range(0..3) == 0 { &self.latin } else { &self.korean };
                words.get(random.random_range(ranks)).map_or("말", String::as_str)
            });
            queries.push(Query::new("two words", &two));
        }
        queries
    }
}

/// One search.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) kind: &'static str,
    pub(super) words: Vec<String>,
    /// In the large room only.
    pub(super) in_room: bool,
}

impl Query {
    fn new(kind: &'static str, words: &[&str]) -> Self {
        Self { kind, words: words.iter().map(|word| (*word).to_owned()).collect(), in_room: false }
    }

    /// Whether a text made here is meant.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.words.iter().all(|word| {
            if word.is_ascii() {
                text.split(' ').any(|other| other == word)
            } else {
                text.contains(word)
            }
        })
    }

    /// As it goes into an URL.
    pub(super) fn escaped(&self) -> String {
        let text = self.words.join(" ");
        text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }
}

/// The numbers by which the server's index knows what every text with these words has: a Latin word
/// is one, each pair of neighbours in a Korean one is one.
/// So is the room, where only one is meant and the index is to be told.
pub(super) fn tokens(query: &Query, room: Option<i64>) -> Vec<i32> {
    let mut found = Vec::new();
    if let Some(room) = room.filter(|_room| query.in_room) {
        found.push(folded(std::iter::once(b'r').chain(room.to_le_bytes())));
    }
    for word in &query.words {
        if word.is_ascii() {
            found.push(hash(b'w', word.chars()));
        } else {
            let chars: Vec<char> = word.chars().collect();
            found.extend(chars.windows(2).map(|pair| hash(b'p', pair.iter().copied())));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// FNV-1a, folded to 31 bits, of a kind and three bytes of each character.
fn hash(kind: u8, chars: impl Iterator<Item = char>) -> i32 {
    let bytes = chars.flat_map(|c| u32::from(c).to_le_bytes().into_iter().take(3));
    folded(std::iter::once(kind).chain(bytes))
}

fn folded(bytes: impl Iterator<Item = u8>) -> i32 {
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    i32::try_from((hash ^ (hash >> 32)) & 0x7fff_ffff).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_those_of_the_server() {
        let here = Query { in_room: true, ..Query::new("", &["회의"]) };
        assert_eq!(tokens(&here, Some(12)), [202_963_380, 2_049_256_284]);
        assert_eq!(tokens(&here, None).len(), 1);
        assert_eq!(tokens(&Query::new("", &["meeting"]), Some(12)), [1_853_532_371]);
    }

    #[test]
    fn common_words_are_common_and_all_is_repeated_by_its_seed() {
        let words = Words::make(7);
        let talk = |seed| {
            let mut random = SmallRng::seed_from_u64(seed);
            (0..2_000).map(|_| words.text(&mut random)).collect::<Vec<_>>()
        };
        let (one, two) = (talk(1), talk(2));
        assert_eq!(one, talk(1));
        assert_ne!(one, two);
        let queries = words.queries(10, &mut SmallRng::seed_from_u64(3));
        let hits = |kind| {
            let queries = queries.iter().filter(|query| query.kind == kind);
            queries.map(|query| one.iter().filter(|text| query.is_in(text)).count()).sum::<usize>()
        };
        assert!(hits("common") > 5 * hits("middling") && hits("middling") > hits("rare"));
    }
}
