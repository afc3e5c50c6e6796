//! What the mock says, in the words of each provider.

use std::future::pending;
use std::io;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};

use super::behaviour::{Behaviour, Ends, Says};
use super::connection::whole;

/// What it says of its own.
const TEXT: &str = "This is the mock speaking. 여기는 연습용 모델입니다. ";
/// Bytes of one event of a huge answer.
const PIECE: usize = 8 * 1024;

/// What a provider says with a status; both kinds of client find what they look for.
pub(super) fn error_body(status: u16) -> String {
    let (word, reason) = match status {
        400 => ("INVALID_ARGUMENT", "API_KEY_INVALID"),
        401 => ("invalid_api_key", ""),
        404 => ("model_not_found", ""),
        413 => ("context_length_exceeded", ""),
        429 => ("rate_limit_exceeded", ""),
        _other => ("server_error", ""),
    };
    let details = json!([{"reason": reason}]);
    json!({"error": {"code": status, "status": word, "type": word, "message": "the mock says no", "details": details}})
        .to_string()
}

/// Speaks one answer.
pub(super) struct Speaker {
    is_gemini: bool,
    behaviour: Behaviour,
    told: String,
    last: String,
    /// Tokens that it may write.
    limit: usize,
}

impl Speaker {
    pub(super) fn new(speaks: &str, behaviour: Behaviour, body: &Value) -> Self {
        let mut texts = Vec::new();
        // The system's text first, then the turns.
        for field in ["systemInstruction", "messages", "contents"] {
            gather(body.get(field).unwrap_or(&Value::Null), &mut texts);
        }
        let last = texts.last().cloned().unwrap_or_default();
        let limits = ["/max_tokens", "/max_completion_tokens", "/generationConfig/maxOutputTokens"];
        let limit = limits.iter().find_map(|place| body.pointer(place)?.as_u64());
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        Self { is_gemini: speaks == "gemini", behaviour, told: texts.join("\n"), last, limit }
    }

    /// Whether more is to be read and written than it has room for.
    pub(super) fn wants_too_much(&self) -> bool {
        let wanted = (self.told.len() / 4).saturating_add(self.limit);
        self.behaviour.window.is_some_and(|window| wanted > window)
    }

    /// Tokens of its thoughts, as far as it may think.
    fn thought_tokens(&self) -> usize {
        let tokens = self.behaviour.thoughts * (self.behaviour.thought / 4).max(1);
        if self.behaviour.is_capped { tokens.min(self.limit) } else { tokens }
    }

    pub(super) async fn speak(&self, socket: &mut TcpStream) -> io::Result<()> {
        if self.behaviour.is_plain {
            sleep(self.behaviour.first).await;
            let body = self.plain().to_string();
            return whole(socket, "200 OK", "application/json", "", &body).await;
        }
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                    Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        socket.write_all(head.as_bytes()).await?;
        sleep(self.behaviour.first).await;
        for _ in 0..self.behaviour.thoughts {
            self.event(socket, &self.thought()).await?;
            sleep(Duration::from_millis(5)).await;
        }
        if !self.is_gemini {
            let role = json!({"role": "assistant", "content": ""});
            self.event(socket, &json!({"choices": [{"index": 0, "delta": role}]})).await?;
        }
        let said = self.say(socket).await?;
        self.end(socket, said).await
    }

    async fn say(&self, socket: &mut TcpStream) -> io::Result<usize> {
        let mut said = 0;
        let began = Instant::now();
        let pieces: Box<dyn Iterator<Item = String> + Send> = match &self.behaviour.says {
            Says::Words => Box::new(words(TEXT).into_iter()),
            Says::Echo => Box::new(words(&self.last).into_iter()),
            Says::All => Box::new(words(&self.told).into_iter()),
            Says::This(text) => Box::new(words(text).into_iter()),
            Says::Bytes(size) => Box::new((0..*size / PIECE).map(|_| "x".repeat(PIECE))),
            Says::Line(size) => Box::new(std::iter::once("x".repeat(*size))),
        };
        let is_endless = self.behaviour.ends == Ends::Never;
        let own = words(TEXT);
        let most = match self.behaviour.words {
            words if self.behaviour.is_capped => {
                Some(words.unwrap_or(own.len()).min(self.limit - self.thought_tokens()))
            }
            words => words,
        };
        let repeated = own.iter().cycle().cloned();
        let pieces: Box<dyn Iterator<Item = String> + Send> = match most {
            _ if is_endless => Box::new(repeated),
            Some(most) if self.behaviour.says == Says::Words => Box::new(repeated.take(most)),
            Some(most) => Box::new(pieces.take(most)),
            None => pieces,
        };
        for piece in pieces {
            self.event(socket, &self.text(&piece)).await?;
            said += 1;
            if let Some(per_second) = self.behaviour.per_second {
                // By the clock from the start: a late one does not make all others late.
                let due =
                    Duration::from_secs(1) * u32::try_from(said).unwrap_or(u32::MAX) / per_second;
                sleep_until(began + due).await;
            }
        }
        Ok(said)
    }

