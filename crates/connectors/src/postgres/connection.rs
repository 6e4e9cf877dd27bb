//! A replication connection: our own protocol on a wire.

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

/// A connection that takes replication commands.
pub(crate) struct ReplicationConnection {
    wire: Wire,
    buffer: BytesMut,
}

impl ReplicationConnection {
    /// Connects and authenticates.
    pub(crate) async fn open(
        address: &ServerAddress,
        application: &str,
    ) -> Result<Self, ConnectorError> {
        let mut dialler = Dialler::new(address);
        loop {
            let wire = dialler.wire().await?;
            let mut connection = Self { wire, buffer: BytesMut::with_capacity(READ_SIZE) };
            let opening = connection.authenticate(address, application);
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
    ) -> Result<Result<(), ServerError>, ConnectorError> {
        let mut out = BytesMut::new();
        let parameters = [
            ("user", address.user.as_str()),
            ("database", address.database.as_str()),
            ("replication", "database"),
            ("application_name", application),
        ];
        let settings = SESSION_SETTINGS.iter().copied();
        frontend::startup(parameters.into_iter().chain(settings), &mut out);
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
                BackendMessage::Error(refusal) => return Ok(Err(refusal)),
                _ => {}
            }
            self.buffer.advance(length);
            if is_ready {
                return Ok(Ok(()));
            }
        }
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
    ConnectorError::new(ErrorKind::Connect, "the replication connection was lost")
        .with_source(error)
}

/// The server hung up.
pub(crate) fn closed() -> ConnectorError {
    ConnectorError::new(ErrorKind::Connect, "the server closed the replication connection")
}

/// A refusal of a replication command.
pub(crate) fn command_error(doing: &str, error: &ServerError) -> ConnectorError {
    let kind = kind_of(&error.sqlstate);
    let answer = ConnectorError::new(kind, format!("failed to {doing}: {error}"));
    match &error.hint {
        Some(hint) => answer.with_hint(hint.as_str()),
        None => answer,
    }
}
