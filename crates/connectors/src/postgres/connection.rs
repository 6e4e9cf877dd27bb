//! Our own protocol on a wire: replication, and copies without a copy of each row.

use std::io;

use bytes::{Buf, BytesMut};
use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::auth::Authenticator;
use tailwater_pg_wire::backend::{BackendMessage, Framing, first_frame};
use tailwater_pg_wire::query::{QueryCollector, QueryResult, QueryStep};
use tailwater_pg_wire::{ServerError, WireError, frontend};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::{SESSION_SETTINGS, ServerAddress, kind_of, unreachable};
use super::dial::Dialler;
use super::rows::wire_error;
use super::tls;
use super::wire::Wire;

/// Enough for the answers to commands.
const READ_SIZE: usize = 8 * 1024;

/// How much is read at once of a copy.
const COPY_READ_SIZE: usize = 128 * 1024;

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Session {
    Sql,
    Replication,
}

/// Where a copy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    /// The taker has had enough for now.
    More,
    Over,
}

/// A connection that takes commands as text.
pub(crate) struct WireConnection {
    wire: Wire,
    buffer: BytesMut,
    server_process: u32,
    /// An error in the middle of a copy, until the copy is over.
    refusal: Option<ServerError>,
}

impl WireConnection {
    /// Connects and authenticates.
    pub(crate) async fn open(
        address: &ServerAddress,
        application: &str,
        session: Session,
    ) -> Result<Self, ConnectorError> {
        let mut dialler = Dialler::new(address);
        loop {
            let wire = dialler.wire().await?;
            let buffer = BytesMut::with_capacity(READ_SIZE);
            let mut connection = Self { wire, buffer, server_process: 0, refusal: None };
            let opening = connection.authenticate(address, application, session);
            match tokio::time::timeout(address.connect_timeout, opening).await {
                Ok(Ok(Ok(()))) => return Ok(connection),
                Ok(Ok(Err(refusal))) => dialler.refused(&refusal.sqlstate, &refusal.message)?,
                Ok(Err(error)) => return Err(error),
                Err(elapsed) => return Err(unreachable(address).with_source(elapsed)),
            }
        }
    }

    async fn authenticate(
        &mut self,
        address: &ServerAddress,
        application: &str,
        session: Session,
    ) -> Result<Result<(), ServerError>, ConnectorError> {
        let mut out = BytesMut::new();
        let parameters = [
            ("user", address.user.as_str()),
            ("database", address.database.as_str()),
            ("application_name", application),
        ];
        let replication = match session {
            Session::Sql => None,
            Session::Replication => Some(("replication", "database")),
        };
        let settings = SESSION_SETTINGS.iter().copied();
        let all = parameters.into_iter().chain(replication).chain(settings);
        frontend::startup(all, &mut out);
        let mut auth = Authenticator::new(address.user.as_str(), address.password.clone())
            .with_channel(address.tls.channel_binding, self.wire.end_point().map(<[u8]>::to_vec));
        let hung_up = |error| tls::hung_up(address, error);
        loop {
            self.wire.write_all_buf(&mut out).await.map_err(hung_up)?;
            self.wire.flush().await.map_err(hung_up)?;
            let length = self.whole_frame(hung_up).await?;
            let message = frame(&self.buffer[..length])?;
            let mut is_ready = false;
            match message {
                BackendMessage::Authentication(question) => {
                    auth.answer(question, &mut out).map_err(|error| match error {
                        WireError::Unbound { .. } => tls::unbound(error.to_string()),
                        _ => ConnectorError::new(ErrorKind::Auth, error.to_string()),
                    })?;
                }
                BackendMessage::ReadyForQuery => is_ready = auth.is_done(),
                BackendMessage::BackendKeyData { process_id } => self.server_process = process_id,
                BackendMessage::Error(refusal) => return Ok(Err(refusal)),
                _ => {}
            }
            self.buffer.advance(length);
            if is_ready {
                return Ok(Ok(()));
            }
        }
    }

    /// The server's process that serves us.
    pub(crate) fn server_process(&self) -> u32 {
        self.server_process
    }

    /// Runs a command and collects its rows.
    pub(crate) async fn query(
        &mut self,
        sql: &str,
    ) -> Result<Result<QueryResult, ServerError>, ConnectorError> {
        match self.run(sql).await? {
            QueryStep::Done(result) => Ok(result),
            QueryStep::More | QueryStep::CopyBoth => {
                Err(ConnectorError::new(ErrorKind::Internal, "a query began to replicate"))
            }
        }
    }

    /// Starts to replicate: afterwards only `CopyData` flows.
    pub(crate) async fn start_replication(
        &mut self,
        sql: &str,
    ) -> Result<Result<(), ServerError>, ConnectorError> {
        match self.run(sql).await? {
            QueryStep::CopyBoth => Ok(Ok(())),
            QueryStep::Done(Err(error)) => Ok(Err(error)),
            QueryStep::Done(Ok(_)) | QueryStep::More => {
                Err(ConnectorError::new(ErrorKind::Internal, "the server did not replicate"))
            }
        }
    }

