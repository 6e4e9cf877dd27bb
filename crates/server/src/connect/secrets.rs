//! Values that no answer shows.

use tailwater_pipeline::connect::{ConnectEngine, ConnectorConfig};

/// What stands for a secret in an answer.
pub(crate) const HIDDEN: &str = "[hidden]";

/// The configuration as it may be shown. A placeholder such as `${env:PASSWORD}` is no secret.
pub(crate) fn hidden(engine: &dyn ConnectEngine, config: &ConnectorConfig) -> ConnectorConfig {
    let show = |(option, value): (&String, &String)| {
        let is_shown = !engine.is_secret(option) || is_placeholder(value) || value.is_empty();
        (option.clone(), if is_shown { value.clone() } else { HIDDEN.to_owned() })
    };
    config.iter().map(show).collect()
}

/// Puts back secrets of `before` that come as they were shown: who reads a configuration, changes
/// an option and writes it must not change the password.
pub(crate) fn restored(before: &ConnectorConfig, mut config: ConnectorConfig) -> ConnectorConfig {
    for (option, value) in &mut config {
        if let Some(secret) = before.get(option).filter(|_| value == HIDDEN) {
            value.clone_from(secret);
        }
    }
    config
}

fn is_placeholder(value: &str) -> bool {
    value.starts_with("${") && value.ends_with('}') && value.contains(':')
}
