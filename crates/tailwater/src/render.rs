//! Findings with their source lines, as rustc shows them.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use tailwater_sql::Finding;
use tailwater_types::Severity;

use crate::secrets::Masked;

/// The finding as text; `is_coloured` for a terminal.
pub(crate) fn render(finding: &Finding, is_coloured: bool) -> String {
    let diagnostic = &finding.diagnostic;
    let original = finding.source.text.as_str();
    let masked = Masked::new(original);
    let text = masked.text.as_str();
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut lines = diagnostic.message.splitn(2, '\n');
    let first = lines.next().unwrap_or_default();
    let span = {
        let start = masked.place((diagnostic.span.start as usize).min(original.len()));
        let end = masked.place((diagnostic.span.end as usize).min(original.len())).max(start);
        start..end
    };
    let snippet = Snippet::source(text)
        .line_start(1)
        .path(finding.source.name.as_str())
        .annotation(AnnotationKind::Primary.span(span));
    let title = level.primary_title(first).id(diagnostic.code);
    let mut group: Group<'_> = title.element(snippet);
    if let Some(rest) = lines.next() {
        group = group.element(Level::NOTE.message(rest));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(hint.as_str()));
    }
    let renderer = if is_coloured { Renderer::styled() } else { Renderer::plain() };
    let rendered = renderer.render(&[group]);
    // The renderer indents the empty lines of a note.
    rendered.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
