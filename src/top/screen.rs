//! The terminal: taken over while it is watched, and given back as it was.

use std::io::{Write, stdout};
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{cursor, execute, queue};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// How long a look at the keyboard takes; and by so much the end is late at most.
const LOOK: Duration = Duration::from_millis(100);

/// The terminal in our hands.
pub(super) struct Screen(());

impl Screen {
    pub(super) fn open() -> std::io::Result<Self> {
        enable_raw_mode()?;
        // From here on the drop gives it back.
        let screen = Self(());
        execute!(stdout(), EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }

    /// Columns and rows; of a terminal that does not tell, those that they all have.
    pub(super) fn size() -> (usize, usize) {
        let told = size().ok().filter(|(columns, rows)| *columns > 0 && *rows > 0);
        told.map_or((80, 24), |(columns, rows)| (usize::from(columns), usize::from(rows)))
    }

    /// Shows these lines, and nothing of what was there. Without a flicker: each line is written
    /// over the one before.
    pub(super) fn draw(&self, lines: &[String], rows: usize) -> std::io::Result<()> {
        let mut out = stdout().lock();
        queue!(out, BeginSynchronizedUpdate, cursor::MoveTo(0, 0))?;
        let shown = lines.len().min(rows);
        for (at, line) in lines.iter().take(shown).enumerate() {
            write!(out, "{line}")?;
            queue!(out, Clear(ClearType::UntilNewLine))?;
            if at + 1 < rows {
                write!(out, "\r\n")?;
            }
        }
        if shown < rows {
            queue!(out, Clear(ClearType::FromCursorDown))?;
        }
        queue!(out, EndSynchronizedUpdate)?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _gone = execute!(stdout(), cursor::Show, LeaveAlternateScreen);
        let _gone = disable_raw_mode();
    }
}

/// What is pressed, and signals to end: the terminal is given back before the program goes.
pub(super) struct Keys {
    pressed: mpsc::Receiver<bool>,
    signals: [Signal; 3],
}

impl Keys {
    /// Listens on a thread of its own until it is dropped.
    pub(super) fn listen() -> std::io::Result<Self> {
        let signals = [
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
        ];
        let (seen, pressed) = mpsc::channel(1);
        tokio::task::spawn_blocking(move || {
            while !seen.is_closed() {
                let event = match poll(LOOK) {
                    Ok(true) => read(),
                    Ok(false) => continue,
                    Err(why) => Err(why),
                };
                // A keyboard that is gone cannot say goodbye.
                let is_end = event.as_ref().map_or(true, is_end);
                if seen.blocking_send(is_end).is_err() || is_end {
                    return;
                }
            }
        });
        Ok(Self { pressed, signals })
    }

    /// Waits until the user wants to go.
    pub(super) async fn quit(&mut self) {
        while !self.next().await {}
    }

    /// Waits; true when the user wants to go. Another key, or a new size, ends the wait too.
    pub(super) async fn quit_within(&mut self, span: Duration) -> bool {
        tokio::time::timeout(span, self.next()).await.unwrap_or(false)
    }

    /// Whether the next thing that happens is the end.
    async fn next(&mut self) -> bool {
        let Self { pressed, signals: [terminate, interrupt, hangup] } = self;
        tokio::select! {
            is_end = pressed.recv() => is_end.unwrap_or(true),
            _signal = terminate.recv() => true,
            _signal = interrupt.recv() => true,
            _signal = hangup.recv() => true,
        }
    }
}

fn is_end(event: &Event) -> bool {
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event else {
        return false;
    };
    match code {
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => true,
        KeyCode::Char('c') => modifiers.contains(KeyModifiers::CONTROL),
        _other => false,
    }
}
