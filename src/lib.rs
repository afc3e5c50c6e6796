//! Moim: a self-hosted realtime server for clubs.
//!
//! # Map
//!
//! | part | holds | may use |
//! |---|---|---|
//! | [`domain`] | ids, names, texts and their look, roles, limits; pure | nothing |
//! | [`protocol`] | the wire: ops, events, replies, codes, frames | domain |
//! | [`store`] | SQLite and PostgreSQL; all SQL | domain |
//! | [`llm`] | models that answer: providers, prompts, what is read from answers | domain |
//! | [`files`] | the bytes of attachments: where they lie, what they are, pictures | domain |
//! | [`preview`] | asking linked pages what they are | domain |
//! | [`actors`] | rooms, journal, relays, sessions, presence, supervision | the above |
//! | [`http`] | URLs, tokens, the upgrade, the page, OpenAPI | the above |
//! | [`top`] | watching a server from the terminal: a client, knows only the wire | nothing |
//! | [`mock`] | plays a provider of models, for tests and for trying things out | nothing |
//! | [`telemetry`], [`config`] | logs and metrics; settings | nothing |
//! | [`faults`] | planted faults, with the feature of that name; empty without | nothing; all may ask it |
//! | [`app`], [`cli`] | the parts list; the command line | everything |
//!
//! Arrows never turn back; `tests/house` reads the `use` lines and fails on one that does. ractor
//! is the domain's framework: supervised actors on the main multi-thread runtime. actix is the
//! edge's: thousands of small actors bound to the thread of their worker, which never cross a core.
//!
//! # What always holds
//!
//! * **An ack is a promise.** A message is acknowledged, and shown to anybody, only after the
//!   transaction that holds it was committed with a full sync of the disk.
//! * **Nobody counts seqs but the database.** Heads advance inside the transaction; a room applies
//!   what it is given, in order, each once, whoever brings it and however often.
//! * **Replay, attachment and live events leave in one queue** from a room to a worker, so opening
//!   a room has no moment in which an event is missed or doubled.
//! * **Nothing waits without bound.** Mailboxes have permits, outboxes count bytes, every await in a
//!   handler has a deadline. What cannot wait, or has waited too long while others stand behind it
//!   (`actors/pressure.rs`), is refused with the time after which to try again.
//! * **A room is the authority on who hears it.** Rights are checked at every op, and a membership
//!   that ends takes its seats out before anything else is said.
//! * **Nothing a client sends panics.** Bad input is an answer. If an actor panics all the same, no
//!   other is touched by it, and the message that did it is tried twice more, then set aside.
//!
//! # The life of a message
//!
//! 1. A **session** (`actors/session`) reads a frame, splits it into lines, parses the op, checks
//!    rate and size, and leaves the message with the room, whose address it finds in the directory
//!    without a hop. Without a place in the room's mailbox it waits, and reads nothing meanwhile.
//! 2. The **room** (`actors/room`) admits it by pure rules and hands a draft to the journal. No I/O.
//! 3. The **journal** (`actors/journal.rs`) gathers what all rooms want while the last batch is in
//!    the database, then writes the next in one transaction (`store/journal`). Nearly all batches hold
//!    plain messages only: heads, events, messages and read marks go in one call, in which the database
//!    puts the numbers into the events. Any other batch is read up on first: whom it names and answers,
//!    who hears of it, what stands already; then all of it is written with a few statements. A
//!    repeated `cid` answers the first result.
//! 4. The outcomes go back to their rooms in commit order. The **room** applies them, encodes each
//!    event once, keeps the newest in a ring, and tells the relay of each worker once.
//! 5. The **relay** (`actors/relay`) pushes the shared bytes into the outboxes of its listeners and
//!    flushes them. What a socket does not take stays in its outbox; several waiting frames leave
//!    in one system call. A session that falls too far behind is turned from push to pull.
//!
//! # Decisions
//!
//! **D1. The session owns its socket.** In actix-web-actors a session is the body of a response: a
//! peer that does not read freezes its actor, and the dispatcher keeps 16 KiB of buffers for as
//! long as it lives. We take the connection over at the upgrade ([`http::upgrade`]) and the HTTP
//! machinery is gone.
//!
//! **D2. Rooms tell workers, not members.** A message per event and worker instead of one per member
//! keeps the room's cost independent of its size, and the fan-out on one thread needs no lock and
//! wakes no other thread. The relay writes to the sockets itself instead of waking a task for each:
//! a frame that the kernel takes at once costs one system call and nothing else.
//!
//! **D3. Who is online is one actor, not one fact per room.** A user is online in all rooms at once,
//! so sessions tell one presence actor, and that tells the rooms that are awake, once a second, all
//! changes together. The room still holds the list that its readers see.
//!
//! **D4. Sign-ins share their reads.** What a session must know when it signs in is read for many
//! at a time ([`actors::LookupHandle`]): ten thousand clients that come back at once cost a few
//! dozen statements.
//!
//! **D5. Ids are the numbers of the database behind a prefix; a message is its place,**
//! `m_<room>_<seq>`. Eight bytes in every index and map, and the id of a message needs neither a
//! column nor a lookup. To clients ids are opaque.
//!
//! **D6. Access tokens are HS256 with a key that is kept in the database.** Every node both signs and
//! checks, so a key pair would protect nobody, and a signature of a pair
//! is much dearer to check when everybody comes back at once. The algorithm is fixed here and never read from a token.
//!
//! **D7. A crash loses no question.** The message in hand lies on a desk that outlives the room
//! (`actors/room`), messages behind it come back to the supervisor when the mailbox is dropped, and
//! what is meant for a branch that restarts waits at its address (`actors/bounded.rs`). What a
//! session had asked to open is asked again by its relay.
//!
//! **D8. Kernel buffers of sockets are small** (128 KiB): left to itself the
//! kernel takes megabytes for a client that does not read, out of sight of every budget. What waits
//! in the outboxes has a limit per session and one for all together (`actors/budget.rs`).
//!
//! **D9. Nodes repair from the database.** What a node commits it also publishes on the bus, and a
//! node that hears it delivers `last + 1`, drops what it has and reads a hole from the store, where
//! the row lock of the room's head gave the order. So Redis may lose everything at any time; a
//! single node has no bus and pays for none.
//!
//! **D10. Inbox entries are told by the journal's outcomes, not by the rooms.** Rooms work side by
//! side and would tell one inbox in any order.
//!
//! **D11. Everyone is in the lobby `general`, and nobody's coming is announced there.** Registration
//! is not an explicit join; a line for each of ten thousand accounts would drown the talk.
//!
//! **D12. Actors are read, not asked.** A message carries the moment it was left, and each mailbox
//! shows what its actor has in hand (`actors/meter.rs`): one reading of the clock and a few plain
//! stores a message. A picture of the tree is taken when an admin looks, its rates come from the
//! look before, and a server that nobody watches has no timer for it.
//!
//! **D13. Whoever has the key needs no account.** `moim top` on the server's own machine signs
//! itself a pass with the key of the tokens. A pass is for another audience than a token, holds for
//! half a minute and opens what admins may read; no other call takes it.
//!
//! **D14. An event that comes alone is written at once, others are gathered.** While more waits, a
//! relay first pushes everything and then writes several frames with one call: a small part of the
//! cost. With nothing behind it, it writes each frame while all that belongs to its listener is in
//! the processor's cache: a second pass over a thousand listeners would fetch all of it again. Who
//! only hears more of an answer is written to behind all others and a few at a time, so that talk does
//! not wait for what hundreds watch (`relay/listed.rs`).
//!
//! **D15. Reading connections to SQLite cache little,** 256 KiB each: the kernel keeps the same
//! pages. Four caches of 2 MiB would be a good part of what ten thousand idle sessions cost.
//!
//! **D16. What a text looks like is decided once,** when it is taken, by the session or the call that
//! brings it ([`domain::Text`]): Markdown becomes safe HTML beside the source, and both are kept. To
//! make fifty of them anew for everybody who opens a room would take longer than to read them, and it
//! would be the room's work. Plain texts, nearly all, have no HTML and cost one glance at their bytes.
//! What comes out is cleaned by a second parser, and the page builds it anew from what it knows: three
//! would have to fail, and then the content security policy.
//!
//! **D17. Plain messages are written unread.** A message that names nobody and answers nobody, in a
//! room that makes no entries of itself, needs nothing from the database but its numbers. So events
//! come as templates, one call numbers and writes the whole batch and commits it, and whatever is not
//! as it was thought to be (a room gone, an author muted or put out, a repeated `cid`) breaks a
//! constraint of the schema. Then nothing is kept, and the careful way does the batch again: being
//! wrong costs time, never a message.
//!
//! **D18. A deletion rewrites what the log said.** Nothing else ever changes in a log. The events of
//! the message keep their numbers, so that a replay has no holes, and lose what they said: they are
//! written anew from a list of what stays, not by leaving out what goes. Live rooms, here and on other
//! nodes, drop it from what they keep when they apply the `msg.delete`. An answer without a model, which
//! is made of quotes, is deleted with the first of them that goes: to rewrite its text everywhere would
//! be a second way of erasing, and its question can be asked again.
//!
//! **D19. What a newcomer may not see is not in the event.** Where a room shows nothing of before,
//! an edit of an older message is logged without its text, and a preview without what it shows, as
//! soon as somebody is there who came later, and who sees the message reads it again. The alternative, to cover it for each listener on
//! every way out of the log, would have to be right on all of them, for as long as the log is kept.
//!
//! **D20. Many are told by appends of their own.** A call of everybody is one row beside the message.
//! Then pieces of a hundred people are appended, each a transaction under the room's lock that moves
//! the row on; other batches go between them. What a node leaves undone, any node finds and goes on
//! with. So the number of unread mentions is exact a little later, and nobody is told twice.
//!
//! **D21. Whose a reaction is, is written into a copy.** The last messages are written once for all who
//! open a room; each reader who reacted gets the same bytes with those marks turned. Reactions are
//! counted in rows of their own, so no event and no list counts them.
//!
//! **D22. The index of the search follows the logs, and nobody waits for it.** It is filled behind them
//! in chunks of some milliseconds while the journal rests, and a search looks directly at what it
//! does not have yet. What it keeps of a text are numbers (of words, of pairs of syllables), the same
//! in FTS5 and in an array of PostgreSQL: nothing that anybody types is part of a question to an engine,
//! and whether a message is meant and may be seen is decided on the message. Time is in its keys, for
//! the newest are wanted, and who sorts all that was found pays for what nobody sees. FTS5 is told the
//! room only where that is a short list: going along a long one cost more than all the rest.
//!
//! **D23. Who may do what in a room is one table** of permissions by rank and kind of room, with the
//! room's own words over it ([`domain::Permission`]). The live room asks it in one place
//! (`RoomState::check`), REST asks the same table, and clients are told what came of it (`may`). A
//! right that is spread over calls is a right that one of them forgets.
//!
//! **D24. Rights that were missed show by a number.** What the log of a room does not tell (who is
//! out, muted, or allowed what) moves `room.rev` in the same transaction. Nodes hear of it over the
//! bus; one that did not finds the number moved when it compares heads, and reads again. The journal
//! asks for membership, mutes and the pace once more with each message, so what is refused does not
//! wait for any news.
//!
//! **D25. What goes for good goes in pieces, through the journal.** The messages of an erased account, and
//! what a room keeps only for a time, are appends of a hundred messages or so: numbered and told like what
//! people do themselves, so every client and node follows by the means that it has anyway, and the writer
//! is never held for long. How far it is stands in the store. What a room has forgotten lies below its
//! horizon, a seq, which is to everybody what the moment of joining is to a newcomer (`room/floors.rs`).
//!
//! **D26. A regular expression of a club is a table.** The usual engine takes time in proportion to
//! text and expression, and a room's thread is shared: somebody could make a club only to spend it.
//! A DFA of bounded size takes one step a byte, whatever it says; what needs a larger one is refused
//! when the rule is made (`domain/filter.rs`). A text is looked at three times, so that neither odd
//! letters nor marks within a word hide it: that is three steps a byte.
//!
//! **D27. Pictures are stripped, not encoded anew.** Of an original only what draws it is kept, bit for
//! bit: an encoder would cost quality, the frames of an animation, and memory for all its pixels twice.
//! What is not known to draw is left out, so a new way to hide a place in a photo fails by itself. A
//! picture that cannot be read to its end is refused: as a plain file it would keep what it tells.
//!
//! **D28. The address of a file carries a key that says who asks, and no right.** A page shows pictures
//! by addresses, without headers, and messages are written once for all readers, so their addresses
//! are the same for all. The key adds who it is, for one file and a few minutes; whether they may
//! read is asked of the store each time, as with a token. So rights end at once, and an address that
//! gets about soon opens nothing.
//!
//! **D29. A question to the assistant is a row, an answer a message.** The row stands in the transaction
//! of the question, and each step of the answer moves it on in the transaction of its event
//! (`store/journal/runs.rs`): whoever takes a question up, after whatever crash, on whichever node,
//! finds how far it has come, and nobody answers twice. What is said in between is in no log. It lies
//! in one text that who speaks it, its room and whoever comes late share (`actors/assistant`), told
//! by byte offset and noted in the row once a second, so that a crash leaves what was seen. Each run
//! tells at moments of its own (`assistant/beat.rs`): fifty that were held up together would go on
//! together, and write to all their viewers at once. What waits is told like presence: nodes say
//! to each other all that waits with them, once a second while anything does, so nothing of it is kept
//! and nothing that gets lost matters for long (`assistant/waits.rs`).
//!
//! **D30. Who connects finds one of four queues** (`app/serve.rs`). The kernel lets so many wait to be
//! accepted as `net.core.somaxconn` says, 4,096 as a rule, and forgets those who come beyond that; they
//! try again after a second, then after two. When ten thousand clients come back at once the accepting
//! thread has a quarter of two cores: with one queue thousands were forgotten, and the last were there
//! a second or two after the others. Four sockets share the address; the accepting thread and the
//! service behind them are one.
//!
//! **D31. An admin has no master key, but a warrant.** Lobbies are the admins' to moderate. Into groups and
//! private rooms they do not see; what is reported there comes to them as a copy of that message, and
//! the report is what lets them delete it, or mute or put out its author in that room, once, without ever
//! being inside (`store/journal/room_measures.rs`). All of that is in the log that admins read, not in the
//! host's, whom it may concern.
//!
//! **D32. A block shuts a room.** Who has blocked whom is asked where mentions, entries and places in
//! groups are made. That nobody writes in the private room of the two stands in the row of the room: the
//! journal reads it under the lock that it takes anyway, so no message passes a block, whatever node has
//! heard of it, and the live room learns of it as of any setting.
//!
//! **D33. A bot is an account with one sign-in, and its token is that sign-in.** The token is random,
//! kept as a hash, and looked up (`http/bot_token.rs`): a signed one that never runs out could be
//! ended only by remembering for ever all that have ended. What was found is remembered for as long as
//! ended sign-ins are, so a bot's call costs no statement, and whatever ends sign-ins ends bots. How
//! many machines there are between a message and a human is written with its number, under the lock of
//! the room (`store/journal/hops.rs`), because only there it is known what stands before it: no crash
//! and no other node makes two machines forget how long they have been talking. People pay nothing for
//! it: a bot's message never goes the plain way, and theirs have the default of the column.

pub mod actors;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod faults;
pub mod files;
#[cfg(feature = "faults")]
#[doc(hidden)]
pub mod fuzz;
pub mod http;
pub mod llm;
pub mod mock;
pub mod preview;
pub mod protocol;
pub mod store;
pub mod telemetry;
pub mod top;
