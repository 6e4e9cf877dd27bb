//! Releases of PostgreSQL side by side, for tests on each of them.
//!
//! They come as Maven artifacts (zonky's embedded-postgres-binaries: `initdb`, `pg_ctl`, `postgres`
//! and the extensions of contrib), fetched by Maven itself, which verifies their checksums.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use tailwater_testkit_postgres::binaries;

/// The release that stands for each major version.
const RELEASES: [(&str, &str); 5] =
    [("14", "14.24.0"), ("15", "15.19.0"), ("16", "16.15.0"), ("17", "17.11.0"), ("18", "18.6.0")];

const ARTIFACT: &str = "io.zonky.test.postgres:embedded-postgres-binaries";
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy";

/// The directory of the server's programs of `version`, a major one or an exact one; fetches them
/// if they are missing. Debian's package of the version is preferred where it is there.
pub(crate) fn ensure_release(version: &str) -> anyhow::Result<PathBuf> {
    let packaged = Path::new("/usr/lib/postgresql").join(version).join("bin");
    if packaged.join("postgres").is_file() {
        return Ok(packaged);
    }
    let known = RELEASES.iter().find(|(major, _)| *major == version);
    let release = known.map_or(version, |(_, release)| release);
    if release.split('.').count() != 3 {
        let majors: Vec<&str> = RELEASES.iter().map(|(major, _)| *major).collect();
        bail!("no PostgreSQL {version}: say one of {}, or a release as 17.11.0", majors.join(", "));
    }
    let home = std::env::var_os("HOME").context("HOME is not set")?;
    let cache = Path::new(&home).join(".cache/tailwater/postgres");
    let directory = cache.join(release);
    let bin = directory.join("bin");
    if !bin.join("postgres").is_file() {
        std::fs::create_dir_all(&cache)?;
        let part = cache.join(format!("{release}.part-{}", std::process::id()));
        let unpacked = fetch(release, &part).and_then(|()| {
            // Somebody else may have been faster.
            std::fs::rename(&part, &directory).or_else(|error| {
                if bin.join("postgres").is_file() { Ok(()) } else { Err(error.into()) }
            })
        });
        // What is left of a failure or of a race; after a success there is nothing.
        let _ = std::fs::remove_dir_all(&part);
        unpacked?;
    }
    if binaries::is_root() {
        let_the_server_in(&bin)?;
    }
    Ok(bin)
}

/// Fetches a release and unpacks it into `directory`.
fn fetch(release: &str, directory: &Path) -> anyhow::Result<()> {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "linux-amd64",
        "aarch64" => "linux-arm64v8",
        other => bail!("there is no artifact of PostgreSQL for {other}"),
    };
    std::fs::create_dir_all(directory)?;
    let artifact = format!("{ARTIFACT}-{machine}:{release}:jar");
    println!("$ mvn dependency:copy -Dartifact={artifact}");
    let mut maven = Command::new("mvn");
    maven.args(["--quiet", "--batch-mode", "--strict-checksums", COPY]);
    maven.arg(format!("-Dartifact={artifact}"));
    maven.arg(format!("-DoutputDirectory={}", directory.display()));
    maven.arg("-Dmdep.useBaseVersion=true").current_dir(directory).stdin(Stdio::null());
    let missing = "Maven is needed to fetch PostgreSQL (apt-get install maven); or set \
        TAILWATER_TEST_POSTGRES_BIN to a directory with initdb and postgres, and run cargo test";
    run(&mut maven).context(missing)?;
    let jar = only_file(directory, "jar")?;
    unzip(&jar, directory)?;
    let archive = only_file(directory, "txz")?;
    run(Command::new("tar").arg("-xJf").arg(&archive).arg("-C").arg(directory))?;
    std::fs::remove_file(jar)?;
    std::fs::remove_file(archive)?;
    run(Command::new("chmod").args(["-R", "go+rX"]).arg(directory))
}

fn unzip(jar: &Path, directory: &Path) -> anyhow::Result<()> {
    let unzip = Command::new("unzip").args(["-q", "-o"]).arg(jar).arg("-d").arg(directory).status();
    if unzip.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let python = ["-m", "zipfile", "-e"];
    run(Command::new("python3").args(python).arg(jar).arg(directory))
        .context("unzip or python3 is needed to unpack PostgreSQL")
}

fn only_file(directory: &Path, extension: &str) -> anyhow::Result<PathBuf> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            return Ok(path);
        }
    }
    bail!("there is no file .{extension} in {}", directory.display())
}

/// Started by root, the server runs as user `postgres`, who must get through every folder above.
fn let_the_server_in(bin: &Path) -> anyhow::Result<()> {
    if !Command::new("id").arg("postgres").stdout(Stdio::null()).status()?.success() {
        run(Command::new("useradd").args(["--system", "--shell", "/bin/sh", "postgres"]))?;
    }
    let mut folders: Vec<&Path> = bin.ancestors().collect();
    folders.reverse();
    for folder in folders {
        let passes = binaries::command(Path::new("test")).arg("-x").arg(folder).status()?;
        if !passes.success() {
            println!("$ chmod o+x {}", folder.display());
            run(Command::new("chmod").arg("o+x").arg(folder))?;
        }
    }
    Ok(())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().display().to_string();
    let status = command.status().with_context(|| format!("cannot run {name}"))?;
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(())
}
