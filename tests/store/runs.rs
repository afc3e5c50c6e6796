//! Runs of the assistant: a question is a row, and each step of its answer is taken once.

use moim::domain::{ASSISTANT, Cid, Day, Finish, Mode, RoomId, RunId, Text, UserId, Wakes, Waking};
use moim::store::{
    Append, Appended, Asked, AskedAgain, Budget, Budgets, ClubAssistantChange, ClubAssistantPatch,
    ExportMark, ExportPart, Inherited, Manifest, NewMessage, Prospect, Receipt, RoomPatch,
    RunBegin, RunEnd, RunStatus, RunStep, RunStepped, Window,
};

use crate::harness::{World, on_both};

on_both!(
    a_question_is_answered_once,
    only_two_questions_are_open_in_a_room,
    who_looks_before_asking_changes_nothing,
    a_budget_is_kept_and_settled,
    an_answer_can_be_asked_for_again,
    machines_and_strangers_wake_nobody,
    a_room_that_is_gone_ends_its_runs,
    a_club_moves_the_rooms_that_say_nothing,
    what_was_used_is_for_ones_own_eyes_and_goes_with_the_account,
    what_was_used_long_ago_is_forgotten_in_pieces,
);

/// The day of all budgets here.
const TODAY: Day = Day(20_000);

/// What becomes of a message that may ask.
async fn ask(
    world: &World,
    (room, author): (RoomId, UserId),
    cid: &str,
    wakes: Wakes,
) -> (i64, Option<Asked>) {
    let (cid, text) = (Cid::parse(cid).unwrap(), Text::parse("@ai hi").unwrap());
    let new = NewMessage::new(room, author, cid, text, world.now());
    let new = NewMessage { wakes: Some(wakes), ..new };
    match world.one(Append::Message(new)).await {
        Appended::Message { event, asked, .. } => (event.seq, asked),
        other => panic!("{other:?}"),
    }
}

async fn asked(world: &World, place: (RoomId, UserId), cid: &str) -> RunId {
    match ask(world, place, cid, Wakes::Surely).await {
        (_seq, Some(Asked::Run(run))) => run,
        other => panic!("{other:?}"),
    }
}

fn manifest() -> Manifest {
    let left_out = [("budget".to_owned(), 3), ("deleted".to_owned(), 1)].into();
    Manifest { range: (1, 2), used: 7, left_out }
}

fn begins(world: &World, room: RoomId, run: RunId) -> RunBegin {
    RunBegin {
        run,
        room,
        node: 1,
        model: "m".to_owned(),
        mode: Mode::Reply,
        manifest: manifest(),
        input: 100,
        output: (1_000, 10),
        price: (1_000_000, 1_000_000),
        budgets: Budgets::default(),
        day: TODAY,
        at: world.now(),
    }
}

async fn step(world: &World, step: RunStep) -> RunStepped {
    match world.one(Append::Run(Box::new(step))).await {
        Appended::Run(stepped) => stepped,
        other => panic!("{other:?}"),
    }
}

async fn begin(world: &World, room: RoomId, run: RunId) -> RunStepped {
    step(world, RunStep::Begin(begins(world, room, run))).await
}

async fn end(world: &World, room: RoomId, run: RunId, finish: Finish) -> RunStepped {
    let receipt = Receipt {
        input: 90,
        output: 7,
        micro_usd: Some(97),
        manifest: manifest(),
        cites: vec![1, 2],
        ..Receipt::default()
    };
    let text = Text::parse("seven").ok();
    let (at, reason) = (world.now(), None);
    step(world, RunStep::End(RunEnd { run, room, finish, text, receipt, reason, at })).await
}

