//! The models that the assistant asks, and the mock of one.

use std::net::SocketAddr;
use std::sync::Arc;

use super::StartError;
use super::ending::end_signal;
use crate::actors::AssistantSettings;
use crate::config::{self, Config, ModelPlace, ModelPrice, Provider, Secret};
use crate::llm::{
    Chain, ChatModel, Endpoint, HttpModel, Key, Price, Prices, Speaks, Thinking, Timing, points_at,
};
use crate::mock::Mock;
use crate::store::{Budget, Budgets, Manner};

/// The models of the settings, in their order.
pub(super) fn chain(config: &Config, address: SocketAddr) -> Result<Chain, StartError> {
    let assistant = &config.assistant;
    let own = vec![address, config.edge.listen];
    let key = |secret: &Option<Secret>| secret.as_ref().map(|secret| Key::new(secret.expose()));
    let mut models: Vec<Arc<dyn ChatModel>> = Vec::new();
    for (at, place) in assistant.models.iter().enumerate() {
        let Some(speaks) = speaks(place) else {
            continue;
        };
        let base_url = place.base_url.as_ref().map(|url| url.expose().to_owned());
        let is_own = |url| points_at(url, &own, config.edge.public_url.as_deref());
        if base_url.as_deref().is_some_and(is_own) {
            return Err(StartError::OwnModel);
        }
        let endpoint = Endpoint {
            speaks,
            base_url,
            key: key(&place.api_key),
            model: place.model.clone(),
            models: if at == 0 { assistant.choices.clone() } else { Vec::new() },
            thinking: place.thinking.clone().map(thinking),
            proxy: key(&assistant.proxy),
            own: own.clone(),
        };
        models.push(Arc::new(HttpModel::new(endpoint, assistant.connect)?));
    }
    let timing = Timing {
        connect: assistant.connect,
        first_token: assistant.first_token,
        between_tokens: assistant.between_tokens,
        whole: assistant.whole,
        failures: assistant.provider_failures,
        ..Timing::default()
    };
    Ok(Chain::new(models, assistant.is_offline_last, timing))
}

/// How questions are answered.
pub(super) fn assistant(config: &Config, models: Arc<Chain>) -> AssistantSettings {
    let assistant = &config.assistant;
    let price = |price: &ModelPrice| {
        (price.model.clone(), Price { input: price.input, output: price.output })
    };
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let [user, room, club, all] = assistant.micro_usd_per_day;
    let budget =
        |tokens, micro_usd| Budget { tokens: number(tokens), micro_usd: number(micro_usd) };
    let (persona, language) = assistant.manner.clone();
    AssistantSettings {
        models,
        is_on: assistant.is_enabled,
        manner: Manner { persona, language, model: String::new() },
        prices: Prices::new(assistant.prices.iter().map(price)),
        places: assistant.concurrency,
        per_minute: assistant.questions_per_minute,
        messages: i64::from(assistant.context.0),
        tokens: assistant.context.1,
        thought_tokens: assistant.thought_tokens,
        budgets: Budgets {
            user: budget(assistant.user_tokens_per_day, user),
            room: budget(assistant.room_tokens_per_day, room),
            club: budget(assistant.club_tokens_per_day, club),
            all: budget(assistant.tokens_per_day, all),
        },
        minutes_ahead: assistant.minutes_ahead,
    }
}

fn speaks(place: &ModelPlace) -> Option<Speaks> {
    match place.provider {
        Provider::Offline => None,
        Provider::OpenAi => Some(Speaks::OpenAi),
        Provider::Gemini => Some(Speaks::Gemini),
    }
}

fn thinking(thinking: config::Thinking) -> Thinking {
    match thinking {
        config::Thinking::Tokens(tokens) => Thinking::Tokens(tokens),
        config::Thinking::Effort(word) => Thinking::Effort(word),
    }
}

/// Plays a provider of models until the process is asked to end.
///
/// # Errors
/// When the address cannot be listened on.
#[expect(clippy::print_stderr, reason = "this is where the program talks to its operator")]
pub async fn mock_llm(address: SocketAddr) -> Result<(), StartError> {
    let listened = Mock::listen(address).await;
    let mock = listened.map_err(|why| StartError::Listen { address, why })?;
    let url = format!("http://{}", mock.address());
    eprintln!(
        "\n  A mock of a model, at {url} (opened there: all it can do).\n  \
         MOIM_LLM_PROVIDER=openai MOIM_LLM_BASE_URL={url}/v1 MOIM_LLM_MODEL=slow:300+tps:60+words:200 moim\n"
    );
    let end = end_signal()?;
    tokio::select! {
        () = mock.run() => {}
        () = end => {}
    }
    Ok(())
}
