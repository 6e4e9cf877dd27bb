//! Colours on standard output, where a terminal shows them and nobody has asked for none.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

/// How a word is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Heading,
    Good,
    Note,
    Warning,
    Bad,
}

/// Whether there are colours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    is_coloured: bool,
}

impl Palette {
    /// For standard output.
    pub(crate) fn of_stdout() -> Self {
        let is_coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { is_coloured }
    }

    /// The text in its colour.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.is_coloured {
            return text.to_owned();
        }
        let style = match tone {
            Tone::Heading => Style::new().bold(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Note => AnsiColor::Cyan.on_default(),
            Tone::Warning => AnsiColor::Yellow.on_default().bold(),
            Tone::Bad => AnsiColor::BrightRed.on_default().bold(),
        };
        format!("{style}{text}{style:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stand_around_the_text_and_only_where_they_are_wanted() {
        let paint = |is_coloured| Palette { is_coloured }.paint(Tone::Good, "ok");
        assert_eq!(paint(false), "ok");
        assert_eq!(paint(true), "\u{1b}[32mok\u{1b}[0m");
    }
}
