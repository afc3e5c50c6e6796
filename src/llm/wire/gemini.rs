//! Gemini, `streamGenerateContent`.

use reqwest::Url;
use serde_json::{Value, json};

use super::{Queue, Thinking, error_in};
use crate::llm::answer::{Finish, Usage};
use crate::llm::error::LlmError;
use crate::llm::estimate::estimate_text;
use crate::llm::model::Part;
use crate::llm::request::{Request, Role};

/// Where the provider lives when nothing else is said.
pub(in crate::llm) const BASE: &str = "https://generativelanguage.googleapis.com/v1beta";

/// Where this model is asked. The key is not in it: addresses are written into logs.
pub(in crate::llm) fn place(base: &Url, model: &str) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        let model = model.strip_prefix("models/").unwrap_or(model);
        path.pop_if_empty().push("models").push(&format!("{model}:streamGenerateContent"));
    }
    url.query_pairs_mut().append_pair("alt", "sse");
    url
}

/// The question, to be answered in so many tokens: thoughts are counted among them.
pub(in crate::llm) fn body(request: &Request, tokens: u32, thinking: Option<&Thinking>) -> Value {
    let contents = request.turns.iter().map(|turn| {
        let role = match turn.role {
            Role::User => "user",
            Role::Assistant => "model",
        };
        json!({"role": role, "parts": [{"text": turn.text}]})
    });
    let mut settings = json!({"maxOutputTokens": tokens});
    if let (Some(temperature), Some(settings)) = (request.temperature, settings.as_object_mut()) {
        settings.insert("temperature".to_owned(), json!(temperature));
    }
    if let (Some(thinking), Some(settings)) = (thinking, settings.as_object_mut()) {
        settings.insert("thinkingConfig".to_owned(), thinking_config(thinking));
    }
    json!({
        "systemInstruction": {"parts": [{"text": request.system}]},
        "contents": contents.collect::<Vec<_>>(),
        "generationConfig": settings,
    })
}

/// How much it thinks. Its thoughts are asked for as a sign of life; who does not think has none.
fn thinking_config(thinking: &Thinking) -> Value {
    match thinking {
        Thinking::Tokens(0) => json!({"thinkingBudget": 0}),
        Thinking::Tokens(tokens) => json!({"thinkingBudget": tokens, "includeThoughts": true}),
        Thinking::Effort(level) => json!({"thinkingLevel": level, "includeThoughts": true}),
    }
}

/// Reads one chunk. Whatever is missing is missing.
pub(in crate::llm) fn read(chunk: &Value, out: &mut Queue) -> Result<(), LlmError> {
    let chunk = chunk.get(0).unwrap_or(chunk);
    if let Some(why) = error_in(chunk) {
        return Err(why);
    }
    if !chunk.is_object() {
        return Err(LlmError::BadAnswer("it is no completion"));
    }
    if chunk.pointer("/promptFeedback/blockReason").is_some_and(|why| !why.is_null()) {
        out.push_back(Part::Finish(Finish::Filter));
    }
    if let Some(candidate) = chunk.pointer("/candidates/0") {
        let parts = candidate.pointer("/content/parts").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            let is_thought = part.get("thought").and_then(Value::as_bool) == Some(true);
            match part.get("text").and_then(Value::as_str) {
                Some(hidden) if is_thought => out.push_back(Part::Thought(estimate_text(hidden))),
                Some(text) if !text.is_empty() => out.push_back(Part::Text(text.to_owned())),
                _nothing => {}
            }
        }
        if let Some(why) = candidate.get("finishReason").and_then(Value::as_str) {
            out.extend(finish(why).map(Part::Finish));
        }
    }
    if let Some(usage) = chunk.get("usageMetadata").filter(|usage| usage.is_object()) {
        let tokens = |field: &str| usage.get(field).and_then(Value::as_u64).unwrap_or(0);
        let output = tokens("candidatesTokenCount").saturating_add(tokens("thoughtsTokenCount"));
        out.push_back(Part::Usage(Usage { input: tokens("promptTokenCount"), output }));
    }
    Ok(())
}

fn finish(why: &str) -> Option<Finish> {
    match why {
        "FINISH_REASON_UNSPECIFIED" | "" => None,
        "MAX_TOKENS" => Some(Finish::Length),
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE" => {
            Some(Finish::Filter)
        }
        _stop_or_other => Some(Finish::Stop),
    }
}
