//! Each behaviour of the mock has one outcome, whatever the provider speaks.

use std::time::Duration;

use futures_util::future::join_all;
use moim::llm::{Endpoint, Finish, LlmError, Wait};

use super::support::{BOTH, ask, chain, endpoint, mock, question, with_key};

/// Behaviour, whether there is text, how it ends, how often the mock is asked.
type Row = (&'static str, bool, Result<Finish, LlmError>, usize);

const LIMITED: LlmError = LlmError::RateLimited { retry_after: None };
const SOON: LlmError = LlmError::RateLimited { retry_after: Some(Duration::ZERO) };
const LATER: LlmError = LlmError::RateLimited { retry_after: Some(Duration::from_secs(1)) };

const fn overloaded(seconds: u64) -> LlmError {
    LlmError::Overloaded { status: 503, retry_after: Duration::from_secs(seconds) }
}

const ROWS: &[Row] = &[
    ("fast", true, Ok(Finish::Stop), 1),
    ("slow:50", true, Ok(Finish::Stop), 1),
    ("words:20+tps:200", true, Ok(Finish::Stop), 1),
    ("words:20+odd", true, Ok(Finish::Stop), 1),
    ("think:3", true, Ok(Finish::Stop), 1),
    ("no-done", true, Ok(Finish::Stop), 1),
    ("linger", true, Ok(Finish::Stop), 1),
    ("plain", true, Ok(Finish::Stop), 1),
    ("flaky:2", true, Ok(Finish::Stop), 3),
    ("filter+words:3", true, Ok(Finish::Filter), 1),
    ("endless", true, Ok(Finish::Length), 1),
    ("huge:10MB", true, Ok(Finish::Length), 1),
    ("line:512KB", false, Err(LlmError::BadAnswer("a part of it is too long")), 1),
    ("hang", false, Err(LlmError::Timeout(Wait::FirstToken)), 1),
    ("slow:30000", false, Err(LlmError::Timeout(Wait::FirstToken)), 1),
    ("hang-after:3", true, Err(LlmError::Timeout(Wait::BetweenTokens)), 1),
    ("endless+tps:30", true, Err(LlmError::Timeout(Wait::Whole)), 1),
    ("429", false, Err(LIMITED), 3),
    ("429:0", false, Err(SOON), 3),
    ("429:1", false, Err(LATER), 1),
    ("500", false, Err(LlmError::Failing(500)), 3),
    ("503", false, Err(LlmError::Failing(503)), 3),
    ("503:0", false, Err(overloaded(0)), 3),
    ("503:1", false, Err(overloaded(1)), 1),
    ("error+words:0", false, Err(LlmError::Failing(503)), 3),
    ("error", true, Err(LlmError::Failing(503)), 1),
    ("half", true, Err(LlmError::BrokenOff), 1),
    ("half+words:0", false, Err(LlmError::BrokenOff), 1),
    ("cut", true, Err(LlmError::BrokenOff), 1),
    ("garbage", false, Err(LlmError::BadAnswer("it is not JSON")), 1),
    ("garbage+words:3", true, Err(LlmError::BadAnswer("it is not JSON")), 1),
    ("wrong-json", false, Err(LlmError::BadAnswer("it is no completion")), 1),
    ("bad-utf8", false, Err(LlmError::BadAnswer("it is not UTF-8")), 1),
    ("silent", false, Err(LlmError::BadAnswer("it is empty")), 1),
    ("filter", false, Err(LlmError::Declined), 1),
    ("400", false, Err(LlmError::BadKey), 1),
    ("401", false, Err(LlmError::BadKey), 1),
    ("404", false, Err(LlmError::UnknownModel), 1),
    ("gpt-none", false, Err(LlmError::UnknownModel), 1),
    ("413", false, Err(LlmError::TooLarge), 1),
    ("301", false, Err(LlmError::Refused(301)), 1),
];

#[tokio::test]
async fn every_behaviour_has_its_outcome() {
    let mut slips = Vec::new();
    for speaks in BOTH {
        let mock = mock().await;
        let question = question();
        let outcomes = join_all(ROWS.iter().map(|(name, ..)| {
            let chain = chain(vec![endpoint(speaks, &mock, name)]);
            let question = &question;
            async move { ask(&chain, question).await }
        }));
        for ((name, has_text, end, asked), outcome) in ROWS.iter().zip(outcomes.await) {
            let found = (!outcome.text.is_empty(), outcome.end, mock.asked(name));
            if found != (*has_text, *end, *asked) || outcome.text.chars().count() > 4_000 {
                slips.push(format!("{speaks:?} {name}: {found:?}"));
            }
            assert_eq!(outcome.model, *name);
        }
    }
    assert!(slips.is_empty(), "{}", slips.join("\n"));
}

#[tokio::test]
async fn an_answer_is_whole_and_says_what_it_used() {
    for speaks in BOTH {
        let mock = mock().await;
        let outcome = ask(&chain(vec![endpoint(speaks, &mock, "echo")]), &question()).await;
        assert_eq!(outcome.text, "안녕? What is up?");
        let usage = outcome.usage.expect("the mock tells it");
        assert_eq!((usage.input > 0, usage.output), (true, 4), "{usage:?}");
        let outcome = ask(&chain(vec![endpoint(speaks, &mock, "obedient")]), &question()).await;
        assert_eq!(
            outcome.text, "You are a test.\n안녕? What is up?",
            "system first, then the turns"
        );
        let long = ask(&chain(vec![endpoint(speaks, &mock, "endless")]), &question()).await;
        assert_eq!(long.text.chars().count(), 4_000);
    }
}

#[tokio::test]
async fn the_key_goes_where_it_belongs() {
    for speaks in BOTH {
        let mock = mock().await;
        let of = |key| chain(vec![with_key(endpoint(speaks, &mock, "key:sesame"), key)]);
        assert_eq!(ask(&of("sesame"), &question()).await.end, Ok(Finish::Stop));
        assert_eq!(ask(&of("other"), &question()).await.end, Err(LlmError::BadKey));
        let calls = mock.calls();
        assert_eq!(calls[0].key.as_deref(), Some("sesame"));
        assert!(
            calls.iter().all(|call| !call.target.contains("sesame") || call.speaks == "gemini")
        );
        assert!(calls.iter().all(|call| !call.target.contains("key=")), "{calls:?}");
    }
}

#[tokio::test]
async fn a_model_that_is_wished_for_is_asked_if_it_is_offered() {
    let mock = mock().await;
    let offers = || {
        let base = endpoint(BOTH[0], &mock, "fast");
        Endpoint { models: vec!["words:2".to_owned()], ..base }
    };
    let mut request = question();
    request.model = Some("words:2".to_owned());
    assert_eq!(ask(&chain(vec![offers()]), &request).await.model, "words:2");
    request.model = Some("hang".to_owned());
    assert_eq!(ask(&chain(vec![offers()]), &request).await.model, "fast");
}

#[tokio::test]
async fn nobody_there_and_this_server_itself_are_told_apart() {
    let mock = mock().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = Endpoint {
        base_url: Some(format!("http://{free}/v1")),
        ..endpoint(BOTH[0], &mock, "fast")
    };
    let outcome = ask(&chain(vec![nobody]), &question()).await;
    assert_eq!((outcome.end, outcome.tries), (Err(LlmError::Unreachable), 3));
    let own = Endpoint { own: vec![mock.address()], ..endpoint(BOTH[0], &mock, "fast") };
    assert_eq!(ask(&chain(vec![own]), &question()).await.end, Err(LlmError::OwnAddress));
}

#[tokio::test]
async fn a_host_that_takes_no_connection_is_given_up() {
    // Nobody accepts, and its queue is full: further calls are not even refused.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let (soon, mut held) = (Duration::from_millis(200), Vec::new());
    while let Ok(line) = tokio::time::timeout(soon, tokio::net::TcpStream::connect(address)).await {
        held.push(line.unwrap());
        assert!(held.len() < 100, "it is never full");
    }
    for speaks in BOTH {
        let base_url = Some(format!("http://{address}/v1"));
        let endpoint = Endpoint { base_url, ..endpoint(speaks, &mock().await, "fast") };
        let model = moim::llm::HttpModel::new(endpoint, soon).unwrap();
        let models: Vec<std::sync::Arc<dyn moim::llm::ChatModel>> =
            vec![std::sync::Arc::new(model)];
        let chain = moim::llm::Chain::new(models, false, super::support::timing());
        let began = std::time::Instant::now();
        let outcome = ask(&chain, &question()).await;
        assert_eq!(outcome.end, Err(LlmError::Timeout(Wait::Connect)), "{speaks:?}");
        assert_eq!(outcome.tries, 1, "what took so long is not tried again");
        assert!(began.elapsed() < super::support::timing().first_token);
    }
}
