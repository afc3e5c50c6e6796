//! What the words in braces of the table stand for.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::places::{ANONYMOUS, Kind};
use super::scene::{Actor, Scene, text};
use crate::support::{Person, SOON, person};

impl Scene {
    /// A thing, made now where whoever asks is to have one of their own.
    pub(super) async fn thing(&self, name: &str, actor: &Actor) -> String {
        let own = |at: usize| actor.own.get(at).cloned();
        let other = || self.messages["other"].0.clone();
        match name {
            "t" => self.t.clone(),
            "word" => self.stage.word(),
            "club" => self.club.clone().unwrap_or_else(|| "c_999999".to_owned()),
            "room" => self.room.clone(),
            "epoch" => self.epoch.clone(),
            "seq" => self.messages["other"].1.to_string(),
            "keeper" => self.keeper.id.clone(),
            "someone" => self.other.id.clone(),
            "me" => actor.person.id.clone(),
            "name" if actor.who == ANONYMOUS => self.keeper.name.clone(),
            "name" => actor.person.name.clone(),
            "token" if actor.who == ANONYMOUS => "nonsense".to_owned(),
            "token" => actor.person.token.clone(),
            "refresh" if actor.who == ANONYMOUS => "nonsense".to_owned(),
            "refresh" => actor.person.refresh.clone(),
            "emoji" => "🎉".to_owned(),
            "other" => other(),
            "before" | "older" | "reply" | "filebefore" | "photobefore" => {
                self.messages[name].0.clone()
            }
            "own" => own(0).unwrap_or_else(other),
            "mine" => own(1).unwrap_or_else(other),
            made => {
                // The other makes it in the room, where that is shut as well.
                self.shut(Method::DELETE).await;
                let made = self.made(made, actor).await;
                self.shut(Method::PUT).await;
                made
            }
        }
    }

    async fn made(&self, name: &str, actor: &Actor) -> String {
        match name {
            "fresh" => self.fresh().await,
            "file" => {
                let file = self.upload("now").await;
                let body = json!({ "text": format!("{}now brought", self.t), "files": [file] });
                self.stage.post(&self.other, &self.of_room("messages"), &body).await;
                file
            }
            "newcomer" => self.stage.person().await.id,
            "victim" if self.place.kind == Kind::Pair => self.keeper.id.clone(),
            "victim" => {
                let victim = self.stage.person().await;
                self.bring(&victim).await;
                if self.place.name == "managers" {
                    self.give(&victim, "member").await;
                }
                victim.id
            }
            "report" => {
                let path = self.of_room(&format!("messages/{}/report", self.fresh().await));
                let body = json!({ "reason": "spam" });
                text(&self.stage.post(&self.keeper, &path, &body).await["id"])
            }
            // A rule of the lobbies holds in all of them: nobody needs to make one to remove it.
            "rule" => "fl_999".to_owned(),
            "filter" => {
                let body = json!({ "pattern": self.stage.word(), "action": "mask" });
                text(&self.stage.post(&self.keeper, &self.of_club("filters"), &body).await["id"])
            }
            "photo" => {
                let photo = self.upload_photo().await;
                let body = json!({ "text": format!("{}now shown", self.t), "files": [photo] });
                self.stage.post(&self.other, &self.of_room("messages"), &body).await;
                photo
            }
            "run" => self.run.get_or_init(|| self.asked()).await.clone(),
            "device" if [ANONYMOUS, "bot"].contains(&actor.who) => "d_1".to_owned(),
            "device" => {
                let there = self.login(actor).await;
                let devices = self.stage.rest.get(&there.token, "/v1/me/devices").await;
                let devices = devices["items"].as_array().unwrap().clone();
                text(&devices.iter().find(|device| device["current"] == true).unwrap()["id"])
            }
            other => panic!("the table speaks of {{{other}}}"),
        }
    }

    /// A message that nothing else is about.
    async fn fresh(&self) -> String {
        let body = json!({ "text": format!("{}now fresh", self.t) });
        text(&self.stage.post(&self.other, &self.of_room("messages"), &body).await["id"])
    }

    /// A question of the other that has its answer.
    async fn asked(&self) -> String {
        let body = json!({ "text": format!("{}now asked", self.t) });
        let (rest, token) = (&self.stage.rest, &self.other.token);
        let run = loop {
            // Other scenes ask as well, and only so many are answered at a time.
            let path = self.of_room("ai");
            let answer = rest.send(Method::POST, Some(token), &path, Some(&body)).await;
            let answer: Value = answer.json().await.unwrap();
            match answer["run"].as_str() {
                Some(run) => break run.to_owned(),
                None => assert_eq!(answer["code"], "ai_busy", "{answer}"),
            }
        };
        let path = format!("/v1/ai/runs/{run}");
        let done = async {
            while rest.get(token, &path).await["status"] != "done" {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(SOON, done).await.expect("an answer");
        run
    }

    /// A picture of the other that has a small copy.
    pub(super) async fn upload_photo(&self) -> String {
        let (rest, photo) = (&self.stage.rest, self.stage.photo.to_vec());
        let file = crate::files::upload(rest, &self.other, &self.room, "a.png", photo).await;
        assert!(file["preview_url"].is_string(), "{file}");
        text(&file["id"])
    }

    /// A file of the other, for this room.
    pub(super) async fn upload(&self, word: &str) -> String {
        let url = format!("{}{}?name=a.txt", self.stage.rest.base, self.of_room("files"));
        let body = format!("{}{word}", self.t);
        let request = self.stage.rest.http.post(url).bearer_auth(&self.other.token).body(body);
        let file: Value = request.send().await.unwrap().json().await.unwrap();
        text(&file["id"])
    }

    /// Signs somebody in once more.
    pub(super) async fn login(&self, actor: &Actor) -> Person {
        let body = json!({ "username": actor.person.name, "password": "correct horse" });
        let answer = self.stage.rest.send(Method::POST, None, "/v1/auth/login", Some(&body)).await;
        person(&answer.json().await.unwrap())
    }
}
