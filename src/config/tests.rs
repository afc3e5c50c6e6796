//! What people may write, and what they are told.

use std::collections::BTreeMap;

use super::*;

fn parse(env: &[(&str, &str)]) -> Result<Config, InvalidConfig> {
    let look = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, v)| (*v).to_owned());
    Config::parse(&Values::gather(&BTreeMap::new(), &look, None)?)
}

#[test]
fn nothing_needs_to_be_set() {
    let config = parse(&[]).unwrap();
    assert_eq!(config.edge.listen.to_string(), "127.0.0.1:8080");
    assert!(config.assistant.models.is_empty());
    assert!(matches!(config.storage.database, Database::Sqlite(path) if path.ends_with("moim.db")));
}

#[test]
fn a_value_that_does_not_fit_is_one_line_with_name_value_and_wish() {
    for (name, value) in [
        ("MOIM_LISTEN", "nowhere"),
        ("MOIM_DATABASE_URL", "mysql://x"),
        ("MOIM_WORKERS", "many"),
        ("MOIM_HEARTBEAT_MS", "1"),
        ("MOIM_ALLOWED_ORIGINS", "example.org"),
        ("MOIM_PUBLIC_URL", "example.org"),
        ("MOIM_TRUSTED_PROXIES", "proxy.example.org"),
        ("MOIM_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.1/8"),
        ("MOIM_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("MOIM_LLM_PROVIDER", "crystal ball"),
        ("MOIM_LOG", "a=b=c"),
        ("MOIM_AI_PRICES", "small=1"),
        ("MOIM_AI_PRICES", "=1/2"),
        ("MOIM_AI_FIRST_TOKEN_MS", "99"),
    ] {
        let line = parse(&[(name, value)]).unwrap_err().to_string();
        assert!(line.starts_with(name) && line.contains(value) && line.contains("wants"), "{line}");
        assert_eq!(line.lines().count(), 1);
    }
}

#[test]
fn proxies_are_addresses_and_networks() {
    let networks = |text: &str| {
        let config = parse(&[("MOIM_TRUSTED_PROXIES", text)]).unwrap();
        config.edge.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(networks(" , ").is_empty());
    let some = "127.0.0.1, 10.0.0.0/8,::1, fd00::/8,::ffff:192.0.2.1";
    assert_eq!(
        networks(some),
        ["127.0.0.1/32", "10.0.0.0/8", "::1/128", "fd00::/8", "192.0.2.1/32"]
    );
}

#[test]
fn a_secret_is_never_shown() {
    let line = parse(&[("MOIM_JWT_SECRET", "too short")]).unwrap_err().to_string();
    assert!(!line.contains("too short"), "{line}");
    for odd in ["postgre://moim:hid@den@db/moim", "postgres:moim:hid@den@db", "moim:den@db"] {
        let line = parse(&[("MOIM_DATABASE_URL", odd)]).unwrap_err().to_string();
        assert!(line.contains(":***@db") && !line.contains("den"), "{line}");
    }
    let look = |name: &str| match name {
        "MOIM_JWT_SECRET" => Some("0123456789abcdef0123456789abcdef".to_owned()),
        "MOIM_DATABASE_URL" => Some("postgres://moim:hidden@db/moim".to_owned()),
        _ => None,
    };
    let values = Values::gather(&BTreeMap::new(), &look, None).unwrap();
    assert!(!values.lines().contains("0123456789"));
    assert!(values.lines().contains("postgres://moim:***@db/moim"), "{}", values.lines());
    assert!(!format!("{:?}", Config::parse(&values).unwrap().accounts).contains("0123456789"));
}

#[test]
fn a_flag_beats_the_environment_and_that_beats_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("moim.toml");
    std::fs::write(&file, "workers = 3\nlisten = \"127.0.0.1:1\"\nlog = \"warn\"\n").unwrap();
    let flags = BTreeMap::from([("workers".to_owned(), "5".to_owned())]);
    let look = |name: &str| (name == "MOIM_LISTEN").then(|| "127.0.0.1:2".to_owned());
    let values = Values::gather(&flags, &look, Some(&file)).unwrap();
    let config = Config::parse(&values).unwrap();
    assert_eq!(config.edge.workers, 5);
    assert_eq!(config.edge.listen.port(), 2);
    assert_eq!(config.log, "warn");
}

#[test]
fn an_unknown_key_in_the_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("moim.toml");
    std::fs::write(&file, "lisen = \"127.0.0.1:1\"\n").unwrap();
    let line = Values::gather(&BTreeMap::new(), &|_| None, Some(&file)).unwrap_err().to_string();
    assert!(line.contains("unknown setting \"lisen\""), "{line}");
}

