//! OpenAI chat completions, as OpenAI and many others speak them.

use reqwest::Url;
use serde_json::{Value, json};

use super::{Queue, Thinking, error_in};
use crate::llm::answer::{Finish, Usage};
use crate::llm::error::LlmError;
use crate::llm::estimate::estimate_text;
use crate::llm::model::Part;
use crate::llm::request::{Request, Role};

/// Where the provider lives when nothing else is said.
pub(in crate::llm) const BASE: &str = "https://api.openai.com/v1";

/// Where completions are asked for.
pub(in crate::llm) fn place(base: &Url) -> Url {
    let mut url = base.clone();
    let path = base.path().trim_end_matches('/');
    if !path.ends_with("/chat/completions") {
        url.set_path(&format!("{path}/chat/completions"));
    }
    url
}

/// The question, to be answered in so many tokens. OpenAI itself took another word for that limit; the
/// others kept the first.
pub(in crate::llm) fn body(
    (request, tokens): (&Request, u32),
    model: &str,
    base: &Url,
    thinking: Option<&Thinking>,
) -> Value {
    let mut messages = vec![json!({"role": "system", "content": request.system})];
    messages.extend(request.turns.iter().map(|turn| {
        let role = match turn.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        json!({"role": role, "content": turn.text})
    }));
    let limit = match base.host_str() {
        Some("api.openai.com") => "max_completion_tokens",
        _other => "max_tokens",
    };
    let mut body = json!({
        "model": model,
        "messages": messages,
        "stream": true,
        "stream_options": {"include_usage": true},
        limit: tokens,
    });
    if let (Some(temperature), Some(body)) = (request.temperature, body.as_object_mut()) {
        body.insert("temperature".to_owned(), json!(temperature));
    }
    if let (Some(Thinking::Effort(effort)), Some(body)) = (thinking, body.as_object_mut()) {
        body.insert("reasoning_effort".to_owned(), json!(effort));
    }
    body
}

/// Reads one chunk, or a completion in one piece. Whatever is missing is missing.
pub(in crate::llm) fn read(chunk: &Value, out: &mut Queue) -> Result<(), LlmError> {
    if let Some(why) = error_in(chunk) {
        return Err(why);
    }
    if !chunk.is_object() {
        return Err(LlmError::BadAnswer("it is no completion"));
    }
    let choices = chunk.get("choices").and_then(Value::as_array).into_iter().flatten();
    let index = |choice: &&Value| choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0;
    for choice in choices.filter(index) {
        let said = choice.get("delta").or_else(|| choice.get("message")).unwrap_or(choice);
        let thoughts = ["reasoning_content", "reasoning", "thinking"];
        let mut thoughts = thoughts.iter().filter_map(|field| said.get(field));
        if let Some(thought) = thoughts.find(|thought| is_something(thought)) {
            let tokens = thought.as_str().map_or(1, estimate_text);
            out.push_back(Part::Thought(tokens));
        }
        for field in ["content", "refusal", "text"] {
            if let Some(text) = said.get(field).and_then(text) {
                out.push_back(Part::Text(text));
            }
        }
        if let Some(why) = choice.get("finish_reason").and_then(Value::as_str) {
            out.push_back(Part::Finish(match why {
                "length" | "max_tokens" => Finish::Length,
                "content_filter" => Finish::Filter,
                _stop_or_other => Finish::Stop,
            }));
        }
    }
    if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
        let tokens = |field: &str| usage.get(field).and_then(Value::as_u64).unwrap_or(0);
        let usage = Usage { input: tokens("prompt_tokens"), output: tokens("completion_tokens") };
        out.push_back(Part::Usage(usage));
    }
    Ok(())
}

fn is_something(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

/// Text as a string, or as a list of parts.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
        }
        _other => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}
