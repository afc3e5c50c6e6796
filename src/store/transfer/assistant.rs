//! What a file says of the assistant, in clubs and rooms.

use super::import::{Odd, odd, word};
use super::line::AssistantLine;
use crate::domain::{PERSONA_CHARS, Waking, optional_text};

/// Characters of the name of a model.
const MODEL_CHARS: usize = 200;

/// Checks what a line says of the assistant; gives what wakes it, if it says so.
pub(super) fn waking(line: &AssistantLine) -> Result<Option<&'static str>, Odd> {
    optional_text(&line.persona, PERSONA_CHARS).map_err(|why| odd("persona", why))?;
    optional_text(&line.ai_model, MODEL_CHARS).map_err(|why| odd("ai_model", why))?;
    if !["", "ko", "en"].contains(&line.ai_language.as_str()) {
        return Err(odd("ai_language", "must be ko or en"));
    }
    let waking = line.assistant.as_deref().map(|waking| word::<Waking>("assistant", waking));
    Ok(waking.transpose()?.map(Waking::word))
}
