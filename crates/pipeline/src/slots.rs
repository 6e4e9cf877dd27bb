//! The servers whose slots a script's tables use.

use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_connectors::postgres::slots::SlotServer;
use tailwater_sql::Finding;
use tailwater_types::Diagnostic;

use crate::session::Session;

impl Session {
    /// The servers of all `postgres-cdc` tables, each once.
    ///
    /// # Errors
    /// What is wrong with their declarations.
    pub fn slot_servers(&self) -> Result<Vec<SlotServer>, Vec<Finding>> {
        let (mut servers, mut findings) = (Vec::<SlotServer>::new(), Vec::new());
        let name = |table: &tailwater_sql::CatalogTable| table.options.get("connector").cloned();
        let tables = self.catalog.tables();
        for table in tables.filter(|t| name(t).as_deref() == Some(PostgresCdcFactory::NAME)) {
            match self.registry().slot_server(table) {
                Ok(server) if servers.iter().any(|s| s.endpoint() == server.endpoint()) => {}
                Ok(server) => servers.push(server),
                Err(issues) => findings.extend(issues.into_iter().map(|issue| {
                    let diagnostic = Diagnostic::error("E0150", issue.span, issue.message);
                    Finding {
                        source: std::sync::Arc::clone(&table.origin.text),
                        diagnostic: Diagnostic { hint: issue.hint, ..diagnostic },
                    }
                })),
            }
        }
        if findings.is_empty() { Ok(servers) } else { Err(findings) }
    }
}
