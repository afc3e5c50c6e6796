//! The command line: `serve` (also when no command is given), `migrate`, `admin`, `export`, `import`,
//! `epochs`, `top`, `mock-llm`, `config`, `completions`. Flags come from the table of settings.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use clap_complete::Shell;

use crate::app::{self, StartError};
use crate::config::{Config, SETTINGS, Values, example, process_environment, token_of_environment};
use crate::top::Watch;

/// Looks at a server are no closer together.
const SHORTEST: Duration = Duration::from_millis(100);
/// Nor further apart.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Where the mock of a model listens unless it is told.
const MOCK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8_090);

/// Runs the program; every failure is one line on standard error and a code that is not 0.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(why) => {
            let _closed = why.print();
            return ExitCode::from(u8::try_from(why.exit_code()).unwrap_or(2));
        }
    };
    match dispatch(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say_error(&why);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "this is where the program talks to its operator")]
fn say_error(why: &StartError) {
    eprintln!("moim: {why}");
}

/// Beside what is written to standard output.
#[expect(clippy::print_stderr, reason = "this is where the program talks to its operator")]
fn tell(text: &str) {
    eprintln!("{text}");
}

#[expect(clippy::print_stdout, reason = "what the command was asked to print")]
fn say(text: &str) {
    print!("{text}");
}

fn command() -> Command {
    let settings = SETTINGS.iter().map(|setting| {
        let mut help = format!("{} [{}", setting.help, setting.variable());
        if let Some(default) = setting.default.filter(|default| !default.is_empty()) {
            help.push_str(&format!(", default {default}"));
        }
        help.push(']');
        Arg::new(setting.name).long(setting.flag()).value_name("VALUE").help(help).global(true)
    });
    Command::new("moim")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A self-hosted realtime server for clubs")
        .args(settings)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .global(true)
                .help("Settings file [default moim.toml, if it is there]"),
        )
        .subcommand(Command::new("serve").about("Serve (the default)"))
        .subcommand(Command::new("migrate").about("Bring the database to this version, and end"))
        .subcommand(admin())
        .subcommand(export())
        .subcommand(import())
        .subcommand(epochs())
        .subcommand(top())
        .subcommand(Command::new("mock-llm").about(
            "Play a provider of models, for trying out and for tests; --listen says where [default 127.0.0.1:8090]",
        ))
        .subcommand(
            Command::new("config").about("Print the settings in force, secrets hidden").arg(
                Arg::new("example")
                    .long("example")
                    .action(ArgAction::SetTrue)
                    .help("Print an example environment file instead"),
            ),
        )
        .subcommand(
            Command::new("completions")
                .about("Print completions for a shell")
                .arg(Arg::new("shell").required(true).value_parser(value_parser!(Shell))),
        )
}

fn admin() -> Command {
    let name = || Arg::new("username").required(true).value_name("USERNAME");
    let password = || {
        Arg::new("password-stdin")
            .long("password-stdin")
            .action(ArgAction::SetTrue)
            .help("Read the password from standard input; else one is made and printed")
    };
    Command::new("admin")
        .about("Look after accounts; works beside a running server")
        .subcommand_required(true)
        .subcommand(
            Command::new("create-user").about("Make an account").arg(name()).arg(password()),
        )
        .subcommand(Command::new("grant").about("Make an account an admin").arg(name()))
        .subcommand(Command::new("revoke").about("Make an admin an ordinary user").arg(name()))
        .subcommand(
            Command::new("reset-password")
                .about("Set a new password and sign the user out everywhere")
                .arg(name())
                .arg(password()),
        )
}

fn export() -> Command {
    Command::new("export")
        .about("Write a club, or all of them, to standard output: one JSON object a line")
        .arg(Arg::new("club").long("club").value_name("ID").help("A club: c_1"))
        .arg(
            Arg::new("all")
                .long("all")
                .action(ArgAction::SetTrue)
                .required_unless_present("club")
                .conflicts_with("club")
                .help("All clubs"),
        )
        .arg(files("A folder for the files of messages; without it they stay behind"))
}

fn files(help: &'static str) -> Arg {
    let arg = Arg::new("files").long("files").value_name("FOLDER");
    arg.value_parser(value_parser!(PathBuf)).help(help)
}

fn import() -> Command {
    Command::new("import")
        .about("Make clubs of a file that `export` has written; all of it or nothing")
        .arg(
            Arg::new("file")
                .required(true)
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("The file; - is standard input"),
        )
        .arg(Arg::new("name").long("name").value_name("NAME").help("Another name for the club"))
        .arg(files("The folder that `export` has put the files of messages into"))
}

fn epochs() -> Command {
    Command::new("epochs")
        .about("Look after the lives of the logs, after a backup was put back")
        .arg(
            Arg::new("renew")
                .long("renew")
                .required(true)
                .action(ArgAction::SetTrue)
                .help("Give each log a new life, so that clients start anew; while no server runs"),
        )
}

