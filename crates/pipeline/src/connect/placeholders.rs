//! `${provider:path:key}` in a configuration: what stands elsewhere, so that no secret is posted.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::{ConnectorConfig, properties};

/// Looks up a variable of the environment.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The providers that the worker names in `config.providers`.
#[derive(Clone)]
pub struct Placeholders {
    providers: Vec<String>,
    environment: Environment,
}

/// The names by which a provider may be asked for: Kafka's own, whatever its class.
const PROVIDERS: &[&str] = &["env", "file", "directory"];

impl Placeholders {
    /// Takes `config.providers`, a list of names; those we do not have are given back.
    pub fn new(providers: &str, environment: Environment) -> (Self, Vec<String>) {
        let named = providers.split(',').map(str::trim).filter(|name| !name.is_empty());
        let (known, unknown) =
            named.map(str::to_owned).partition(|name| PROVIDERS.contains(&name.as_str()));
        (Self { providers: known, environment }, unknown)
    }

    /// Puts in what placeholders stand for. What no provider is named for stays as it is, as with
    /// Connect.
    ///
    /// # Errors
    /// The option and what is missing for it; never a value.
    pub fn resolve(&self, config: &ConnectorConfig) -> Result<ConnectorConfig, (String, String)> {
        let mut resolved = ConnectorConfig::new();
        for (option, value) in config {
            let value = self.value(value).map_err(|missing| (option.clone(), missing))?;
            resolved.insert(option.clone(), value);
        }
        Ok(resolved)
    }

    fn value(&self, text: &str) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start..].find('}') else { break };
            let inside = &rest[start + 2..start + length];
            out.push_str(&rest[..start]);
            match inside.split_once(':').filter(|(name, _)| self.has(name)) {
                Some((provider, what)) => out.push_str(&self.look_up(provider, what)?),
                None => out.push_str(&rest[start..=start + length]),
            }
            rest = &rest[start + length + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn has(&self, provider: &str) -> bool {
        self.providers.iter().any(|name| name == provider)
    }

    fn look_up(&self, provider: &str, what: &str) -> Result<String, String> {
        if provider == "env" {
            let name = what.trim_start_matches(':');
            return (self.environment)(name)
                .ok_or_else(|| format!("the environment has no variable '{name}'"));
        }
        let Some((path, key)) = what.rsplit_once(':') else {
            return Err(format!("${{{provider}:PATH:KEY}} is how '{provider}' is asked"));
        };
        let read = |path: &Path| {
            let cannot = |error| format!("cannot read \"{}\": {error}", path.display());
            fs::read_to_string(path).map_err(cannot)
        };
        if provider == "directory" {
            return read(&Path::new(path).join(key));
        }
        let found = properties::parse(&read(Path::new(path))?).remove(key);
        found.ok_or_else(|| format!("there is no '{key}' in \"{path}\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders(providers: &str) -> Placeholders {
        let environment = |name: &str| (name == "PGPASSWORD").then(|| "s3cret".to_owned());
        Placeholders::new(providers, Arc::new(environment)).0
    }

    fn resolve(providers: &str, value: &str) -> Result<String, (String, String)> {
        let config = ConnectorConfig::from([("x".to_owned(), value.to_owned())]);
        placeholders(providers).resolve(&config).map(|mut config| config.remove("x").expect("x"))
    }

    #[test]
    fn what_stands_elsewhere_is_put_in() {
        let file = std::env::temp_dir().join(format!("placeholders-{}", std::process::id()));
        fs::write(&file, "user=u\npassword=p w\n").expect("a file");
        let path = file.display();
        assert_eq!(resolve("env", "a${env:PGPASSWORD}b"), Ok("as3cretb".to_owned()));
        assert_eq!(resolve("file", &format!("${{file:{path}:password}}")), Ok("p w".to_owned()));
        let directory = file.parent().expect("a parent").display().to_string();
        let name = file.file_name().expect("a name").display().to_string();
        let whole = resolve("directory", &format!("${{directory:{directory}:{name}}}"));
        assert_eq!(whole, Ok("user=u\npassword=p w\n".to_owned()));
        let missing = resolve("file,env", &format!("${{file:{path}:nope}}"));
        assert_eq!(missing.expect_err("missing").1, format!("there is no 'nope' in \"{path}\""));
        fs::remove_file(file).expect("removed");
    }

    #[test]
    fn without_a_provider_the_text_stays() {
        assert_eq!(resolve("", "${env:PGPASSWORD}"), Ok("${env:PGPASSWORD}".to_owned()));
        assert_eq!(resolve("env", "${routedByValue}-${x"), Ok("${routedByValue}-${x".to_owned()));
        let missing = resolve("env", "${env:NOPE}").expect_err("not set");
        assert_eq!(missing, ("x".to_owned(), "the environment has no variable 'NOPE'".to_owned()));
        assert_eq!(placeholders("env,vault").providers, ["env"]);
    }
}
