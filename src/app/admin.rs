//! What an operator does with accounts from the command line.

use std::io::Read;

use super::{StartError, open, random};
use crate::config::Config;
use crate::domain::{DisplayName, InstanceRole, Millis, Password, Username};
use crate::http::Passwords;
use crate::store::{FirstUser, NewUser, Store, StoreError};

/// Where a new password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewPassword {
    /// Standard input, one line.
    Stdin,
    /// One is made up and printed.
    MadeUp,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Make an account.
    CreateUser {
        /// Its name.
        username: String,
        /// Its password.
        password: NewPassword,
    },
    /// Make an account an admin.
    Grant {
        /// Its name.
        username: String,
    },
    /// Make an admin an ordinary user.
    Revoke {
        /// Its name.
        username: String,
    },
    /// Set a new password and sign the user out everywhere.
    ResetPassword {
        /// Its name.
        username: String,
        /// The new password.
        password: NewPassword,
    },
}

/// Does it; says what was done.
///
/// # Errors
/// When the database cannot be used, or the order does not fit what is there.
pub async fn admin(config: &Config, order: Order) -> Result<String, StartError> {
    let store = open(config).await?;
    store.migrate().await?;
    let passwords = Passwords::new(config.accounts.password_memory_kib)?;
    let done = match order {
        Order::CreateUser { username, password } => {
            create(&store, &passwords, &username, password).await
        }
        Order::Grant { username } => set_role(&store, &username, InstanceRole::Admin).await,
        Order::Revoke { username } => set_role(&store, &username, InstanceRole::User).await,
        Order::ResetPassword { username, password } => {
            reset(&store, &passwords, &username, password).await
        }
    };
    store.close().await;
    done
}

async fn create(
    store: &Store,
    passwords: &Passwords,
    raw: &str,
    password: NewPassword,
) -> Result<String, StartError> {
    let what = "username";
    let username = Username::parse(raw).map_err(|why| StartError::Name { what, why })?;
    let display_name = DisplayName::parse(raw).map_err(|why| StartError::Name { what, why })?;
    let (password, told) = new_password(username.as_str(), password)?;
    let hash = hash(passwords, password).await?;
    let at = Millis::now();
    let new = NewUser {
        username: &username,
        display_name: &display_name,
        password_hash: &hash,
        locale: "ko",
        at,
    };
    match store.create_user(&new, FirstUser::Admin).await {
        Ok(user) => Ok(format!("made {} ({}), role {}{told}\n", user.username, user.id, user.role)),
        Err(StoreError::Conflict { .. }) => Err(StartError::Taken(raw.to_owned())),
        Err(why) => Err(why.into()),
    }
}

async fn set_role(store: &Store, raw: &str, role: InstanceRole) -> Result<String, StartError> {
    let user = store.set_instance_role(&raw.to_lowercase(), role).await?;
    let user = user.ok_or_else(|| StartError::NoAccount(raw.to_owned()))?;
    Ok(format!("{} ({}) is {} now\n", user.username, user.id, user.role))
}

async fn reset(
    store: &Store,
    passwords: &Passwords,
    raw: &str,
    password: NewPassword,
) -> Result<String, StartError> {
    let found = store.credentials(&raw.to_lowercase()).await?;
    let (user, _old) = found.ok_or_else(|| StartError::NoAccount(raw.to_owned()))?;
    let (password, told) = new_password(&user.username, password)?;
    let hash = hash(passwords, password).await?;
    store.set_password(user.id, &hash).await?;
    let ended = store.revoke_families(user.id, None, Millis::now()).await?.len();
    Ok(format!(
        "{} ({}) has a new password; {ended} sign-ins ended{told}\n",
        user.username, user.id
    ))
}

/// The password, and the words that print one that was made up.
fn new_password(username: &str, from: NewPassword) -> Result<(Password, String), StartError> {
    let (raw, told) = match from {
        NewPassword::Stdin => (read_password()?, String::new()),
        NewPassword::MadeUp => {
            let made = format!("{:016x}{:08x}", random()?, random()? >> 32);
            let told = format!("\npassword: {made}");
            (made, told)
        }
    };
    let what = "password";
    let password = Password::parse(&raw, username).map_err(|why| StartError::Name { what, why })?;
    Ok((password, told))
}

async fn hash(passwords: &Passwords, password: Password) -> Result<String, StartError> {
    let hashed = passwords.hash(password).await;
    hashed.map_err(|_why| std::io::Error::other("the password could not be hashed").into())
}

fn read_password() -> Result<String, StartError> {
    let mut text = String::new();
    std::io::stdin().take(4_096).read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