fn moving(verb: &str, sub: &ArgMatches) -> app::Moving {
    match verb {
        "export" => app::Moving::Export {
            club: sub.get_one::<String>("club").cloned(),
            files: sub.get_one::<PathBuf>("files").cloned(),
        },
        "import" => app::Moving::Import {
            file: sub.get_one::<PathBuf>("file").cloned().unwrap_or_default(),
            name: sub.get_one::<String>("name").cloned(),
            files: sub.get_one::<PathBuf>("files").cloned(),
        },
        _epochs => app::Moving::RenewEpochs,
    }
}

fn top() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("top")
        .about("Watch the actors of a server; on its own machine with no more than its settings")
        .arg(Arg::new("url").long("url").value_name("URL").help(
            "Where the server is [default where the settings say that it listens]",
        ))
        .arg(
            Arg::new("token-file")
                .long("token-file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("File with the access token of an admin, for a server elsewhere [or MOIM_TOKEN]"),
        )
        .arg(
            Arg::new("every")
                .long("every")
                .value_name("TIME")
                .default_value("1s")
                .value_parser(span)
                .help("Time between two looks: 500ms, 2s"),
        )
        .arg(flag("once", "Show one picture and end"))
        .arg(flag("json", "Print what the server says, one line a look"))
}

/// `2s` or `500ms`, and no less than a server should be asked.
fn span(text: &str) -> Result<Duration, String> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let span = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(ms), _) => number(ms).map(Duration::from_millis),
        (None, Some(seconds)) => number(seconds).map(Duration::from_secs),
        (None, None) => None,
    };
    span.filter(|span| (SHORTEST..=LONGEST).contains(span))
        .ok_or_else(|| "a time from 100ms to 3600s is wanted".to_owned())
}

fn top_order(sub: &ArgMatches) -> app::TopOrder {
    let every = sub.get_one::<Duration>("every").copied().unwrap_or(LONGEST);
    let (once, json) = (sub.get_flag("once"), sub.get_flag("json"));
    app::TopOrder {
        url: sub.get_one::<String>("url").cloned(),
        token: token_of_environment(),
        token_file: sub.get_one::<PathBuf>("token-file").cloned(),
        watch: Watch { every, once, json },
    }
}

fn dispatch(matches: &ArgMatches) -> Result<(), StartError> {
    if let Some(("completions", sub)) = matches.subcommand() {
        if let Some(shell) = sub.get_one::<Shell>("shell") {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut command(), "moim", &mut script);
            say(&String::from_utf8_lossy(&script));
        }
        return Ok(());
    }
    let asked = matches.subcommand();
    if let Some(("config", sub)) = asked
        && sub.get_flag("example")
    {
        say(&example());
        return Ok(());
    }
    // Flags may stand before or behind the command.
    let values = values(asked.map_or(matches, |(_, sub)| sub))?;
    let config = Config::parse(&values)?;
    match asked {
        Some(("config", _)) => say(&values.lines()),
        Some(("migrate", _)) => app::block_on(app::migrate(&config))?,
        Some(("admin", sub)) => {
            let told = app::block_on(app::admin(&config, order(sub)))?;
            say(&told);
        }
        Some((verb @ ("export" | "import" | "epochs"), sub)) => {
            let told = app::block_on(app::transfer(&config, moving(verb, sub)))?;
            tell(&told);
        }
        Some(("mock-llm", sub)) => {
            // Where the server listens is taken, when there is one.
            let is_given = sub.get_one::<String>("listen").is_some();
            let address = if is_given { config.edge.listen } else { MOCK };
            app::block_on(app::mock_llm(address))?;
        }
        Some(("top", sub)) => app::block_on(app::top(&config, top_order(sub)))?,
        _serve => {
            crate::telemetry::start_logs(&config.log);
            app::serve(&config)?;
        }
    }
    Ok(())
}

fn order(admin: &ArgMatches) -> app::Order {
    let (verb, sub) = admin.subcommand().unwrap_or(("", admin));
    let username = sub.get_one::<String>("username").cloned().unwrap_or_default();
    let from_stdin =
        sub.try_contains_id("password-stdin").is_ok() && sub.get_flag("password-stdin");
    let password = if from_stdin { app::NewPassword::Stdin } else { app::NewPassword::MadeUp };
    match verb {
        "create-user" => app::Order::CreateUser { username, password },
        "reset-password" => app::Order::ResetPassword { username, password },
        "revoke" => app::Order::Revoke { username },
        _grant => app::Order::Grant { username },
    }
}

fn values(matches: &ArgMatches) -> Result<Values, StartError> {
    let mut flags = BTreeMap::new();
    for setting in SETTINGS {
        if let Some(value) = matches.get_one::<String>(setting.name) {
            flags.insert(setting.name.to_owned(), value.clone());
        }
    }
    let default = PathBuf::from("moim.toml");
    let named = matches.get_one::<PathBuf>("config").cloned();
    let file = named.or_else(|| default.exists().then_some(default));
    Ok(Values::gather(&flags, &process_environment, file.as_deref())?)
}
