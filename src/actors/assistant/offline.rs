//! The answer without a model: honest about that, and made of what the room has said. Nothing in it
//! is made up: it finds messages and quotes them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use super::excerpt;
use super::honest::Without;
use super::prepare::Prepared;
use crate::domain::{
    ASSISTANT, Addresses, MessageId, Mode, RoomId, SearchText, Text, UserId, asked_words,
    calls_assistant, command,
};
use crate::llm::prompts::Language;
use crate::llm::words;
use crate::store::{ContextLine, Search, Store, StoreError};

/// Words of a question that are looked for.
const WORDS: usize = 6;
/// Words that an answer says it has looked for.
const TOLD: usize = 8;
/// Messages that are looked at for each at a time.
const HITS: usize = 20;
/// How many times, while they hold too little that is quoted.
const PAGES: usize = 5;
/// Messages that are quoted.
const QUOTES: usize = 5;
/// Frequent words that are told.
const TOPICS: usize = 6;
/// Things of a kind that are told: open questions, links, calls.
const SOME: usize = 4;

/// An answer, and its sources.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) text: String,
    pub(super) cites: Vec<i64>,
    /// What stands in it may be a link.
    pub(super) told: Addresses,
}

/// A message that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Quote {
    id: MessageId,
    author: UserId,
    text: String,
    /// Words of the question that it holds.
    words: usize,
}

/// Answers from what the room has said.
pub(super) async fn answer(
    store: &Store,
    prepared: &Prepared,
    why: Without,
) -> Result<Found, StoreError> {
    if prepared.mode == Mode::CatchUp {
        let room = prepared.room;
        return Ok(catch_up((prepared.language, why), room, &prepared.context.lines, prepared));
    }
    let asked = asked_words(&prepared.question).collect::<Vec<_>>().join(" ");
    let words = words::telling(&asked, WORDS);
    let mut quotes = find(store, prepared, &words).await?;
    quotes.sort_by_key(|quote| Reverse((quote.words, quote.id.seq)));
    quotes.truncate(QUOTES);
    let ids: Vec<_> = quotes.iter().map(|quote| quote.author).collect();
    let names: HashMap<_, _> =
        store.users(&ids).await?.into_iter().map(|user| (user.id, user.display_name)).collect();
    let (text, cites) = compose((prepared.language, why), &words, &quotes, &names);
    let told = prepared.told.clone().with(quotes.iter().map(|quote| quote.text.as_str()));
    Ok(Found { text, cites, told })
}

async fn find(
    store: &Store,
    prepared: &Prepared,
    words: &[String],
) -> Result<Vec<Quote>, StoreError> {
    let mut found: BTreeMap<String, Quote> = BTreeMap::new();
    for word in words {
        // A message that holds several of its forms holds one word of the question.
        let mut quotes = BTreeMap::new();
        for form in words::forms(word) {
            quotes.extend(holding(store, prepared, &form).await?);
        }
        for (said, quote) in quotes {
            found.entry(said).or_insert(quote).words += 1;
        }
    }
    Ok(found.into_values().collect())
}

/// The messages that hold a word, by what they say: of those that say the same, the newest.
async fn holding(
    store: &Store,
    prepared: &Prepared,
    word: &str,
) -> Result<BTreeMap<String, Quote>, StoreError> {
    let mut found = BTreeMap::new();
    let Ok(text) = SearchText::parse(word) else { return Ok(found) };
    let (room, asked) = (prepared.room, said(&prepared.question));
    let mut search = Search {
        reader: prepared.asker,
        text: Some(&text),
        room: Some(room),
        club: None,
        author: None,
        since: None,
        until: None,
        has: None,
        after: None,
        limit: HITS,
    };
    for _page in 0..PAGES {
        let page = store.search(&search).await?.unwrap_or_default();
        for message in page.messages {
            // What not everybody here may read is not quoted, nor the question, nor other questions.
            let is_meant = message.seq > prepared.context.floor
                && message.seq != prepared.seq
                && message.author != ASSISTANT;
            let Some(text) = message.text.filter(|text| is_meant && !asks_assistant(text)) else {
                continue;
            };
            let said = said(&text);
            if said != asked {
                let id = MessageId { room, seq: message.seq };
                let quote = Quote { id, author: message.author, text, words: 0 };
                found.entry(said).or_insert(quote);
            }
        }
        search.after = page.next;
        if search.after.is_none() || found.len() >= QUOTES {
            break;
        }
    }
    Ok(found)
}

/// Whether a text asks the assistant, as it does when it comes.
fn asks_assistant(text: &str) -> bool {
    if !text.contains('@') {
        return command(text).is_some();
    }
    let parsed = Text::parse(text);
    calls_assistant(text, parsed.as_ref().map_or(text, Text::spoken))
}