async fn a_question_is_answered_once(world: World) {
    let mina = world.user("mina").await;
    let (_, room) = world.club("readers", mina).await;
    let run = asked(&world, (room, mina), "c-1").await;
    let known = world.store.run(run).await.unwrap().unwrap();
    assert_eq!((known.status, known.asker, known.message), (RunStatus::Queued, mina, None));
    assert_eq!((known.mode, known.manifest), (None, None), "nobody has read anything");
    assert!(matches!(end(&world, room, run, Finish::Stop).await, RunStepped::Stale));
    let RunStepped::Begun { event, output } = begin(&world, room, run).await else { panic!() };
    assert_eq!(output, 1_000);
    assert!(matches!(begin(&world, room, run).await, RunStepped::Stale), "a second node");
    let known = world.store.run(run).await.unwrap().unwrap();
    assert_eq!((known.mode, known.manifest), (Some(Mode::Reply), Some(manifest())));
    let noted = [(run, Some("sev".to_owned()))];
    let stops = world.store.see_to_runs(&noted, (1, world.now())).await.unwrap();
    assert_eq!(
        (stops, world.store.run(run).await.unwrap().unwrap().text.as_str()),
        (vec![], "sev")
    );
    world.store.wish_stop(run, mina).await.unwrap();
    let stops = world.store.see_to_runs(&[(run, None)], (1, world.now())).await.unwrap();
    assert_eq!(stops, [(run, mina)]);
    let RunStepped::Ended { event: over, message, notices } =
        end(&world, room, run, Finish::Stop).await
    else {
        panic!()
    };
    assert_eq!(
        (message, over.seq, notices.len()),
        (event.seq, event.seq + 1, 1),
        "the asker hears"
    );
    assert_eq!(over.n, event.n, "an end is no message");
    assert!(matches!(end(&world, room, run, Finish::Error).await, RunStepped::Stale));
    let answer = world.messages(room, Window::Newest, 9).await.pop().unwrap();
    assert_eq!(
        (answer.seq, answer.author, answer.text.as_deref()),
        (message, ASSISTANT, Some("seven"))
    );
    let known = world.store.run(run).await.unwrap().unwrap();
    assert_eq!((known.status, known.finish), (RunStatus::Done, Some(Finish::Stop)));
    assert_eq!((known.manifest, known.cites), (Some(manifest()), vec![1, 2]));
    assert!(known.text.is_empty() && world.store.open_runs().await.unwrap().is_empty());
}

async fn only_two_questions_are_open_in_a_room(world: World) {
    let mina = world.user("mina").await;
    let (_, room) = world.club("readers", mina).await;
    let one = asked(&world, (room, mina), "c-1").await;
    let two = asked(&world, (room, mina), "c-2").await;
    assert_eq!(ask(&world, (room, mina), "c-3", Wakes::Surely).await.1, Some(Asked::Busy));
    assert!(matches!(begin(&world, room, one).await, RunStepped::Begun { .. }));
    assert!(matches!(begin(&world, room, two).await, RunStepped::Busy));
    end(&world, room, one, Finish::Stop).await;
    assert!(matches!(begin(&world, room, two).await, RunStepped::Begun { .. }));
    let three = asked(&world, (room, mina), "c-4").await;
    assert!(world.store.drop_run(three, "cancel", world.now()).await.unwrap());
    assert!(!world.store.drop_run(three, "cancel", world.now()).await.unwrap());
    assert!(!world.store.drop_run(two, "cancel", world.now()).await.unwrap(), "it runs");
}

async fn who_looks_before_asking_changes_nothing(world: World) {
    let mina = world.user("mina").await;
    let (club, room) = world.club("readers", mina).await;
    let (known, other) = (Cid::parse("c-1").unwrap(), Cid::parse("c-9").unwrap());
    let look = async |cid| world.store.prospect((room, mina), cid).await.unwrap();
    let free = Prospect { is_known: false, is_busy: false, read_seq: 0 };
    assert_eq!(look(&known).await, free);
    let run = asked(&world, (room, mina), "c-1").await;
    let read = look(&known).await.read_seq;
    assert_eq!(look(&known).await, Prospect { is_known: true, read_seq: read, ..free });
    asked(&world, (room, mina), "c-2").await;
    assert!(look(&other).await.is_busy && !look(&other).await.is_known);
    let budgets = Budgets { club: Budget { tokens: 500, micro_usd: 0 }, ..Budgets::default() };
    let fits = async |input| {
        let (who, wish) = ((mina, Some(room), Some(club.id)), (input, (1_000, 10), (0, 0)));
        world.store.could_reserve_ai(who, wish, &budgets, TODAY).await.unwrap()
    };
    assert!(fits(490).await && !fits(491).await);
    assert!(fits(490).await, "nothing was put aside");
    let begins = RunBegin { budgets, ..begins(&world, room, run) };
    assert!(matches!(step(&world, RunStep::Begin(begins)).await, RunStepped::Begun { .. }));
    assert!(!fits(1).await, "all was put aside for the answer");
}

