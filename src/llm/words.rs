//! The words of a question that say what it is about: for answers that are found, and not thought of.
//! English and Korean; pure.

use std::cmp::Reverse;

/// English words that say nothing of what is meant, without apostrophes.
const ENGLISH: &str = "a about after again ago ai all also am an and any anybody anyone anything are arent as at \
    be because been before being but by can cant could couldnt did didnt do does doesnt doing \
    done dont each either else ever every for from get give go going got had has hasnt have \
    havent having he hello her here hers hey hi him his how i id if ill im in into is isnt it \
    its ive just know let lets like many may me might more most much must my neither no nor \
    not now of off on once one only onto or other our ours out over please really said same \
    say she should show so some somebody someone something such tell than thank thanks that \
    thats the their them then there theres these they thing things this those through to too \
    under until up us very want was wasnt we were weve what whats when where wheres whether \
    which while who whom whos whose why will with wont would yes yet you your yours youre";

/// Korean words of the same kind, without particles and endings.
const KOREAN: &str = "가르쳐 거 것 게 그 그거 그건 그것 그게 그냥 그래서 그러면 그런 그럼 그렇게 그리고 근데 나 \
    나를 내 내가 너 너무 네 누가 누구 는지 다들 다시 대해 대해서 대한 더 또 말 말해 말해줘 몇 \
    무슨 무엇 뭐 뭐가 뭔가 뭔지 뭘 및 보여 보여줘 수 아까 아니 아무 안녕 어느 어디 어디서 어땠 \
    어떤 어떻게 언제 얼마 얼마나 왜 요즘 우리 이 이거 이건 이것 이게 이런 이제 있나 있는 \
    있는지 있어 있었 있지 저 저거 저것 저희 정말 제 제가 제발 좀 주세요 줘 지금 지난 진짜 찾아 \
    찾아줘 하고 하는 하나 하지 한번 할 해 해줘 혹시 했 알려 알려줘 알아 없나 없어 가장 관련 \
    관련된 관해 대로 동안 때 때문 중";

/// What stands behind Korean words: particles, and endings of those that ask or are polite. The
/// longest come first.
const BEHIND: &str = "이었나요 이라고 에서는 에서도 에게서 으로는 으로도 인가요 이에요 이었지 입니까 했나요 \
    하나요 할까요 였나요 까지는 부터는 이랑 이나 이야 이고 이란 라고 에서 에게 에는 에도 으로 \
    까지 부터 한테 께서 처럼 보다 마다 하고 이라 예요 에요 인가 인지 나요 까요 는지 였지 었지 \
    었어 었나 주세요 줄래요 줄래 줘요 줘 세요 들이 들은 들을 들의 조차 밖에 라도 야 요 은 는 \
    이 가 을 를 에 의 도 와 과 로 랑 만 나 지 죠 니";
/// Of them those that a word may lose to be looked for: who asks and who answers set others. The rest
/// may as well be its own last syllable.
const PARTICLES: &str = "에서는 에서도 에게서 으로는 으로도 까지는 부터는 이라고 이랑 에서 에게 에는 에도 으로 까지 \
    부터 한테 께서 처럼 보다 마다 이에요 예요 인가요 은 는 이 가 을 를 에 의 도 와 과 로";

/// English words that end like a plural and are none.
const ALIKE: &str = "always maths news perhaps physics series species yes";
/// The ends of English words behind which a plural takes `es`; some take it behind an `o`.
const HISSING: &str = "s x z ch sh o";

/// Endings by which a Korean sentence asks: the ending, syllables that end as one before it must, and
/// syllables that may stand there themselves. Others would take in what states: `만나요`, `오니까요`,
/// `누군가`.
const ASKING: &[(&str, &str, &str)] = &[
    ("까요", "을", ""),
    ("까", "을", ""),
    ("니까", "읍", ""),
    ("나요", "었없않좋", "하되오가보주쓰시리싶맞같"),
    ("나", "었없", ""),
    ("니", "었없", ""),
    ("냐", "었없", "하뭐거되오가으느이디제구마"),
    ("가요", "", "인은는던건한운신된큰쁜픈"),
    ("가", "", "인은는던건"),
    ("지요", "", "인은는신한"),
    ("래요", "", "실줄"),
    ("래", "", "실줄"),
];
/// Words that end so and ask nothing.
const STATING: &str = "뭐랄까 뭐랄까요";

/// The words of a question that say most of what is meant: the longest, so many at most, in their
/// order, as they were written but for case.
#[must_use]
pub fn telling(question: &str, most: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in question.split_whitespace().filter_map(telling_word) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let mut longest: Vec<_> = words.into_iter().enumerate().collect();
    longest.sort_by_key(|(_, word)| Reverse(word.chars().count()));
    longest.truncate(most);
    longest.sort_by_key(|(at, _)| *at);
    longest.into_iter().map(|(_, word)| word).collect()
}