/// What a text says, whatever its white space and case.
fn said(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn compose(
    (language, why): (Language, Without),
    words: &[String],
    quotes: &[Quote],
    names: &HashMap<UserId, String>,
) -> (String, Vec<i64>) {
    let told: Vec<_> = words.iter().take(TOLD).map(|word| excerpt::word(word)).collect();
    let looked_for = told.join(", ");
    let (without, because) = (why.words(language), why.because());
    let mut text = match (language, quotes.is_empty(), words.is_empty()) {
        (Language::Ko, _, true) => format!(
            "{without}. 찾을 낱말을 넣어 물어보면 이 방에서 찾은 메시지를 보여 드릴게요. `/ai 따라잡기`로 밀린 대화를 볼 수 있어요."
        ),
        (Language::En, _, true) => format!(
            "{without}. Ask with the words to look for, and I show what this room said. `/ai catch up` lists what you have missed."
        ),
        (Language::Ko, true, _) => format!(
            "{because} 이 방에서만 찾아봤는데, 맞는 메시지가 없어요. (찾은 낱말: {looked_for})"
        ),
        (Language::En, true, _) => format!(
            "{without}, so I only looked in this room, and found no message. (Looked for: {looked_for})"
        ),
        (Language::Ko, false, _) => format!(
            "{because}, 이 방에서 찾은 메시지를 그대로 보여 드려요. (찾은 낱말: {looked_for})\n"
        ),
        (Language::En, false, _) => {
            format!("{without}. This is what the room said. (Looked for: {looked_for})\n")
        }
    };
    for quote in quotes {
        let name = names.get(&quote.author).map_or("?", String::as_str);
        text.push_str(&format!("\n- {name}: {}", excerpt::quoted(&quote.text, quote.id)));
    }
    (text, quotes.iter().map(|quote| quote.id.seq).collect())
}

/// What was missed: who spoke, of what, what is open, which links, who called the asker.
fn catch_up(
    (language, why): (Language, Without),
    room: RoomId,
    lines: &[ContextLine],
    prepared: &Prepared,
) -> Found {
    let asker = prepared.asker;
    let lines: Vec<&ContextLine> =
        lines.iter().filter(|line| line.author != asker && line.author != ASSISTANT).collect();
    let Some((first, last)) = lines.first().zip(lines.last()) else {
        let text = match language {
            Language::Ko => "밀린 대화가 없어요. (AI 모델 없이 세어 봤어요.)",
            Language::En => "You have missed nothing. (Counted without an AI model.)",
        };
        return Found { text: text.to_owned(), cites: Vec::new(), told: Addresses::default() };
    };
    let mut cites = Vec::new();
    let mut cite = |line: &ContextLine| {
        if !cites.contains(&line.seq) {
            cites.push(line.seq);
        }
        MessageId { room, seq: line.seq }
    };
    let say = |ko: &str, en: &str| match language {
        Language::Ko => ko.to_owned(),
        Language::En => en.to_owned(),
    };
    let is_there = |(why, _count): &(&String, &i64)| *why != "deleted";
    let left_out = prepared.manifest.left_out.iter();
    let older: i64 = left_out.filter(is_there).map(|(_why, count)| count).sum();
    let (told, all) = (lines.len(), i64::try_from(lines.len()).unwrap_or(i64::MAX) + older);
    let many = match (language, older > 0) {
        (Language::Ko, false) => format!("밀린 메시지 {told}개:"),
        (Language::Ko, true) => format!("밀린 메시지 {all}개 가운데 마지막 {told}개:"),
        (Language::En, false) => format!("{told} messages:"),
        (Language::En, true) => format!("The last {told} of {all} messages:"),
    };
    let begin = match language {
        Language::Ko => format!("{} 세어서 정리했어요.", why.because()),
        Language::En => format!("{}, so this is counted, not summed up.", why.words(language)),
    };
    let mut text = format!("{begin} {many}");
    text.push_str(&format!(" [{}]–[{}]", cite(first), cite(last)));
    text.push_str(&format!("\n\n- {}: {}", say("말한 사람", "Who"), speakers(&lines)));
    let topics = topics(&lines);
    if !topics.is_empty() {
        text.push_str(&format!("\n- {}: {}", say("자주 나온 말", "Topics"), topics.join(", ")));
    }
    let calls = |line: &&&ContextLine| line.calls_asker;
    let is_open = |line: &&&ContextLine| is_open_question(line, &lines);
    let has_link =
        |line: &&&ContextLine| line.text.contains("https://") || line.text.contains("http://");
    let mut list = |what: String, some: Vec<&&ContextLine>| {
        for line in some {
            let (by, said) = (&line.name, excerpt::line(&line.text));
            let said = excerpt::in_marks(&said);
            text.push_str(&format!("\n- {what} {by}: {said} [{}]", cite(line)));
        }
    };
    list(say("나를 부름 ·", "Calls you ·"), lines.iter().filter(calls).take(SOME).collect());
    list(say("열린 질문 ·", "Open question ·"), lines.iter().filter(is_open).take(SOME).collect());
    list(say("링크 ·", "Link ·"), lines.iter().filter(has_link).take(SOME).collect());
    Found { text, cites, told: prepared.told.clone() }
}

/// Who spoke how often, the most first.
fn speakers(lines: &[&ContextLine]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for line in lines {
        match counts.iter_mut().find(|(name, _)| *name == line.name) {
            Some((_, count)) => *count += 1,
            None => counts.push((&line.name, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| Reverse(*count));
    let told = counts.iter().take(TOPICS).map(|(name, count)| format!("{name} ({count})"));
    told.collect::<Vec<_>>().join(", ")
}

/// Words that came in several messages, the most frequent first.
fn topics(lines: &[&ContextLine]) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines {
        let own = line.text.split_whitespace().filter(|word| !word.starts_with("http"));
        let mut own: Vec<_> =
            own.filter_map(words::telling_word).map(|word| words::stem(&word).to_owned()).collect();
        own.sort_unstable();
        own.dedup();
        own.into_iter().for_each(|word| *counts.entry(word).or_default() += 1);
    }
    let mut often: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 1).collect();
    often.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    often.into_iter().take(TOPICS).map(|(word, _count)| word).collect()
}

/// Whether it asks something, and what others said next, if anything, asks something itself.
fn is_open_question(line: &ContextLine, lines: &[&ContextLine]) -> bool {
    let asks = |line: &ContextLine| words::asks(&line.text);
    let next = lines.iter().find(|other| other.seq > line.seq && other.author != line.author);
    asks(line) && next.is_none_or(|next| asks(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_quoted_with_its_id() {
        let quote = Quote {
            id: MessageId { room: RoomId(1), seq: 7 },
            author: UserId(3),
            text: "모임은\n7시에 시작해요".to_owned(),
            words: 1,
        };
        let names = HashMap::from([(UserId(3), "민아".to_owned())]);
        let words = ["모임".to_owned()];
        let (text, cites) =
            compose((Language::Ko, Without::Never), &words, std::slice::from_ref(&quote), &names);
        assert!(text.contains("- 민아: “모임은 7시에 시작해요” [m_1_7]"), "{text}");
        assert!(text.starts_with("연결된 AI 모델이 없어서"));
        assert_eq!(cites, [7]);
        let (text, cites) = compose((Language::En, Without::Never), &words, &[], &names);
        assert!(text.contains("No AI model is connected") && cites.is_empty());
    }

    #[test]
    fn what_was_looked_for_is_told_shortly() {
        let mut words = vec!["가".repeat(3_990)];
        words.extend((1..20).map(|n| format!("word{n}")));
        let told =
            format!("{}…, word1, word2, word3, word4, word5, word6, word7)", "가".repeat(30));
        for language in [Language::Ko, Language::En] {
            let (text, _) = compose((language, Without::Never), &words, &[], &HashMap::new());
            assert!(text.contains(&told) && text.chars().count() < 300, "{text}");
        }
    }

    #[test]
    fn a_question_to_the_assistant_is_told_from_what_people_say() {
        for yes in ["/ai when?", "@ai when?", "@ai님 언제예요", "so when, @AI?", "`x` @ai when?"]
        {
            assert!(asks_assistant(yes), "{yes}");
        }
        for no in ["when?", "@aiden when?", "`@ai` calls it", "mail x@ai", "ai, when?", ""] {
            assert!(!asks_assistant(no), "{no}");
        }
        assert_eq!(said(" When  does\nIT start? "), said("when does it start?"));
        assert_ne!(said("it starts"), said("it starts."));
    }

    #[test]
    fn a_question_is_open_until_somebody_else_says_something() {
        let line = |seq, author, text: &str| ContextLine {
            seq,
            at: crate::domain::Millis(0),
            author: UserId(author),
            name: format!("n{author}"),
            text: text.to_owned(),
            calls_asker: false,
        };
        let lines = [
            line(1, 1, "who comes?"),
            line(2, 2, "where 장소는 어디?"),
            line(3, 2, "장소는 여기"),
            line(4, 3, "when?"),
            line(5, 1, "at seven"),
        ];
        let all: Vec<_> = lines.iter().collect();
        let open: Vec<_> = lines.iter().filter(|line| is_open_question(line, &all)).collect();
        assert_eq!(open.iter().map(|line| line.seq).collect::<Vec<_>>(), [1, 2]);
        assert!(is_open_question(&lines[3], &all[..4]));
        let korean = line(6, 2, "몇 시에 만날까요");
        assert!(is_open_question(&korean, &[&korean]));
        assert_eq!(speakers(&all), "n1 (2), n2 (2), n3 (1)");
        assert_eq!(topics(&all), ["장소"]);
    }
}
