//! `tailwater slots`.

mod connectors;
mod passwords;
mod servers;
mod show;

use std::process::ExitCode;

use tailwater_pipeline::{ConnectorError, DropRequest, SlotServer, SlotStatus};
use tokio::runtime::Runtime;

use crate::args::{DropArgs, ListArgs, SlotsCommand};
use crate::output::write_line;
use crate::slots::connectors::Connectors;
use crate::slots::servers::{Servers, servers};
use crate::sql::state_directory;

/// Lists or drops.
pub(crate) fn run(runtime: &Runtime, command: SlotsCommand) -> anyhow::Result<ExitCode> {
    let is_right = match command {
        SlotsCommand::List(args) => list(runtime, args)?,
        SlotsCommand::Drop(args) => drop_all(runtime, args)?,
    };
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn fail(is_json: bool, slot: Option<&str>, server: Option<&str>, error: &ConnectorError) {
    if is_json {
        write_line(show::json_error(slot, server, error));
    } else {
        eprintln!("{}", show::text_error(error));
    }
}

/// The slots of each server, `None` for one that does not answer, which has been told.
async fn ask(servers: &[SlotServer], is_json: bool) -> Vec<Option<Vec<SlotStatus>>> {
    let mut answers = Vec::with_capacity(servers.len());
    for server in servers {
        answers.push(match server.slots().await {
            Ok(slots) => Some(slots),
            Err(error) => {
                fail(is_json, None, Some(&server.endpoint()), &error);
                None
            }
        });
    }
    answers
}

fn list(runtime: &Runtime, mut args: ListArgs) -> anyhow::Result<bool> {
    if let Some(connection) = args.connection.take() {
        args.server.url = Some(connection);
    }
    let Servers::There(servers) = servers(&args.server, args.json)? else {
        return Ok(false);
    };
    let answers = runtime.block_on(ask(&servers, args.json));
    let is_right = answers.iter().all(Option::is_some);
    let mut slots: Vec<SlotStatus> = answers.into_iter().flatten().flatten().collect();
    Connectors::read(&state_directory().join("connect")).name_owners(&mut slots);
    if args.json {
        slots.iter().for_each(|slot| write_line(show::json_slot(slot)));
    } else if !slots.is_empty() {
        show::text_slots(&slots, servers.len() > 1).iter().for_each(write_line);
    } else if is_right {
        write_line("There are no replication slots.");
    }
    Ok(is_right)
}

fn drop_all(runtime: &Runtime, args: DropArgs) -> anyhow::Result<bool> {
    if args.names.iter().any(|name| name.contains("://") || name.contains('=')) {
        servers::usage("a slot's name is not an address", "give the address with --url");
    }
    let Servers::There(servers) = servers(&args.server, args.json)? else {
        return Ok(false);
    };
    runtime.block_on(async {
        let answers = ask(&servers, args.json).await;
        if answers.iter().any(Option::is_none) {
            return Ok(false);
        }
        let answers: Vec<Vec<SlotStatus>> = answers.into_iter().flatten().collect();
        let mut is_right = true;
        for name in &args.names {
            is_right &= drop_one(&servers, &answers, name, &args).await;
        }
        Ok(is_right)
    })
}

async fn drop_one(
    servers: &[SlotServer],
    answers: &[Vec<SlotStatus>],
    name: &str,
    args: &DropArgs,
) -> bool {
    let has_it = |at: &usize| answers[*at].iter().any(|slot| slot.name == name);
    let at: Vec<usize> = (0..servers.len()).filter(has_it).collect();
    if at.len() > 1 {
        let message = format!("slot \"{name}\" is on several of the servers");
        let error = ConnectorError::new(tailwater_pipeline::ErrorKind::Config, message);
        fail(args.json, Some(name), None, &error.with_hint("say with --url which one is meant"));
        return false;
    }
    // Where nobody has it, the first server says so.
    let at = at.first().copied().unwrap_or(0);
    let request =
        DropRequest { name, takes_physical: args.force, takes_publication: args.publication };
    match servers[at].drop_slot(&answers[at], request).await {
        Ok(dropped) => {
            if args.json {
                write_line(show::json_dropped(&dropped));
            } else {
                show::text_dropped(&dropped).iter().for_each(write_line);
            }
            true
        }
        Err(error) => {
            fail(args.json, Some(name), Some(&servers[at].endpoint()), &error);
            false
        }
    }
}