/// A word without the signs around it, if it says anything of what is meant.
#[must_use]
pub fn telling_word(word: &str) -> Option<String> {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let word = word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(&word);
    (word.chars().count() > 1 && !is_empty(word)).then(|| word.to_owned())
}

/// A word as it may stand in another sentence: Korean puts particles behind it.
#[must_use]
pub fn stem(word: &str) -> &str {
    if !is_korean(word) {
        return word;
    }
    let mut bare = PARTICLES.split(' ').filter_map(|particle| without(word, particle));
    bare.find(|rest| rest.chars().count() > 1).unwrap_or(word)
}

/// The forms in which a word is looked for: a Korean one without its particle, an English one in
/// singular and plural.
#[must_use]
pub fn forms(word: &str) -> Vec<String> {
    let mut forms = vec![stem(word).to_owned()];
    let is_english = word.len() > 2 && word.chars().all(|c| c.is_ascii_lowercase());
    if is_english && !is_in(ALIKE, word) {
        forms.extend(other_number(word));
    }
    forms
}

/// What may be the singular or the plural of an English word. What is no word is found nowhere.
fn other_number(word: &str) -> Vec<String> {
    let hisses = |word: &str| HISSING.split(' ').any(|end| word.ends_with(end));
    // Letters without which too little is left.
    let bare = |end: &str| word.strip_suffix(end).filter(|rest| rest.len() > 2);
    let (with_ie, with_e, with_s) = (bare("ies"), bare("es"), bare("s"));
    if ["ss", "us", "is"].iter().any(|end| word.ends_with(end)) {
        return vec![format!("{word}es")];
    }
    if let Some(rest) = with_ie {
        return vec![format!("{rest}y"), format!("{rest}ie")];
    }
    if let Some(rest) = with_s {
        let shorter = with_e.filter(|rest| hisses(rest));
        return [Some(rest), shorter].into_iter().flatten().map(str::to_owned).collect();
    }
    let many = match word.strip_suffix('y') {
        Some(rest) if !rest.ends_with(['a', 'e', 'o', 'u']) => format!("{rest}ies"),
        _other if hisses(word) => format!("{word}es"),
        _other => format!("{word}s"),
    };
    vec![many]
}

/// Whether a text ends by asking something: with the sign, or as Korean does without.
#[must_use]
pub fn asks(text: &str) -> bool {
    let laughs = |c: char| ('\u{3131}'..='\u{318e}').contains(&c);
    let is_tail = |c: char| c.is_whitespace() || laughs(c) || "!.~^…;".contains(c);
    if text.trim_end_matches(is_tail).ends_with(['?', '？']) {
        return true;
    }
    let bare = text.trim_end_matches(|c: char| !c.is_alphanumeric() || laughs(c));
    let word = bare.rsplit(char::is_whitespace).next().unwrap_or_default();
    let is_question = |&(end, alike, syllables): &(&str, &str, &str)| {
        let before = word.strip_suffix(end).and_then(|rest| rest.chars().next_back());
        before.is_some_and(|before| {
            syllables.contains(before) || alike.chars().any(|known| coda(known) == coda(before))
        })
    };
    ASKING.iter().any(is_question) && !is_in(STATING, word)
}

/// The consonant that ends a Korean syllable, by its number; 0 is none.
fn coda(syllable: char) -> Option<u32> {
    let at = u32::from(syllable).checked_sub(0xac00)?;
    ('\u{ac00}'..='\u{d7a3}').contains(&syllable).then_some(at % 28)
}

/// Whether a word says nothing of what is meant.
fn is_empty(word: &str) -> bool {
    if is_korean(word) {
        let holds = |word: &str| word.is_empty() || is_in(KOREAN, word);
        return holds(word) || BEHIND.split(' ').filter_map(|end| without(word, end)).any(holds);
    }
    let bare: String = word.chars().filter(|c| !matches!(c, '\'' | '’')).collect();
    is_in(ENGLISH, &bare)
}

/// What stands before an ending, where it fits there: some follow a consonant, others a vowel.
fn without<'w>(word: &'w str, end: &str) -> Option<&'w str> {
    let rest = word.strip_suffix(end)?;
    let Some(last) = rest.chars().next_back() else { return Some(rest) };
    let is_closed = (u32::from(last).wrapping_sub(0xac00)) % 28 != 0;
    let fits = match end {
        "는" | "를" | "가" | "와" => !is_closed,
        "은" | "을" | "과" => is_closed,
        end if end.starts_with(['이', '으']) => is_closed,
        _either => true,
    };
    fits.then_some(rest)
}

/// Whether a list has a word.
fn is_in(list: &str, word: &str) -> bool {
    list.split(' ').any(|known| known == word)
}

