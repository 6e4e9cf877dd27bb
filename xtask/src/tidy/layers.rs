//! Which package may know which: the arrows of the architecture.

use std::fs;
use std::path::Path;

use anyhow::Context;

use super::Violation;

/// A package and the packages of the workspace that it may depend on, lowest first.
const LAYERS: &[(&str, &[&str])] = &[
    // L0: nothing below.
    ("types", &[]),
    ("pg-wire", &[]),
    ("state", &[]),
    // L1: no sockets, no environment, no tasks.
    ("expr", &["types"]),
    ("sql-syntax", &["types"]),
    ("connector-api", &["types"]),
    ("formats", &["types", "expr"]),
    ("debezium", &["types", "pg-wire"]),
    ("sql", &["types", "expr", "sql-syntax"]),
    // L2: operators know neither SQL nor connectors; connectors know neither each other's users,
    // nor the runtime, nor where state is kept.
    ("operators", &["types", "expr", "state"]),
    ("connectors", &["types", "expr", "formats", "debezium", "pg-wire", "connector-api"]),
    ("runtime", &["types", "connector-api", "operators", "state"]),
    // L3
    (
        "pipeline",
        &[
            "types",
            "expr",
            "sql-syntax",
            "sql",
            "connector-api",
            "connectors",
            "debezium",
            "operators",
            "runtime",
        ],
    ),
    // L4: what is left goes through the pipeline.
    ("server", &["runtime", "pipeline"]),
    ("tailwater", &["types", "expr", "sql-syntax", "sql", "runtime", "pipeline", "server"]),
    // For development.
    ("testkit-kafka", &[]),
    ("testkit-postgres", &[]),
    ("bench/engine", &["types", "expr", "state", "operators"]),
    ("bench/cdc", &["testkit-postgres"]),
    ("bench/debezium", &["types", "pg-wire", "debezium"]),
    ("bench/kafka", &["testkit-kafka", "testkit-postgres"]),
    ("xtask", &["testkit-kafka", "testkit-postgres"]),
];

/// Foreign packages that only some may depend on, and why.
const RESERVED: &[(&str, &[&str], &str)] = &[
    (
        "tokio",
        &[
            "connectors",
            "runtime",
            "pipeline",
            "server",
            "tailwater",
            "testkit-postgres",
            "bench/cdc",
            "bench/kafka",
            "xtask",
        ],
        "the layers below know no tasks and no sockets",
    ),
    (
        "tokio-postgres",
        &["connectors", "testkit-postgres", "xtask", "bench/cdc", "bench/kafka"],
        "only connectors talk to databases",
    ),
    ("rdkafka", &["connectors", "testkit-kafka", "bench/kafka"], "only connectors talk to brokers"),
    (
        "anyhow",
        &["tailwater", "xtask", "bench/cdc", "bench/kafka"],
        "libraries have errors of their own (thiserror)",
    ),
    ("clap", &["tailwater", "xtask", "bench/kafka"], "only what is run reads arguments"),
];

/// A package's manifest, as far as it is looked at.
pub(crate) struct Manifest {
    path: String,
    package: String,
    /// What is built with it, without what its tests use; each with its line.
    dependencies: Vec<(usize, String)>,
}

/// Reads the manifests of all packages.
pub(crate) fn manifests(root: &Path) -> anyhow::Result<Vec<Manifest>> {
    let mut packages: Vec<String> = Vec::new();
    for parent in ["crates", "bench"] {
        for entry in fs::read_dir(root.join(parent)).context("cannot list the packages")? {
            let entry = entry.context("cannot list the packages")?;
            if entry.path().is_dir() {
                packages.push(format!("{parent}/{}", entry.file_name().to_string_lossy()));
            }
        }
    }
    packages.push("xtask".to_owned());
    packages.sort();
    let mut manifests = Vec::new();
    for directory in packages {
        let path = format!("{directory}/Cargo.toml");
        let text =
            fs::read_to_string(root.join(&path)).with_context(|| format!("cannot read {path}"))?;
        let package = directory.strip_prefix("crates/").unwrap_or(&directory).to_owned();
        manifests.push(Manifest { path, package, dependencies: dependencies(&text) });
    }
    Ok(manifests)
}

/// The names below `[dependencies]`, `[build-dependencies]` and their like for one target.
fn dependencies(manifest: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut is_within = false;
    for (at, line) in manifest.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            let (section, name) = match section.rsplit_once("dependencies.") {
                Some((before, name)) => (format!("{before}dependencies"), Some(name)),
                None => (section.to_owned(), None),
            };
            let counts =
                section.ends_with("dependencies") && !section.ends_with("dev-dependencies");
            is_within = counts && name.is_none();
            if let (true, Some(name)) = (counts, name) {
                found.push((at, name.to_owned()));
            }
        } else if is_within && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or(line);
            found.push((at, name.to_owned()));
        }
    }
    found
}

/// Dependencies that the tables do not allow.
pub(crate) fn check(manifests: &[Manifest]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for Manifest { path, package, dependencies } in manifests {
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| name == package) else {
            let message = "the package has no layer; say in xtask/src/tidy/layers.rs which others \
                           it may know";
            violations.push(Violation::of_file(path, message));
            continue;
        };
        for (line, name) in dependencies {
            if let Some(known) = name.strip_prefix("tailwater-") {
                if !allowed.contains(&known) {
                    let message = format!(
                        "{package} must not know {known}; it may know {} \
                         (xtask/src/tidy/layers.rs)",
                        if allowed.is_empty() { "no other".to_owned() } else { allowed.join(", ") }
                    );
                    violations.push(Violation::at(path, *line, message));
                }
            } else if let Some((_, users, reason)) = RESERVED.iter().find(|r| r.0 == name)
                && !users.contains(&package.as_str())
            {
                let message = format!("{package} must not use {name}: {reason}");
                violations.push(Violation::at(path, *line, message));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(package: &str, text: &str) -> Manifest {
        Manifest {
            path: format!("crates/{package}/Cargo.toml"),
            package: package.to_owned(),
            dependencies: dependencies(text),
        }
    }

    #[test]
    fn dependencies_are_found_in_every_form_and_those_of_tests_are_not() {
        let text = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = \"1\"\n\
                    [dependencies.c]\nversion = \"1\"\n[dev-dependencies]\nd = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\ne = { version = \"1\" }\n";
        let names: Vec<String> = dependencies(text).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["a", "b", "c", "e"]);
    }

    #[test]
    fn an_upward_arrow_is_refused_with_its_line() {
        let text = "[dependencies]\ntailwater-types.workspace = true\n\
                    tailwater-runtime.workspace = true\n";
        let found = check(&[manifest("connectors", text)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, Some(3));
        assert!(found[0].message.starts_with("connectors must not know runtime"));
    }

    #[test]
    fn reserved_packages_and_packages_without_a_layer_are_refused() {
        let found = check(&[
            manifest("operators", "[dependencies]\ntokio.workspace = true\n"),
            manifest("newcomer", ""),
        ]);
        assert!(found[0].message.starts_with("operators must not use tokio"));
        assert!(found[1].message.starts_with("the package has no layer"));
    }

    #[test]
    fn each_layer_knows_only_layers_above_it_in_the_table() {
        for (at, (name, allowed)) in LAYERS.iter().enumerate() {
            for known in *allowed {
                let lower = LAYERS[..at].iter().any(|(other, _)| other == known);
                assert!(lower, "{name} may know {known}, which comes later in the table");
            }
        }
    }
}
