//! A checkpoint that cannot be used is refused with its reason.

use std::path::{Path, PathBuf};

use expect_test::expect;

use crate::binary::{Ran, Workspace};
use crate::scrub::scrub;
use crate::shop::{Pipeline, Shop};

const PIPELINE: Pipeline = Pipeline::OrdersWithUsers;

/// A pipeline that has run and was stopped: its checkpoint is there.
struct Stopped {
    shop: Shop,
    workspace: Workspace,
    script: String,
}

impl Stopped {
    async fn new() -> Self {
        let shop = Shop::open(10, 100).await;
        let workspace = Workspace::new();
        let script = shop.script(PIPELINE, "1 h");
        let mut binary = workspace.start(&script, &[]);
        shop.wait_until_equal(PIPELINE, &mut binary).await;
        binary.stop().assert_code(0);
        Self { shop, workspace, script }
    }

    fn directory(&self) -> PathBuf {
        self.workspace.path().join("state/tailwater/checkpoints/orders-with-user-info")
    }

    fn said(&self, ran: &Ran) -> String {
        ran.assert_code(1);
        scrub(&ran.stderr, &self.workspace, Some(&self.shop))
    }

    async fn runs_with(&self, args: &[&str]) {
        let mut binary = self.workspace.start(&self.script, args);
        let update = "UPDATE business.orders SET quantity = quantity + 1";
        self.shop.client.batch_execute(update).await.unwrap();
        self.shop.wait_until_equal(PIPELINE, &mut binary).await;
        binary.stop().assert_code(0);
    }
}

fn flip_a_byte(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_manifest_is_refused_and_fresh_begins_anew() {
    let stopped = Stopped::new().await;
    flip_a_byte(&stopped.directory().join("manifest.json"));
    let ran = stopped.workspace.run(&stopped.script, &[]);
    expect![[r#"
        [ERROR] cannot resume from checkpoint "$DIRECTORY/state/tailwater/checkpoints/orders-with-user-info/manifest.json": its checksum does not match
          --> script.sql:132:1
          help: another job needs a name of its own: SET 'pipeline.name' = '...'; for this one, empty its sink tables (rows that are gone from the source would stay there) and start the job anew with --fresh
    "#]].assert_eq(&stopped.said(&ran));
    stopped.runs_with(&["--fresh"]).await;
    stopped.runs_with(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_state_file_is_refused() {
    let stopped = Stopped::new().await;
    let mut flipped = 0;
    for file in std::fs::read_dir(stopped.directory().join("state")).unwrap() {
        flip_a_byte(&file.unwrap().path());
        flipped += 1;
    }
    assert!(flipped > 0);
    let binary = stopped.workspace.start(&stopped.script, &[]);
    // Blocks are checked when they are read.
    let sql = "UPDATE business.orders SET quantity = quantity + 1; UPDATE business.users SET city = 'Bergen'";
    stopped.shop.client.batch_execute(sql).await.unwrap();
    expect![[r#"
        [ERROR] state file "$DIRECTORY/state/tailwater/checkpoints/orders-with-user-info/state/000000000001-000001-0000.run" is damaged: the checksum of a block does not match
          --> script.sql:132:1
          help: start the job anew with --fresh
    "#]].assert_eq(&stopped.said(&binary.end()));
    stopped.runs_with(&["--fresh"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checkpoint_of_another_query_is_refused() {
    let stopped = Stopped::new().await;
    let other = stopped.script.replace("ON o.user_id = u.user_id", "ON o.order_id = u.user_id");
    let ran = stopped.workspace.run(&other, &[]);
    expect![[r#"
        [ERROR] cannot resume from checkpoint "$DIRECTORY/state/tailwater/checkpoints/orders-with-user-info/manifest.json": the job was another one then; only the checkpoint has: [Join#$HASH]; only the job has: [Join#$HASH]
          --> script.sql:132:1
          help: another job needs a name of its own: SET 'pipeline.name' = '...'; for this one, empty its sink tables (rows that are gone from the source would stay there) and start the job anew with --fresh
    "#]].assert_eq(&stopped.said(&ran));
    // The checkpoint is still there.
    stopped.runs_with(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_checkpoint_directory_is_refused() {
    let stopped = Stopped::new().await;
    let mut first = stopped.workspace.start(&stopped.script, &[]);
    first.wait_for_output("successfully submitted");
    let ran = stopped.workspace.run(&stopped.script, &["--fresh"]);
    expect![[r#"
        [ERROR] checkpoint directory "$DIRECTORY/state/tailwater/checkpoints/orders-with-user-info" is in use by another process
          --> script.sql:132:1
          help: stop the other process, or give this job another 'pipeline.name'
    "#]].assert_eq(&stopped.said(&ran));
    first.stop().assert_code(0);
}