#[test]
fn a_secret_may_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwt");
    std::fs::write(&file, "0123456789abcdef0123456789abcdef\n").unwrap();
    let path = file.display().to_string();
    let config = parse(&[("MOIM_JWT_SECRET_FILE", &path)]).unwrap();
    assert_eq!(config.accounts.jwt_secret.unwrap().expose().len(), 32);
}

#[test]
fn models_are_asked_in_order() {
    let config = parse(&[
        ("MOIM_LLM_PROVIDER", "gemini"),
        ("MOIM_LLM_MODEL", "large"),
        ("MOIM_LLM_API_KEY", "hunter2"),
        ("MOIM_LLM_FALLBACK_PROVIDER", "openai"),
        ("MOIM_LLM_FALLBACK_MODEL", "small:7b"),
        ("MOIM_LLM_FALLBACK_BASE_URL", "http://me:hunter2@localhost:11434/v1/"),
        ("MOIM_AI_MODELS", "tiny, , huge"),
        ("MOIM_AI_PRICES", "large=1/2, small:7b = 0/0"),
    ]);
    let assistant = config.unwrap().assistant;
    let models: Vec<_> = assistant.models.iter().map(|m| (m.provider, m.model.as_str())).collect();
    assert_eq!(models, [(Provider::Gemini, "large"), (Provider::OpenAi, "small:7b")]);
    assert_eq!(assistant.choices, ["tiny", "huge"]);
    assert_eq!(assistant.prices[1], ModelPrice { model: "small:7b".into(), input: 0, output: 0 });
    assert!(!format!("{assistant:?}").contains("hunter2"), "{assistant:?}");
    let line = parse(&[("MOIM_LLM_PROVIDER", "openai")]).unwrap_err().to_string();
    assert!(line.contains("llm_model") && line.contains("the name of a model"), "{line}");
}

#[test]
fn how_much_to_think_is_said_in_the_words_of_the_provider() {
    let thinking = |provider, thinking| {
        let model = [("MOIM_LLM_PROVIDER", provider), ("MOIM_LLM_MODEL", "m")];
        let config = parse(&[&model[..], &[("MOIM_LLM_THINKING", thinking)]].concat())?;
        Ok::<_, InvalidConfig>(config.assistant.models[0].thinking.clone())
    };
    let effort = |word: &str| Some(Thinking::Effort(word.to_owned()));
    assert_eq!(thinking("openai", "none").unwrap(), effort("none"));
    assert_eq!(thinking("gemini", "low").unwrap(), effort("low"));
    assert_eq!(thinking("gemini", "-1").unwrap(), Some(Thinking::Tokens(-1)));
    assert_eq!(thinking("gemini", "0").unwrap(), Some(Thinking::Tokens(0)));
    for (provider, odd) in
        [("openai", "512"), ("openai", "much"), ("gemini", "none"), ("gemini", "-2")]
    {
        assert!(thinking(provider, odd).is_err(), "{provider} {odd}");
    }
}

#[test]
fn the_example_names_every_setting() {
    let committed = include_str!("../../.env.example");
    assert_eq!(committed, example(), "write the output of `moim config --example` to .env.example");
}

#[test]
fn planted_faults_are_read_at_start_and_an_unknown_one_is_an_error() {
    assert!(parse(&[("MOIM_PLANT", "lose_frame=7,synchronous=OFF")]).is_ok());
    let line = parse(&[("MOIM_PLANT", "loose_frame=7")]).unwrap_err().to_string();
    assert!(line.starts_with("MOIM_PLANT") && line.contains("loose_frame=7"), "{line}");
    assert!(!example().contains("MOIM_PLANT"), "it is nothing to set for a server that serves");
}