async fn a_budget_is_kept_and_settled(world: World) {
    let mina = world.user("mina").await;
    let (_, room) = world.club("readers", mina).await;
    let budgets = Budgets { club: Budget { tokens: 500, micro_usd: 0 }, ..Budgets::default() };
    let with = |run| RunBegin { budgets, ..begins(&world, room, run) };
    let one = asked(&world, (room, mina), "c-1").await;
    let RunStepped::Begun { output, .. } = step(&world, RunStep::Begin(with(one))).await else {
        panic!()
    };
    assert_eq!(output, 400, "what is left");
    let spent = |who: (UserId, Option<RoomId>)| {
        let store = &world.store;
        async move { store.ai_spent(who, TODAY).await.unwrap() }
    };
    assert_eq!(spent((mina, Some(room))).await.map(|spent| spent.tokens), [500, 500, 500]);
    end(&world, room, one, Finish::Stop).await;
    let [own, _, _] = spent((mina, Some(room))).await;
    assert_eq!((own.tokens, own.micro_usd, own.runs), (97, 97, 1));
    let two = asked(&world, (room, mina), "c-2").await;
    let dear = RunBegin { input: 400, ..with(two) };
    assert!(matches!(step(&world, RunStep::Begin(dear)).await, RunStepped::NoBudget));
    let money = Budgets { user: Budget { tokens: 0, micro_usd: 150 }, ..Budgets::default() };
    let poor = RunBegin { budgets: money, input: 10, ..begins(&world, room, two) };
    let RunStepped::Begun { output, .. } = step(&world, RunStep::Begin(poor)).await else {
        panic!()
    };
    assert_eq!(output, 43, "150 less what was spent, less what is read");
}

async fn an_answer_can_be_asked_for_again(world: World) {
    let mina = world.user("mina").await;
    let (_, room) = world.club("readers", mina).await;
    let run = asked(&world, (room, mina), "c-1").await;
    let again =
        async |goes_on| world.store.ask_again(run, (goes_on, mina), world.now()).await.unwrap();
    assert_eq!(again(false).await, AskedAgain::NotNow, "it is not over");
    begin(&world, room, run).await;
    end(&world, room, run, Finish::Stop).await;
    assert_eq!(again(true).await, AskedAgain::NotNow, "it did not break off");
    let AskedAgain::Run(second) = again(false).await else { panic!() };
    let known = world.store.run(second).await.unwrap().unwrap();
    assert_eq!((known.attempt, known.range), (2, Some((1, 2))));
    begin(&world, room, second).await;
    assert!(matches!(again(false).await, AskedAgain::Run(_)));
    assert_eq!(again(false).await, AskedAgain::Busy);
    end(&world, room, second, Finish::Error).await;
    let go_on = world.store.ask_again(second, (true, mina), world.now()).await.unwrap();
    let AskedAgain::Run(third) = go_on else { panic!("{go_on:?}") };
    assert_eq!(world.store.run(third).await.unwrap().unwrap().goes_on, Some(second));
}

async fn machines_and_strangers_wake_nobody(world: World) {
    let (mina, bot) = (world.user("mina").await, world.user("bot").await);
    world.sql(&format!("UPDATE account SET kind = 'bot' WHERE user_id = {}", bot.0)).await;
    let lobby = world.lobby().await;
    assert_eq!(ask(&world, (lobby, bot), "c-1", Wakes::Surely).await.1, Some(Asked::NoBots));
    assert_eq!(ask(&world, (lobby, bot), "c-0", Wakes::IfAnswer).await.1, None);
    assert_eq!(ask(&world, (lobby, mina), "c-2", Wakes::IfAnswer).await.1, None);
    assert_eq!(ask(&world, (lobby, mina), "c-3", Wakes::InVain).await.1, Some(Asked::InVain));
    let (_, room) = world.club("readers", mina).await;
    let run = asked(&world, (room, mina), "c-1").await;
    world.sql("UPDATE membership SET status = 'left', left_at = 1").await;
    assert!(matches!(begin(&world, room, run).await, RunStepped::Stale), "who asked is out");
}

async fn a_room_that_is_gone_ends_its_runs(world: World) {
    let mina = world.user("mina").await;
    let (club, room) = world.club("readers", mina).await;
    let club = club.id;
    let run = asked(&world, (room, mina), "c-1").await;
    begin(&world, room, run).await;
    let noted = [(run, Some("sev".to_owned()))];
    world.store.see_to_runs(&noted, (1, world.now())).await.unwrap();
    assert!(!world.store.abandon_run(run, world.now()).await.unwrap(), "it has a log to end in");
    world.store.delete_club(club, (mina, world.now())).await.unwrap();
    let receipt = Receipt::default();
    let (text, at, finish) = (Text::parse("seven").ok(), world.now(), Finish::Stop);
    let over = RunEnd { run, room, finish, text, receipt, reason: None, at };
    let refused = world.one(Append::Run(Box::new(RunStep::End(over)))).await;
    assert!(matches!(refused, Appended::Refused(_)), "{refused:?}");
    assert!(world.store.abandon_run(run, world.now()).await.unwrap());
    assert!(world.store.open_runs().await.unwrap().is_empty(), "nobody tries for ever");
    let known = world.store.run(run).await.unwrap().unwrap();
    assert_eq!((known.text.as_str(), known.error.as_deref()), ("", Some("gone")));
}

