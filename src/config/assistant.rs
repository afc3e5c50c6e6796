//! Settings of the assistant and of the models that it asks.

use std::str::FromStr;
use std::time::Duration;

use super::{InvalidConfig, Secret, Values, url, within};

/// Characters of what it is to be.
const PERSONA_CHARS: usize = 500;

/// What a model speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// No model: the room's own words are found and quoted.
    Offline,
    /// Anything that speaks OpenAI chat completions.
    OpenAi,
    /// Gemini.
    Gemini,
}

impl FromStr for Provider {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "offline" => Ok(Self::Offline),
            "openai" => Ok(Self::OpenAi),
            "gemini" => Ok(Self::Gemini),
            _unknown => Err(()),
        }
    }
}

/// Words for how much a model is to think, of who speaks as OpenAI does.
const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];
/// The same of Gemini.
const LEVELS: &[&str] = &["minimal", "low", "medium", "high"];

/// How much a model is to think.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thinking {
    /// So many tokens; 0 is not at all, -1 as many as it likes. Of Gemini.
    Tokens(i32),
    /// As much as this word says.
    Effort(String),
}

/// A model, and where it is asked.
#[derive(Debug, Clone)]
pub struct ModelPlace {
    /// What it speaks; never [`Provider::Offline`].
    pub provider: Provider,
    /// Where it is reached; the provider's own place when absent. May hold a password.
    pub base_url: Option<Secret>,
    /// Its key.
    pub api_key: Option<Secret>,
    /// Its name.
    pub model: String,
    /// How much it is to think; as it likes when absent.
    pub thinking: Option<Thinking>,
}

/// What a model costs, in micro-USD for a million tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPrice {
    /// Its name.
    pub model: String,
    /// What it reads.
    pub input: u64,
    /// What it writes.
    pub output: u64,
}

/// The assistant.
#[derive(Debug, Clone)]
pub struct Assistant {
    /// Models in the order in which they are asked; none means offline.
    pub models: Vec<ModelPlace>,
    /// Whether there is one.
    pub is_enabled: bool,
    /// What it is to be, and in which language it speaks, where nobody says so; empty for nothing.
    pub manner: (String, String),
    /// Other models of the first place that a club or a room may choose.
    pub choices: Vec<String>,
    /// Whether the room's own words answer when every model failed.
    pub is_offline_last: bool,
    /// A proxy for calls of models.
    pub proxy: Option<Secret>,
    /// Until there is a connection.
    pub connect: Duration,
    /// Until the first word.
    pub first_token: Duration,
    /// From word to word.
    pub between_tokens: Duration,
    /// Until the end of an answer.
    pub whole: Duration,
    /// Questions in a row that a provider may fail before it is left alone.
    pub provider_failures: u32,
    /// What models cost.
    pub prices: Vec<ModelPrice>,
    /// Tokens a user may spend a day.
    pub user_tokens_per_day: u64,
    /// Tokens a room may spend a day.
    pub room_tokens_per_day: u64,
    /// Tokens a club may spend a day.
    pub club_tokens_per_day: u64,
    /// Tokens that may be spent a day.
    pub tokens_per_day: u64,
    /// The same in micro-USD: by a user, in a room, in a club, by all; zero is no limit.
    pub micro_usd_per_day: [u64; 4],
    /// Answers at a time.
    pub concurrency: usize,
    /// Questions of one user in a minute.
    pub questions_per_minute: usize,
    /// Messages that an answer reads, and tokens of them.
    pub context: (u32, u64),
    /// Tokens that a model may think beside what it writes.
    pub thought_tokens: u32,
    /// Minutes that people's clocks are ahead of UTC.
    pub minutes_ahead: i32,
}

impl Assistant {
    /// Models that a club or a room may choose: those of all places; and to be answered without one.
    #[must_use]
    pub fn offered(&self, offline: &str) -> Vec<String> {
        let mut offered = Vec::new();
        let own = self.models.iter().map(|place| place.model.as_str());
        let last = (!self.models.is_empty()).then_some(offline);
        let choices = self.choices.iter().map(String::as_str);
        for model in own.clone().take(1).chain(choices).chain(own.skip(1)).chain(last) {
            if !offered.iter().any(|known| known == model) {
                offered.push(model.to_owned());
            }
        }
        offered
    }