fn is_korean(word: &str) -> bool {
    word.chars().all(|c| ('\u{ac00}'..='\u{d7a3}').contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(question: &str) -> Vec<String> {
        telling(question, 6)
    }

    #[test]
    fn english_says_what_it_is_about() {
        for (question, meant) in [
            ("When is the meeting, and where?", &["meeting"][..]),
            ("do you know what the library's opening hours are?", &["library", "opening", "hours"]),
            ("What did we decide about the picnic?", &["decide", "picnic"]),
            ("who's got the key? I don't!", &["key"]),
            ("Where’s Bob’s bike", &["bob", "bike"]),
            ("do the", &[]),
            ("?!", &[]),
            ("a1 b2 c3 d4 e5 f6 g7 longest", &["a1", "b2", "c3", "d4", "e5", "longest"]),
        ] {
            assert_eq!(words(question), meant, "{question}");
        }
    }

    #[test]
    fn korean_says_what_it_is_about() {
        for (question, meant) in [
            ("모임이 언제 시작해?", &["모임이", "시작해"][..]),
            ("다음 모임은 언제예요?", &["다음", "모임은"]),
            ("우리는 어디에서 만나?", &["만나"]),
            ("열쇠 는 누구 에게 있어요?", &["열쇠"]),
            ("회비 에서 까지 부터 으로", &["회비"]),
            ("그게 뭐예요?", &[]),
            ("소풍에 대해 알려주세요", &["소풍에"]),
            ("나이 많은 나무가 있는지", &["나이", "많은", "나무가"]),
            ("왜 그런지 좀 말해줘요", &[]),
        ] {
            assert_eq!(words(question), meant, "{question}");
        }
    }

    #[test]
    fn a_korean_word_is_looked_for_without_what_stands_behind_it() {
        for (word, stem_of) in [
            ("모임이", "모임"),
            ("도서관에서는", "도서관"),
            ("도서관까지", "도서관"),
            ("지수에게", "지수"),
            ("회의", "회의"),
            ("집에서", "집에서"),
            ("여름바다", "여름바다"),
            ("meeting", "meeting"),
        ] {
            assert_eq!(stem(word), stem_of, "{word}");
        }
    }

    #[test]
    fn an_english_word_is_looked_for_in_singular_and_plural() {
        for (word, looked_for) in [
            ("meetings", &["meetings", "meeting"][..]),
            ("meeting", &["meeting", "meetings"]),
            ("parties", &["parties", "party", "partie"]),
            ("movies", &["movies", "movy", "movie"]),
            ("party", &["party", "parties"]),
            ("day", &["day", "days"]),
            ("days", &["days", "day"]),
            ("boxes", &["boxes", "boxe", "box"]),
            ("houses", &["houses", "house", "hous"]),
            ("potatoes", &["potatoes", "potatoe", "potato"]),
            ("lunch", &["lunch", "lunches"]),
            ("keys", &["keys", "key"]),
            ("ties", &["ties", "tie"]),
            ("class", &["class", "classes"]),
            ("classes", &["classes", "classe", "class"]),
            ("bus", &["bus", "buses"]),
            ("news", &["news"]),
            ("gas", &["gas", "gases"]),
            ("tv", &["tv"]),
            ("a4s", &["a4s"]),
            ("cafés", &["cafés"]),
            ("도서관에서는", &["도서관"]),
        ] {
            assert_eq!(forms(word), looked_for, "{word}");
        }
    }

    #[test]
    fn a_question_ends_with_its_sign_or_as_korean_asks() {
        for yes in [
            "who comes?",
            "정말？",
            "정말? ㅋㅋ",
            "몇 시에 만날까요",
            "몇 시에 만날까요!!",
            "같이 갈까 ㅋㅋ",
            "이게 더 좋을까",
            "언제 오나요~",
            "누가 가나요 ^^",
            "자리가 있나요",
            "얼마나 걸리나요",
            "회비가 얼마인가요",
            "내일도 괜찮은가요.",
            "같이 하실 건가요",
            "언제 오시겠습니까",
            "누가 왔니",
            "자리 있나 😊",
            "이거 뭐냐",
            "좀 도와주실래요",
        ] {
            assert!(asks(yes), "{yes}");
        }
        for no in [
            "",
            "!!!",
            "ㅋㅋㅋ",
            "we meet at seven",
            "so (really?) we do",
            "내일 만나요",
            "회의가 끝나요",
            "그 노래가 생각나요",
            "일찍 일어나요",
            "비가 오니까요",
            "그러니까",
            "마늘을 까요",
            "좋다고 뭐랄까",
            "우리 언니",
            "사과 하나",
            "가 봤더니",
            "노래방에 가요",
            "뭔가",
            "거기 누군가",
            "다음 주는 휴가",
            "아냐",
            "저도 갈래요",
        ] {
            assert!(!asks(no), "{no}");
        }
    }

    #[test]
    fn no_list_names_a_word_twice_and_the_longer_endings_come_first() {
        for list in [ENGLISH, KOREAN, BEHIND, PARTICLES, ALIKE, HISSING] {
            let mut sorted: Vec<_> = list.split(' ').collect();
            let count = sorted.len();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), count);
        }
        for (at, end) in PARTICLES.split(' ').enumerate() {
            let mut later = PARTICLES.split(' ').skip(at + 1);
            assert!(later.all(|longer| !longer.ends_with(end)), "{end}");
        }
    }
}
