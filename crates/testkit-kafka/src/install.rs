//! Apache Kafka on this machine: fetched by Maven, once.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The release that tests run on.
const VERSION: &str = "4.3.0";
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";

/// The variable that names a directory with the jars of Kafka to be used instead.
const JARS_VARIABLE: &str = "TAILWATER_TEST_KAFKA_JARS";

/// The directory with the jars of the broker and its tools. Installs Java and Maven from Debian's
/// packages if they are missing and we may, and fetches the jars; does nothing the second time, and
/// lets one process at a time do it.
///
/// # Errors
/// What is missing, and how to mend it.
pub fn ensure_installed() -> io::Result<PathBuf> {
    if let Some(named) = std::env::var_os(JARS_VARIABLE).filter(|named| !named.is_empty()) {
        return Ok(PathBuf::from(named));
    }
    let home = std::env::var_os("HOME").ok_or_else(|| io::Error::other("HOME is not set"))?;
    let cache = Path::new(&home).join(".cache/tailwater/kafka");
    std::fs::create_dir_all(&cache)?;
    let lock = File::create(cache.join("lock"))?;
    lock.lock()?;
    ensure_program("java", "default-jre-headless")?;
    let jars = cache.join(VERSION);
    if jars.is_dir() {
        return Ok(jars);
    }
    ensure_program("mvn", "maven")?;
    let part = cache.join(format!("{VERSION}.part"));
    if part.exists() {
        // Of a process that ended in the middle of it: we hold the lock.
        std::fs::remove_dir_all(&part)?;
    }
    fetch(&part)?;
    std::fs::rename(&part, &jars)?;
    Ok(jars)
}

fn fetch(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let pom = directory.join("pom.xml");
    std::fs::write(&pom, project())?;
    println!("$ mvn dependency:copy-dependencies (Apache Kafka {VERSION})");
    let output = Command::new("mvn")
        .args(["--quiet", "--batch-mode", "--strict-checksums", "-f"])
        .arg(&pom)
        .args([COPY, "-DincludeScope=runtime", "-Dmdep.useBaseVersion=true"])
        .arg(format!("-DoutputDirectory={}", directory.display()))
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        return Err(io::Error::other(format!("Maven could not get Apache Kafka: {said}")));
    }
    std::fs::remove_file(pom)
}

/// A project that needs the broker, its tools and the plainest logging there is.
fn project() -> String {
    let excluded = [
        ("org.apache.logging.log4j", "log4j-slf4j-impl"),
        ("org.slf4j", "slf4j-reload4j"),
    ]
    .map(|(group, name)| {
        format!("<exclusion><groupId>{group}</groupId><artifactId>{name}</artifactId></exclusion>")
    })
    .concat();
    let needed = [
        ("org.apache.kafka", "kafka_2.13", VERSION),
        ("org.apache.kafka", "kafka-tools", VERSION),
        ("org.slf4j", "slf4j-simple", "1.7.36"),
    ]
    .map(|(group, name, version)| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>\
             <version>{version}</version><exclusions>{excluded}</exclusions></dependency>"
        )
    })
    .concat();
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>tailwater</groupId>\
         <artifactId>kafka</artifactId><version>1</version>\
         <dependencies>{needed}</dependencies></project>"
    )
}

/// Has a program on the PATH, if need be from a Debian package.
fn ensure_program(program: &str, package: &str) -> io::Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|directory| directory.join(program).is_file()) {
        return Ok(());
    }
    let is_root =
        std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    let advice = format!("{program} is not installed; install it: apt-get install {package}");
    if !is_root {
        return Err(io::Error::other(advice));
    }
    for arguments in [&["update"][..], &["install", "-y", "--no-install-recommends", package]] {
        println!("$ apt-get {}", arguments.join(" "));
        let status = Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .status()?;
        if !status.success() {
            return Err(io::Error::other(advice));
        }
    }
    Ok(())
}
