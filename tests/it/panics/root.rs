//! The root: what it cannot keep alive ends the node, with an error.

use moim::app::App;
use moim::faults::{Faults, Moment, Part};
use serde_json::json;

use crate::support::{Client, Rest, config};

/// The journal crashes, and the root as it starts it again; `plant` sees to the latter.
pub(super) async fn ends_the_node(plant: impl FnOnce(&Faults)) {
    let folder = tempfile::tempdir().unwrap();
    let app = App::build(&config(folder.path(), &[])).await.unwrap();
    let (address, faults) = (app.address(), app.faults());
    let running = tokio::spawn(app.run_until(std::future::pending()));
    let rest = Rest::new(address);
    rest.ready().await;
    let mina = rest.register("mina").await;
    let mut session = Client::connect(address).await;
    session.auth(&mina.token).await;
    plant(&faults);
    faults.crash(Part::Journal, Moment::Start, 1);
    let rooms = rest.get(&mina.token, "/v1/rooms").await;
    let send = json!({ "op": "send", "room": rooms["items"][0]["id"], "cid": "c-1", "text": "hi" });
    session.begin(send).await;
    let ended = tokio::time::timeout(crate::support::SOON, running).await;
    let why = ended.expect("the node goes on").unwrap().unwrap_err().to_string();
    assert!(why.contains("gave up"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_panics_ends_the_node_with_an_error() {
    ends_the_node(|faults| faults.crash(Part::Root, Moment::Start, 1)).await;
}
