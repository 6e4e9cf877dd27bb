//! What a running job does when a password changes or the disk is full: it says so, waits, goes on.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binary::Workspace;
use crate::load::{Random, Writer};
use crate::shop::{Pipeline, Shop};

const PIPELINE: Pipeline = Pipeline::OrdersWithUsers;

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_waits_until_its_password_is_right_again() {
    let shop = Shop::open(10, 100).await;
    let role = format!("rotated_{}", shop.database);
    let sql = |sql: &str| {
        let text = sql.replace("$R", &role);
        let client = &shop.client;
        async move { client.batch_execute(&text).await.unwrap() }
    };
    sql("CREATE ROLE $R LOGIN SUPERUSER PASSWORD 'first-secret'").await;
    let password = shop.password().replace('\'', "''");
    let script = shop.script(PIPELINE, "200ms");
    let script = script.replace("'username' = 'postgres'", &format!("'username' = '{role}'"));
    let script = script.replace(&password, "first-secret");
    let workspace = Workspace::new();
    let mut binary = workspace.start(&script, &[]);
    shop.wait_until_equal(PIPELINE, &mut binary).await;
    sql("ALTER ROLE $R PASSWORD 'second-secret';
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '$R'")
    .await;
    binary.wait_for_errors("the server refuses the password of user", 1).await;
    binary.wait_for_errors("check \\\"username\\\" and \\\"password\\\"", 1).await;
    assert!(!binary.stderr().contains("first-secret"), "{}", binary.stderr());
    sql("UPDATE business.orders SET quantity = quantity + 1").await;
    sql("ALTER ROLE $R PASSWORD 'first-secret'").await;
    shop.wait_until_equal(PIPELINE, &mut binary).await;
    binary.stop().assert_code(0);
}

/// A small disk of its own.
struct Disk(PathBuf);

impl Disk {
    /// Only root may have one, and not everywhere.
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=12m", "tailwater-test"];
        let mounted = Command::new("mount").args(mount).arg(at).output();
        mounted.is_ok_and(|done| done.status.success()).then(|| Self(at.to_owned()))
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    fn fill(&self) {
        let error = std::fs::write(self.filler(), vec![0; 64 << 20]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_waited_for() {
    let (users, orders) = (100, 1_000);
    let shop = Shop::open(users, orders).await;
    let workspace = Workspace::new();
    let Some(disk) = Disk::mount(&workspace.path().join("disk")) else {
        println!("no disk of a size of its own can be mounted here");
        return;
    };
    let directory = format!("execution.checkpointing.dir=file://{}", disk.0.join("c").display());
    let script = shop.script(PIPELINE, "200ms");
    let mut binary = workspace.start(&script, &["-D", &directory]);
    shop.wait_until_equal(PIPELINE, &mut binary).await;
    let random = Random::new();
    let writer = Writer::start(shop.connect().await, random, users.into(), orders.into());
    disk.fill();
    binary.wait_for_errors("No space left on device", 1).await;
    binary.wait_for_errors("make room on the disk of the checkpoint directory", 1).await;
    // It is full for more than one attempt.
    binary.wait_for_errors("will resume", 2).await;
    std::fs::remove_file(disk.filler()).unwrap();
    println!("{} transactions", writer.stop().await);
    shop.wait_until_equal(PIPELINE, &mut binary).await;
    let ran = binary.stop();
    ran.assert_code(0);
    assert_eq!(shop.difference(PIPELINE).await, None, "{}", ran.stderr);
}
