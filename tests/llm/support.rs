//! A mock, a chain that leads to it, and an answer read to its end.

use std::sync::Arc;
use std::time::Duration;

use moim::llm::{
    Answer, Answered, Chain, ChatModel, Endpoint, Finish, HttpModel, Key, LlmError, Piece, Request,
    Speaks, Timing, Usage,
};
use moim::mock::Mock;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const BOTH: [Speaks; 2] = [Speaks::OpenAi, Speaks::Gemini];

pub(crate) async fn mock() -> Mock {
    Mock::listen("127.0.0.1:0".parse().unwrap()).await.unwrap()
}

pub(crate) fn timing() -> Timing {
    Timing {
        connect: Duration::from_secs(5),
        first_token: Duration::from_secs(5),
        between_tokens: Duration::from_secs(5),
        whole: Duration::from_secs(12),
        linger: Duration::from_millis(100),
        pauses: vec![Duration::from_millis(10), Duration::from_millis(20)],
        longest_pause: Duration::from_millis(500),
        failures: 5,
        rest: Duration::from_secs(1),
    }
}

pub(crate) fn endpoint(speaks: Speaks, mock: &Mock, model: &str) -> Endpoint {
    Endpoint {
        speaks,
        base_url: Some(format!("http://{}/v1", mock.address())),
        key: None,
        model: model.to_owned(),
        models: Vec::new(),
        thinking: None,
        proxy: None,
        own: Vec::new(),
    }
}

pub(crate) fn with_key(endpoint: Endpoint, key: &str) -> Endpoint {
    Endpoint { key: Some(Key::new(key)), ..endpoint }
}

pub(crate) fn model(endpoint: Endpoint) -> Arc<dyn ChatModel> {
    Arc::new(HttpModel::new(endpoint, timing().connect).unwrap())
}

pub(crate) fn chain(models: Vec<Endpoint>) -> Chain {
    Chain::new(models.into_iter().map(model).collect(), false, timing())
}

pub(crate) fn question() -> Request {
    Request::new("You are a test.".to_owned(), "안녕? What is up?".to_owned())
}

/// What came of a question.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) text: String,
    pub(crate) end: Result<Finish, LlmError>,
    pub(crate) usage: Option<Usage>,
    pub(crate) model: String,
    pub(crate) tries: u32,
}

/// Asks, and reads the answer to its end, which comes once and in time.
pub(crate) async fn ask(chain: &Chain, request: &Request) -> Outcome {
    tokio::time::timeout(PATIENCE, read(chain, request)).await.expect("an end in time")
}

async fn read(chain: &Chain, request: &Request) -> Outcome {
    let mut answer = match chain.ask(request).await {
        Ok(Answered::Model { answer, .. }) => answer,
        Ok(Answered::Offline { tried }) => panic!("offline: {tried:?}"),
        Err(why) => {
            let tries = why.tried.iter().map(|tried| tried.tries).sum();
            let model = why.tried[0].model.clone();
            return Outcome {
                text: String::new(),
                end: Err(why.error()),
                usage: None,
                model,
                tries,
            };
        }
    };
    let (text, end) = rest(&mut answer).await;
    Outcome { text, end, usage: answer.usage(), model: answer.model().to_owned(), tries: 0 }
}

pub(crate) async fn rest(answer: &mut Answer) -> (String, Result<Finish, LlmError>) {
    let mut text = String::new();
    loop {
        match answer.next().await {
            Some(Ok(Piece::Text(more))) => text.push_str(&more),
            Some(Ok(Piece::End { finish, .. })) => {
                assert!(answer.next().await.is_none(), "one end only");
                return (text, Ok(finish));
            }
            Some(Err(why)) => {
                assert!(answer.next().await.is_none(), "one end only");
                return (text, Err(why));
            }
            None => panic!("no end"),
        }
    }
}