async fn a_club_moves_the_rooms_that_say_nothing(world: World) {
    let mina = world.user("mina").await;
    let (club, room) = world.club("readers", mina).await;
    let club = club.id;
    let who = (mina, world.now());
    let says = |waking| ClubAssistantPatch { waking: Some(waking), ..Default::default() };
    let set =
        async |waking| world.store.set_club_assistant(club, &says(waking), who).await.unwrap();
    let ClubAssistantChange::Done(said, rooms) = set(Waking::Always).await else { panic!("no") };
    let nothing = Inherited { room, waking: None, lets_bots_ask: None };
    let woken = Inherited { waking: Some(Waking::Always), ..nothing };
    assert_eq!((said.waking, rooms.contains(&woken)), (Waking::Always, true));
    let again = set(Waking::Always).await;
    assert_eq!(again, ClubAssistantChange::Done(said, Vec::new()), "nothing has changed");
    let rev = world.store.room(room).await.unwrap().unwrap().rev;
    let own = RoomPatch { waking: Some(Some(Waking::Always)), ..RoomPatch::default() };
    world.store.update_room(room, own, who).await.unwrap();
    let ClubAssistantChange::Done(_, rooms) = set(Waking::Off).await else { panic!("no") };
    assert!(rooms.iter().all(|new| new.room != room));
    let lets = ClubAssistantPatch { lets_bots_ask: Some(true), ..says(Waking::Always) };
    let ClubAssistantChange::Done(_, rooms) =
        world.store.set_club_assistant(club, &lets, who).await.unwrap()
    else {
        panic!("no")
    };
    // What the room says itself does not change, and what it leaves to its club does.
    assert!(rooms.contains(&Inherited { lets_bots_ask: Some(true), ..nothing }), "{rooms:?}");
    assert!(world.store.room(room).await.unwrap().unwrap().lets_bots_ask);
    set(Waking::Off).await;
    let known = world.store.room(room).await.unwrap().unwrap();
    assert_eq!((known.waking, known.has_own_waking), (Waking::Always, true));
    assert!(known.rev > rev, "other nodes see that something is new");
    let none = RoomPatch { waking: Some(None), ..RoomPatch::default() };
    world.store.update_room(room, none, who).await.unwrap();
    let known = world.store.room(room).await.unwrap().unwrap();
    assert_eq!((known.waking, known.has_own_waking), (Waking::Off, false));
    world.store.delete_club(club, (mina, world.now())).await.unwrap();
    assert_eq!(set(Waking::Off).await, ClubAssistantChange::Gone);
    assert!(world.store.club_assistant(club).await.unwrap().is_none());
}

async fn what_was_used_is_for_ones_own_eyes_and_goes_with_the_account(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (_, room) = world.club("readers", mina).await;
    let run = asked(&world, (room, mina), "c-1").await;
    begin(&world, room, run).await;
    end(&world, room, run, Finish::Stop).await;
    let read =
        async |who, part| world.store.export(who, part, &ExportMark::default()).await.unwrap().0;
    let days = read(mina, ExportPart::AiUsage).await;
    assert_eq!((&days[0]["tokens"], &days[0]["runs"]), (&97.into(), &1.into()));
    assert_eq!(read(mina, ExportPart::Questions).await[0]["run"], run.to_string());
    for part in [ExportPart::AiUsage, ExportPart::Questions] {
        assert!(read(bob, part).await.is_empty());
    }
    world.store.erase_traces(mina).await.unwrap();
    assert!(read(mina, ExportPart::AiUsage).await.is_empty());
    let [_own, of_room, all] = world.store.ai_spent((mina, Some(room)), TODAY).await.unwrap();
    assert_eq!((of_room.tokens, all.tokens), (97, 97), "sums stay");
}

async fn what_was_used_long_ago_is_forgotten_in_pieces(world: World) {
    // On each of the days 1 to 70: ten users, and all.
    let days = "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 769)
                INSERT INTO ai_spend (day, what, id, tokens, micro_usd, runs)
                SELECT n / 11 + 1, CASE n % 11 WHEN 10 THEN 'all' ELSE 'user' END,
                       CASE n % 11 WHEN 10 THEN 0 ELSE n % 11 + 1 END, 5, 0, 1 FROM n";
    world.sql(days).await;
    let left = async || world.count("SELECT count(*) FROM ai_spend").await;
    let first = async || world.count("SELECT min(day) FROM ai_spend").await;
    assert_eq!((left().await, first().await), (770, 1));
    let before = Day(51);
    assert!(world.store.forget_spent(before, 500).await.unwrap(), "there may be more");
    assert_eq!((left().await, first().await), (270, 46), "the oldest go first");
    assert!(!world.store.forget_spent(before, 500).await.unwrap());
    assert_eq!((left().await, first().await), (220, 51));
    assert!(!world.store.forget_spent(before, 500).await.unwrap());
    assert_eq!(left().await, 220);
}
