//! The table of settings.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its key in the file; `MOIM_` and upper case make the variable, dashes the flag.
    pub name: &'static str,
    /// The value when nothing is given.
    pub default: Option<&'static str>,
    /// What a value looks like, for the error and the help.
    pub wants: &'static str,
    /// What it is for.
    pub help: &'static str,
    /// Whether it must not be printed.
    pub is_secret: bool,
}

impl Setting {
    /// The variable of the environment.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("MOIM_{}", self.name.to_uppercase())
    }

    /// The flag, without its dashes.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }
}

const fn plain(
    name: &'static str,
    default: Option<&'static str>,
    wants: &'static str,
    help: &'static str,
) -> Setting {
    Setting { name, default, wants, help, is_secret: false }
}

const fn secret(name: &'static str, wants: &'static str, help: &'static str) -> Setting {
    Setting { name, default: None, wants, help, is_secret: true }
}

/// What says how much a model is to think.
const THINKING: &str = "none, minimal, low, medium, high, xhigh or max; for Gemini minimal, low, medium, high or a number of tokens, 0 for none, -1 for any";

/// Every setting there is.
pub const SETTINGS: &[Setting] = &[
    plain("listen", Some("127.0.0.1:8080"), "host:port", "Where to listen."),
    plain("data_dir", Some("./data"), "a folder", "Where SQLite keeps its file, and uploads lie."),
    plain(
        "database_url",
        None,
        "sqlite://path or postgres://user:password@host/name",
        "The database; without it SQLite in the data folder.",
    ),
    secret("redis_url", "redis://host:port", "Redis, when several nodes serve together."),
    plain(
        "public_url",
        None,
        "http://… or https://…",
        "How people reach this server when it stands behind a proxy.",
    ),
    plain(
        "allowed_origins",
        Some(""),
        "origins such as https://chat.example.org, with commas between them",
        "Origins besides our own from which browsers may connect.",
    ),
    plain(
        "trusted_proxies",
        Some(""),
        "addresses and networks such as 127.0.0.1 or 10.0.0.0/8, with commas between them",
        "Proxies that are believed when they say where calls come from, by X-Forwarded-For.",
    ),
    secret(
        "jwt_secret",
        "at least 32 characters",
        "Signs tokens instead of the key that is kept in the database.",
    ),
    plain("log", Some("info"), "a filter such as info or moim=debug,actix=warn", "What is logged."),
    plain("workers", Some("0"), "a number; 0 means one a core", "HTTP workers."),
    plain(
        "heartbeat_ms",
        Some("25000"),
        "milliseconds, 1000 to 300000",
        "Time between two heartbeats of a session.",
    ),
    plain("sessions_per_user", Some("20"), "a number", "Sessions that one user may have at once."),
    plain(
        "max_connections",
        Some("0"),
        "a number; 0 means as many as open files allow",
        "Sessions and event streams that this server holds at once.",
    ),
    plain(
        "outbox_mib",
        Some("128"),
        "MiB, 16 to 65536",
        "Memory for what waits for slow clients, of all together.",
    ),
    plain(
        "drain_window_ms",
        Some("10000"),
        "milliseconds, 0 to 60000",
        "Over how long clients come back when this node ends.",
    ),
    plain(
        "password_memory_kib",
        Some("19456"),
        "KiB, 8 to 1048576",
        "Memory of one password hash (argon2id, two passes).",
    ),
    plain(
        "lobbies",
        Some(""),
        "names of 2 to 50 characters, with commas between them",
        "Lobbies that there are besides general.",
    ),
    plain("first_user_is_admin", Some("true"), "true or false", "The first account is an admin."),
    plain(
        "file_max_bytes",
        Some("26214400"),
        "bytes, 1024 to 10737418240",
        "Size of one uploaded file.",
    ),
    plain(
        "file_day_bytes",
        Some("524288000"),
        "a number of bytes",
        "What one user may upload in a day.",
    ),
    plain(
        "file_quota_bytes",
        Some("10737418240"),
        "a number of bytes",
        "What all uploaded files may take together.",
    ),
    plain(
        "uploads_per_hour",
        Some("20"),
        "a number; 0 means no limit",
        "How many files one user may upload in an hour.",
    ),
    plain(
        "upload_seconds",
        Some("3600"),
        "seconds, 1 to 86400",
        "How long the upload of one file may take.",
    ),
    plain(
        "picture_mib",
        Some("256"),
        "MiB, 16 to 65536",
        "Memory for looking at uploaded pictures, of all together.",
    ),
    plain(
        "link_preview",
        Some("false"),
        "true or false",
        "Whether this server asks the pages that messages link to for their titles.",
    ),
    plain(
        "llm_provider",
        Some("offline"),
        "offline, openai or gemini",
        "Which model the assistant asks.",
    ),
    plain(
        "llm_base_url",
        None,
        "http://… or https://…",
        "Where the model is reached; without it at its provider.",
    ),
    secret("llm_api_key", "the key of the provider", "Key of the model."),
    plain("llm_model", None, "the name of a model", "Which model; needed unless offline."),
    plain(
        "llm_thinking",
        None,
        THINKING,
        "How much the model is to think; without it as it likes, and one that cannot think is not asked to.",
    ),
    plain(
        "llm_fallback_provider",
        Some("offline"),
        "offline, openai or gemini",
        "Which model is asked when the first fails before its first word; offline means none.",
    ),
    plain(
        "llm_fallback_base_url",
        None,
        "http://… or https://…",
        "Where that model is reached; without it at its provider.",
    ),
    secret("llm_fallback_api_key", "the key of the provider", "Key of that model."),
    plain("llm_fallback_model", None, "the name of a model", "Which model that is."),
    plain("llm_fallback_thinking", None, THINKING, "How much that model is to think."),
    secret(
        "llm_proxy",
        "http://host:port",
        "A proxy to reach models through; http_proxy and the like are not read.",
    ),
    plain(
        "ai_offline_last",
        Some("false"),
        "true or false",
        "Whether the words of the room answer when every model failed.",
    ),
    plain(
        "ai_enabled",
        Some("true"),
        "true or false",
        "Whether there is an assistant; if not, it is off in all rooms, whatever they say.",
    ),
    plain(
        "ai_persona",
        Some(""),
        "at most 500 characters",
        "What the assistant is to be where neither room nor club says so.",
    ),
    plain(
        "ai_language",
        Some(""),
        "ko, en or nothing",
        "In which language it speaks where neither room nor club says so; nothing is the asker's.",
    ),
    plain(
        "ai_models",
        Some(""),
        "names of models with commas between them",
        "Other models of MOIM_LLM_PROVIDER that a club or a room may choose.",
    ),
    plain(
        "ai_prices",
        Some(""),
        "model=in/out with commas between them, such as small=150000/600000",
        "What models cost, in millionths of a US dollar for a million tokens read and written.",
    ),
    plain(
        "ai_connect_ms",
        Some("10000"),
        "milliseconds, 100 to 3600000",
        "How long a connection to a model may take.",
    ),
    plain(
        "ai_first_token_ms",
        Some("15000"),
        "milliseconds, 100 to 3600000",
        "How long a model may take to its first word; one that is loaded on demand needs more.",
    ),
    plain(
        "ai_between_tokens_ms",
        Some("15000"),
        "milliseconds, 100 to 3600000",
        "How long a model may be silent in the middle of an answer.",
    ),
    plain(
        "ai_answer_ms",
        Some("120000"),
        "milliseconds, 100 to 3600000",
        "How long an answer may take altogether.",
    ),
    plain(
        "ai_user_tokens_per_day",
        Some("200000"),
        "a number of tokens",
        "What one user may spend on answers in a day.",
    ),
    plain(
        "ai_room_tokens_per_day",
        Some("1000000"),
        "a number of tokens",
        "What one room may spend on answers in a day.",
    ),
    plain(
        "ai_club_tokens_per_day",
        Some("5000000"),
        "a number of tokens",
        "What one club may spend on answers in a day; 0 is no limit, here and above.",
    ),
    plain(
        "ai_tokens_per_day",
        Some("10000000"),
        "a number of tokens",
        "What all may spend on answers in a day.",
    ),
    plain(
        "ai_user_micro_usd_per_day",
        Some("0"),
        "millionths of a US dollar",
        "What the answers of one user may cost in a day; 0 is no limit.",
    ),
    plain(
        "ai_room_micro_usd_per_day",
        Some("0"),
        "millionths of a US dollar",
        "What the answers in one room may cost in a day.",
    ),
    plain(
        "ai_club_micro_usd_per_day",
        Some("0"),
        "millionths of a US dollar",
        "What the answers in one club may cost in a day.",
    ),
    plain(
        "ai_micro_usd_per_day",
        Some("0"),
        "millionths of a US dollar",
        "What all answers may cost in a day.",
    ),
    plain(
        "ai_provider_failures",
        Some("5"),
        "1 to 1000000",
        "How many questions in a row a provider may fail before it is left alone for 30 seconds.",
    ),
    plain("ai_concurrency", Some("8"), "1 to 1000", "How many answers are written at a time."),
    plain(
        "ai_questions_per_minute",
        Some("5"),
        "1 to 1000",
        "How often one user may ask in a minute.",
    ),
    plain(
        "ai_context_messages",
        Some("50"),
        "1 to 200",
        "How many messages of the room an answer reads.",
    ),
    plain(
        "ai_context_tokens",
        Some("4000"),
        "100 to 1000000",
        "How many tokens of them; the oldest are left out first.",
    ),
    plain(
        "ai_thought_tokens",
        Some("8192"),
        "0 to 100000",
        "How many tokens a model may think beside what it writes.",
    ),
    plain(
        "ai_minutes_ahead",
        Some("540"),
        "minutes, -720 to 840",
        "How far the clocks of people are ahead of UTC, for times in what a model reads.",
    ),
];

/// The settings as an example for an environment file.
#[must_use]
pub fn example() -> String {
    let mut out = String::from(
        "# Settings of Moim. A flag beats a variable, that beats moim.toml, that beats the default.\n\
         # A secret may come from a file: MOIM_JWT_SECRET_FILE=/run/secrets/jwt\n",
    );
    for setting in SETTINGS {
        let default = setting.default.unwrap_or_default();
        out.push_str(&format!("\n# {} Wants {}.\n", setting.help, setting.wants));
        out.push_str(&format!("#{}={default}\n", setting.variable()));
    }
    out
}
