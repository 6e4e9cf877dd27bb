//! Files that are written: a checkpoint's rows together, once, whatever is interrupted.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use std::collections::BTreeMap;
use std::path::Path;

use tailwater_connector_api::{
    Publication, Sink, SinkContext, SinkFactory, TableColumn, TableSpec, Verdict,
};
use tailwater_connectors::filesystem::FilesystemSinkFactory;
use tailwater_types::{ChangeBatch, CheckpointId, Datum, Layout, RowKind, TypeKind};

fn table(path: &Path, format: &str, partition_keys: Vec<usize>) -> TableSpec {
    let column = |name: &str, kind: TypeKind| TableColumn {
        name: name.to_owned(),
        data_type: kind.nullable(),
        metadata: None,
    };
    TableSpec {
        name: "c.d.files".to_owned(),
        columns: vec![column("id", TypeKind::BigInt), column("city", TypeKind::STRING)],
        options: [("path", path.to_str().unwrap()), ("format", format)]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
        partition_keys,
        ..TableSpec::default()
    }
}

fn context(lineage: &str) -> SinkContext {
    SinkContext { job_name: "job".into(), lineage: lineage.into(), ..SinkContext::default() }
}

async fn sink(table: &TableSpec, lineage: &str) -> Box<dyn Sink> {
    let plan = FilesystemSinkFactory.plan(table).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(plan.publication(), Publication::Transactional);
    plan.connect(context(lineage)).await.unwrap()
}

fn rows(rows: &[(i64, Option<&str>)]) -> ChangeBatch {
    let mut batch = ChangeBatch::default();
    for (id, city) in rows {
        let city = city.map_or(Datum::Null, Datum::Str);
        batch.push_datums(RowKind::Insert, &[Datum::Int(*id), city], &[Layout::Int, Layout::Str]);
    }
    batch
}

/// The visible files by directory, their lines sorted.
fn visible(path: &Path) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut directories = vec![path.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_dir() {
                directories.push(entry.path());
            } else if !name.starts_with('.') {
                assert!(name.starts_with("part-"), "{name}");
                let place = directory.strip_prefix(path).unwrap().to_str().unwrap().to_owned();
                let text = std::fs::read_to_string(entry.path()).unwrap();
                let lines: &mut Vec<String> = found.entry(place).or_default();
                lines.extend(text.lines().map(str::to_owned));
                lines.sort();
            }
        }
    }
    found
}

#[tokio::test]
async fn rows_become_visible_by_a_commit_and_others_never() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("below/out");
    let table = table(&path, "json", Vec::new());
    let mut first = sink(&table, "one").await;
    assert_eq!(first.last_published().await.unwrap(), None);
    first.write(rows(&[(1, Some("Rīga")), (2, None)]).into()).await.unwrap();
    assert_eq!(visible(&path), BTreeMap::new());
    first.commit(CheckpointId(1)).await.unwrap();
    first.write(rows(&[(3, Some("Oslo"))]).into()).await.unwrap();
    // It is killed here.
    drop(first);
    let committed = vec![r#"{"id":1,"city":"Rīga"}"#.to_owned(), r#"{"id":2,"city":null}"#.into()];
    let mut second = sink(&table, "one").await;
    let published = second.last_published().await.unwrap().unwrap();
    assert_eq!((published.lineage.as_str(), published.checkpoint), ("one", CheckpointId(1)));
    assert_eq!(visible(&path), BTreeMap::from([(String::new(), committed.clone())]));
    second.write(rows(&[(3, Some("Oslo"))]).into()).await.unwrap();
    second.commit(CheckpointId(2)).await.unwrap();
    let all = [committed, vec![r#"{"id":3,"city":"Oslo"}"#.to_owned()]].concat();
    assert_eq!(visible(&path), BTreeMap::from([(String::new(), all)]));
}

/// The record of a commit is durable before its files have their names.
#[tokio::test]
async fn a_commit_that_was_cut_short_is_finished() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    let table = table(&path, "csv", vec![1]);
    let mut first = sink(&table, "one").await;
    first.write(rows(&[(1, Some("a/b")), (2, None), (3, Some("a/b"))]).into()).await.unwrap();
    first.commit(CheckpointId(7)).await.unwrap();
    let expected = BTreeMap::from([
        ("city=__DEFAULT_PARTITION__".to_owned(), vec!["2".to_owned()]),
        ("city=a%2Fb".to_owned(), vec!["1".to_owned(), "3".to_owned()]),
    ]);
    assert_eq!(visible(&path), expected);
    let part = path.join("city=a%2Fb");
    let name = part.read_dir().unwrap().next().unwrap().unwrap().file_name();
    // The record names both.
    let is_record = |name: &str| name.starts_with(".tailwater-");
    let mut entries = path.read_dir().unwrap().map(|entry| entry.unwrap());
    let record = entries.find(|e| is_record(e.file_name().to_str().unwrap())).unwrap();
    let record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(record.path()).unwrap()).unwrap();
    let files = record["files"].as_array().unwrap();
    let of_part = |f: &&serde_json::Value| f[1].as_str().unwrap().contains("a%2Fb");
    let hidden = files.iter().find(of_part).unwrap()[0].as_str().unwrap();
    std::fs::rename(part.join(&name), path.join(hidden)).unwrap();
    assert_eq!(visible(&path).len(), 1);
    let mut second = sink(&table, "one").await;
    assert_eq!(second.last_published().await.unwrap().unwrap().checkpoint, CheckpointId(7));
    assert_eq!(visible(&path), expected);
}

#[tokio::test]
async fn more_partitions_than_open_files_are_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    let table = table(&path, "csv", vec![1]);
    let mut sink = sink(&table, "one").await;
    let names: Vec<String> = (0..300).map(|i| format!("city {i}")).collect();
    for round in 0..2 {
        let all: Vec<(i64, Option<&str>)> =
            names.iter().map(|n| (round, Some(n.as_str()))).collect();
        sink.write(rows(&all).into()).await.unwrap();
    }
    sink.commit(CheckpointId(1)).await.unwrap();
    let found = visible(&path);
    assert_eq!(found.len(), 300);
    assert!(found.values().all(|lines| *lines == ["0", "1"]), "{found:?}");
}

#[tokio::test]
async fn what_does_not_fit_is_said_before_anything_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let checks = |path: &Path| {
        let table = table(path, "json", Vec::new());
        let plan = FilesystemSinkFactory.plan(&table).unwrap_or_else(|e| panic!("{e:?}"));
        async move { plan.check(SinkContext::default()).await }
    };
    assert_eq!(checks(&file.join("out")).await[0].verdict, Verdict::Fail);
    let missing = directory.path().join("missing");
    assert_eq!(checks(&missing).await[0].verdict, Verdict::Ok);
    assert!(!missing.exists());
    let refused = FilesystemSinkFactory.plan(&table(&missing, "json", vec![0, 1])).err().unwrap();
    assert!(refused[0].message.contains("none of PARTITIONED BY"), "{refused:?}");
    let refused = FilesystemSinkFactory.plan(&table(&missing, "jsn", Vec::new())).err().unwrap();
    assert!(refused[0].message.contains("SerializationFormatFactory"), "{refused:?}");
}