    async fn end(&self, socket: &mut TcpStream, said: usize) -> io::Result<()> {
        match self.behaviour.ends {
            Ends::Hangs | Ends::Never => pending::<()>().await,
            Ends::Half => return raw(socket, b"data: {\"choices\":[{\"delta\":{\"con").await,
            Ends::Cut => return socket.write_all(b"0\r\n\r\n").await,
            Ends::Error => raw(socket, format!("data: {}\n\n", error_body(503)).as_bytes()).await?,
            Ends::Garbage => raw(socket, b"data: <html>busy</html>\n\n").await?,
            Ends::WrongJson => raw(socket, b"data: [7, {\"answer\": 42}]\n\n").await?,
            Ends::BadUtf8 => raw(socket, b"data: {\"text\":\"\xff\xfe\"}\n\n").await?,
            Ends::NoDone => self.event(socket, &self.finish("stop", "STOP")).await?,
            Ends::Filter => self.event(socket, &self.finish("content_filter", "SAFETY")).await?,
            Ends::Well | Ends::Lingers => {
                let is_full =
                    self.behaviour.is_capped && said + self.thought_tokens() >= self.limit;
                let why = if is_full { ("length", "MAX_TOKENS") } else { ("stop", "STOP") };
                self.event(socket, &self.finish(why.0, why.1)).await?;
                self.event(socket, &self.usage(said)).await?;
                if self.behaviour.ends == Ends::Lingers {
                    pending::<()>().await;
                }
                if !self.is_gemini {
                    raw(socket, b"data: [DONE]\n\n").await?;
                }
            }
        }
        socket.write_all(b"0\r\n\r\n").await
    }

    fn text(&self, text: &str) -> Value {
        if self.is_gemini {
            json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]})
        } else {
            json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}], "usage": null})
        }
    }

    fn thought(&self) -> Value {
        let thought: String = "hm ".chars().cycle().take(self.behaviour.thought).collect();
        if self.is_gemini {
            json!({"candidates": [{"content": {"parts": [{"text": thought, "thought": true}]}}]})
        } else {
            json!({"choices": [{"delta": {"content": null, "reasoning_content": thought}}]})
        }
    }

    fn finish(&self, openai: &str, gemini: &str) -> Value {
        if self.is_gemini {
            json!({"candidates": [{"finishReason": gemini}]})
        } else {
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": openai}]})
        }
    }

    fn usage(&self, said: usize) -> Value {
        let (read, thoughts) = (self.told.len() / 4, self.thought_tokens());
        if self.is_gemini {
            json!({"usageMetadata": {"promptTokenCount": read, "candidatesTokenCount": said, "thoughtsTokenCount": thoughts}})
        } else {
            let written = said + thoughts;
            json!({"choices": [], "usage": {"prompt_tokens": read, "completion_tokens": written}})
        }
    }

    fn plain(&self) -> Value {
        let mut whole = self.usage(2);
        let more = if self.is_gemini {
            json!({"candidates": [{"content": {"parts": [{"text": TEXT}]}, "finishReason": "STOP"}]})
        } else {
            json!({"choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}]})
        };
        if let (Some(whole), Some(more)) = (whole.as_object_mut(), more.as_object()) {
            whole.extend(more.clone());
        }
        whole
    }

    async fn event(&self, socket: &mut TcpStream, data: &Value) -> io::Result<()> {
        if !self.behaviour.is_odd {
            return raw(socket, format!("data: {data}\n\n").as_bytes()).await;
        }
        let text = format!(": a comment\r\nid: 7\r\nevent:message\r\ndata:{data}\r\n\r\n");
        for piece in text.as_bytes().chunks(7) {
            raw(socket, piece).await?;
        }
        Ok(())
    }
}

/// A piece of the stream, as a chunk.
async fn raw(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    socket.write_all(&chunk).await
}

/// Every text in a piece of a question, in order.
fn gather(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| gather(item, into)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "content" || name == "text" => {
                        into.push(text.clone());
                    }
                    Value::Array(_) | Value::Object(_) => gather(value, into),
                    _other => {}
                }
            }
        }
        _other => {}
    }
}

/// The words of a text, each with the space behind it.
fn words(text: &str) -> Vec<String> {
    text.split_inclusive(char::is_whitespace).map(str::to_owned).collect()
}