    pub(super) fn parse(values: &Values) -> Result<Self, InvalidConfig> {
        let number = |name: &str, range| {
            within(values, name, range).map(|number| usize::try_from(number).unwrap_or(1))
        };
        let time = |name: &str| within(values, name, 100..=3_600_000).map(Duration::from_millis);
        let mut models = Vec::new();
        models.extend(place(values, "llm")?);
        models.extend(place(values, "llm_fallback")?);
        Ok(Self {
            models,
            is_enabled: values.parse("ai_enabled")?,
            manner: manner(values)?,
            choices: names(&values.parse::<String>("ai_models")?),
            is_offline_last: values.parse("ai_offline_last")?,
            proxy: url(values, "llm_proxy")?.map(Secret::new),
            connect: time("ai_connect_ms")?,
            first_token: time("ai_first_token_ms")?,
            between_tokens: time("ai_between_tokens_ms")?,
            whole: time("ai_answer_ms")?,
            provider_failures: within(values, "ai_provider_failures", 1..=1_000_000)
                .map(|count| u32::try_from(count).unwrap_or(5))?,
            prices: prices(values)?,
            user_tokens_per_day: values.parse("ai_user_tokens_per_day")?,
            room_tokens_per_day: values.parse("ai_room_tokens_per_day")?,
            club_tokens_per_day: values.parse("ai_club_tokens_per_day")?,
            tokens_per_day: values.parse("ai_tokens_per_day")?,
            micro_usd_per_day: [
                values.parse("ai_user_micro_usd_per_day")?,
                values.parse("ai_room_micro_usd_per_day")?,
                values.parse("ai_club_micro_usd_per_day")?,
                values.parse("ai_micro_usd_per_day")?,
            ],
            concurrency: number("ai_concurrency", 1..=1_000)?,
            questions_per_minute: number("ai_questions_per_minute", 1..=1_000)?,
            context: (
                within(values, "ai_context_messages", 1..=200)
                    .map(|count| u32::try_from(count).unwrap_or(50))?,
                within(values, "ai_context_tokens", 100..=1_000_000)?,
            ),
            thought_tokens: within(values, "ai_thought_tokens", 0..=100_000)
                .map(|tokens| u32::try_from(tokens).unwrap_or(0))?,
            minutes_ahead: ahead(values)?,
        })
    }
}

/// What it is to be, and in which language it speaks.
fn manner(values: &Values) -> Result<(String, String), InvalidConfig> {
    let persona: String = values.parse("ai_persona")?;
    if persona.chars().count() > PERSONA_CHARS {
        return Err(values.unfit("ai_persona"));
    }
    let language: String = values.parse("ai_language")?;
    if !["", "ko", "en"].contains(&language.as_str()) {
        return Err(values.unfit("ai_language"));
    }
    Ok((persona, language))
}

fn place(values: &Values, prefix: &str) -> Result<Option<ModelPlace>, InvalidConfig> {
    let name = |field: &str| format!("{prefix}_{field}");
    let provider: Provider = values.parse(&name("provider"))?;
    let base_url = url(values, &name("base_url"))?.map(Secret::new);
    if provider == Provider::Offline {
        return Ok(None);
    }
    let model = values.optional(&name("model")).ok_or_else(|| values.unfit(&name("model")))?;
    let (api_key, thinking) = (values.secret(&name("api_key")), name("thinking"));
    let thinking = match values.optional(&thinking) {
        Some(text) => Some(thought(provider, &text).ok_or_else(|| values.unfit(&thinking))?),
        None => None,
    };
    Ok(Some(ModelPlace { provider, base_url, api_key, model, thinking }))
}

/// How much a model is to think, in the words of its provider.
fn thought(provider: Provider, text: &str) -> Option<Thinking> {
    let words = match provider {
        Provider::Gemini => LEVELS,
        Provider::OpenAi | Provider::Offline => EFFORTS,
    };
    if words.contains(&text) {
        return Some(Thinking::Effort(text.to_owned()));
    }
    let tokens = text.parse().ok().filter(|tokens| (-1..=100_000).contains(tokens));
    tokens.filter(|_tokens| provider == Provider::Gemini).map(Thinking::Tokens)
}

/// No clock is further away than this.
fn ahead(values: &Values) -> Result<i32, InvalidConfig> {
    let minutes: i32 = values.parse("ai_minutes_ahead")?;
    let is_clock = (-12 * 60..=14 * 60).contains(&minutes);
    if is_clock { Ok(minutes) } else { Err(values.unfit("ai_minutes_ahead")) }
}

fn names(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

fn prices(values: &Values) -> Result<Vec<ModelPrice>, InvalidConfig> {
    let text: String = values.parse("ai_prices")?;
    let price = |line: String| {
        let (model, price) = line.rsplit_once('=')?;
        let (input, output) = price.split_once('/')?;
        let (input, output) = (input.trim().parse().ok()?, output.trim().parse().ok()?);
        let model = model.trim().to_owned();
        (!model.is_empty()).then_some(ModelPrice { model, input, output })
    };
    let prices = names(&text).into_iter().map(price).collect::<Option<Vec<_>>>();
    prices.ok_or_else(|| values.unfit("ai_prices"))
}
