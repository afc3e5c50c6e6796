//! Whether the beginning of a text can still become UTF-8: lets a text be refused at the byte that
//! spoils it, before the rest of it has come.

/// A text that is looked at piece by piece.
#[derive(Debug, Default)]
pub(super) struct Beginning {
    /// A character of which not all bytes are here.
    started: [u8; 4],
    length: u8,
}

/// No further bytes can make it UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotUtf8;

impl Beginning {
    /// Looks at the next piece.
    ///
    /// # Errors
    /// [`NotUtf8`] from the piece on that spoils the text.
    pub(super) fn go_on(&mut self, mut piece: &[u8]) -> Result<(), NotUtf8> {
        while self.length > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                return Ok(());
            };
            piece = rest;
            self.add(byte)?;
        }
        match std::str::from_utf8(piece) {
            Ok(_whole) => Ok(()),
            Err(why) if why.error_len().is_some() => Err(NotUtf8),
            Err(why) => {
                let begun = piece.get(why.valid_up_to()..).unwrap_or_default();
                begun.iter().try_for_each(|byte| self.add(*byte))
            }
        }
    }

    /// One more byte of the character that was started.
    fn add(&mut self, byte: u8) -> Result<(), NotUtf8> {
        let length = usize::from(self.length);
        let Some(place) = self.started.get_mut(length) else {
            return Err(NotUtf8);
        };
        *place = byte;
        let started = self.started.get(..=length).unwrap_or_default();
        self.length = match std::str::from_utf8(started) {
            Ok(_whole) => 0,
            Err(why) if why.error_len().is_some() => return Err(NotUtf8),
            Err(_unfinished) => self.length + 1,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How many bytes are taken before one is refused.
    fn taken(bytes: &[u8]) -> usize {
        let mut text = Beginning::default();
        bytes.iter().position(|byte| text.go_on(&[*byte]).is_err()).unwrap_or(bytes.len())
    }

    #[test]
    fn a_text_is_refused_at_the_byte_that_spoils_it() {
        assert_eq!(taken("κόσμε 한글 🎉".as_bytes()), "κόσμε 한글 🎉".len());
        assert_eq!(taken(b"ab\xff"), 2);
        assert_eq!(taken(b"\x80"), 0);
        assert_eq!(taken(b"\xc0\xaf"), 0, "overlong");
        assert_eq!(taken(b"\xe0\x9f\xbf"), 1, "overlong");
        assert_eq!(taken(b"\xed\xa0\x80"), 1, "a surrogate");
        assert_eq!(taken(b"\xf4\x90\x80\x80"), 1, "above the last character");
        assert_eq!(taken(b"\xf0\x9f\x8ea"), 3, "cut short");
    }

    proptest! {
        #[test]
        fn where_a_text_is_cut_does_not_matter(
            bytes in prop::collection::vec(
                prop_oneof![any::<u8>(), Just(0x80), Just(0xe1), Just(0xf0)], 0..40),
            cut in 1..8_usize,
        ) {
            let mut text = Beginning::default();
            let can_become = bytes.chunks(cut).all(|piece| text.go_on(piece).is_ok());
            let is_spoilt =
                std::str::from_utf8(&bytes).is_err_and(|why| why.error_len().is_some());
            prop_assert_eq!(can_become, !is_spoilt);
        }
    }
}
