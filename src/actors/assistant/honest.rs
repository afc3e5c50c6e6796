//! Why an answer was written without a model, in the words of its reader.

use crate::llm::prompts::Language;
use crate::llm::{Chain, Tried};

/// Why no model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Without {
    /// None is connected.
    Never,
    /// The room, or its club, wants none.
    Wanted,
    /// None of those that are connected answered.
    Now,
}

impl Without {
    /// Why, when those were asked.
    pub(super) fn of(models: &Chain, tried: &[Tried]) -> Self {
        match (models.is_offline(), tried.is_empty()) {
            (true, _) => Self::Never,
            (false, true) => Self::Wanted,
            (false, false) => Self::Now,
        }
    }

    /// A sentence; its full stop is left to others.
    pub(super) const fn words(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::Ko, Self::Never) => "연결된 AI 모델이 없어요",
            (Language::Ko, Self::Wanted) => "이 방에서는 AI 모델 없이 답해요",
            (Language::Ko, Self::Now) => "지금은 AI 모델이 답하지 않아요",
            (Language::En, Self::Never) => "No AI model is connected",
            (Language::En, Self::Wanted) => "This room is answered without an AI model",
            (Language::En, Self::Now) => "The AI model does not answer just now",
        }
    }

    /// The same in Korean as the reason of what follows.
    pub(super) const fn because(self) -> &'static str {
        match self {
            Self::Never => "연결된 AI 모델이 없어서",
            Self::Wanted => "이 방에서는 AI 모델 없이 답해서",
            Self::Now => "지금은 AI 모델이 답하지 않아서",
        }
    }
}
