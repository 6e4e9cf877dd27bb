//! Colours, where somebody sees them.

use std::io::IsTerminal;

/// Paints text for standard output; plain when that is no terminal or `NO_COLOR` is set.
#[derive(Clone, Copy)]
pub(crate) struct Console {
    is_coloured: bool,
}

impl Console {
    /// Looks at standard output and the environment.
    pub(crate) fn detect() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { is_coloured: std::io::stdout().is_terminal() && !refused }
    }

    /// What is right.
    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What is wrong.
    pub(crate) fn red(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// What misses its goal.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// What stands out.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What may be passed over.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.is_coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