    /// Starts a copy: [`WireConnection::copied`] gives what comes.
    pub(crate) async fn copy_out(&mut self, sql: &str) -> Result<(), ConnectorError> {
        let mut out = BytesMut::new();
        frontend::query(sql, &mut out);
        self.send(&mut out).await
    }

    /// Hands over each message of a copy until `take` has enough (false) or it is over.
    pub(crate) async fn copied(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Result<bool, ConnectorError>,
    ) -> Result<Result<Copied, ServerError>, ConnectorError> {
        loop {
            let mut at = 0;
            while let Framing::Complete { frame, length } =
                first_frame(&self.buffer[at..]).map_err(wire_error)?
            {
                let mut step = None;
                match frame.parse().map_err(wire_error)? {
                    BackendMessage::CopyData(body) if self.refusal.is_none() && !take(body)? => {
                        step = Some(Ok(Copied::More));
                    }
                    BackendMessage::Error(error) => {
                        let is_end = error.severity == "FATAL" || error.severity == "PANIC";
                        self.refusal = Some(error);
                        step = is_end.then_some(Ok(Copied::Over));
                    }
                    BackendMessage::ReadyForQuery => step = Some(Ok(Copied::Over)),
                    _ => {}
                }
                at += length;
                if let Some(step) = step {
                    self.buffer.advance(at);
                    let refusal = if step == Ok(Copied::Over) { self.refusal.take() } else { None };
                    return Ok(refusal.map_or(step, Err));
                }
            }
            self.buffer.advance(at);
            self.buffer.reserve(COPY_READ_SIZE);
            if self.wire.read_buf(&mut self.buffer).await.map_err(lost)? == 0 {
                return Err(closed());
            }
        }
    }

    async fn run(&mut self, sql: &str) -> Result<QueryStep, ConnectorError> {
        let mut out = BytesMut::new();
        frontend::query(sql, &mut out);
        self.send(&mut out).await?;
        let mut collector = QueryCollector::default();
        loop {
            let length = self.whole_frame(lost).await?;
            let step = collector.take(&frame(&self.buffer[..length])?).map_err(wire_error)?;
            self.buffer.advance(length);
            if step != QueryStep::More {
                return Ok(step);
            }
        }
    }

    /// The wire and what was read of it already.
    pub(crate) fn into_parts(self) -> (Wire, BytesMut) {
        (self.wire, self.buffer)
    }

    /// Ends the session.
    pub(crate) async fn close(mut self) {
        let mut out = BytesMut::new();
        frontend::terminate(&mut out);
        // The server notices the end of the stream as well.
        let _ = self.send(&mut out).await;
    }

    async fn send(&mut self, out: &mut BytesMut) -> Result<(), ConnectorError> {
        self.wire.write_all_buf(out).await.map_err(lost)?;
        self.wire.flush().await.map_err(lost)
    }

    /// Waits until the buffer begins with a whole message and says how long it is.
    async fn whole_frame(
        &mut self,
        failed: impl Fn(io::Error) -> ConnectorError,
    ) -> Result<usize, ConnectorError> {
        loop {
            if let Framing::Complete { length, .. } =
                first_frame(&self.buffer).map_err(wire_error)?
            {
                return Ok(length);
            }
            if self.wire.read_buf(&mut self.buffer).await.map_err(&failed)? == 0 {
                return Err(closed());
            }
        }
    }
}

fn frame(bytes: &[u8]) -> Result<BackendMessage<'_>, ConnectorError> {
    match first_frame(bytes).map_err(wire_error)? {
        Framing::Complete { frame, .. } => frame.parse().map_err(wire_error),
        Framing::Partial { .. } => Err(closed()),
    }
}

/// The connection broke.
pub(crate) fn lost(error: io::Error) -> ConnectorError {
    ConnectorError::new(ErrorKind::Connect, "the connection to PostgreSQL was lost")
        .with_source(error)
}

/// The server hung up.
pub(crate) fn closed() -> ConnectorError {
    ConnectorError::new(ErrorKind::Connect, "the server closed the connection")
}

/// A refusal of a command.
pub(crate) fn command_error(doing: &str, error: &ServerError) -> ConnectorError {
    let kind = kind_of(&error.sqlstate);
    // Messages of class 22 quote the value that was refused.
    let message = if error.sqlstate.starts_with("22") {
        format!("failed to {doing}: a value was refused (SQLSTATE {})", error.sqlstate)
    } else {
        format!("failed to {doing}: {error}")
    };
    let answer = ConnectorError::new(kind, message);
    match &error.hint {
        Some(hint) => answer.with_hint(hint.as_str()),
        None => answer,
    }
}
