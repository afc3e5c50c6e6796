//! The lobbies of the settings: made at the start where they are not there yet.

use crate::config::{Config, InvalidConfig};
use crate::domain::{Millis, RoomName, limits};
use crate::store::Store;

use super::StartError;

/// Makes the lobbies that are not there. One that is in no setting any more stays: people talk there.
pub(super) async fn ensure(config: &Config, store: &Store) -> Result<(), StartError> {
    for given in &config.lobbies {
        let name = RoomName::parse(given).ok();
        let (least, _most) = limits::LISTED_NAME_CHARS;
        let Some(name) = name.filter(|name| name.as_str().chars().count() >= least) else {
            return Err(StartError::Config(InvalidConfig::Value {
                source_name: "MOIM_LOBBIES".to_owned(),
                got: given.clone(),
                wants: "names of 2 to 50 characters, with commas between them".to_owned(),
            }));
        };
        if !store.ensure_lobby(&name, Millis::now()).await? {
            tracing::warn!("there is no lobby {given:?}: a group that is listed has this name");
        }
    }
    Ok(())
}
