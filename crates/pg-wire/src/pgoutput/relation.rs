//! The columns of a table as the stream describes them.

use crate::error::WireError;
use crate::reader::Reader;

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Its object id.
    pub oid: u32,
    /// Its schema, `pg_catalog` for the empty name.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What the old row of an update or delete holds.
    pub replica_identity: ReplicaIdentity,
    /// Its published columns in order.
    pub columns: Vec<ColumnInfo>,
}

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// The object id of its type.
    pub type_oid: u32,
    /// The type's modifier, -1 for none.
    pub type_modifier: i32,
    /// Whether it is part of the replica identity.
    pub is_key: bool,
}

/// What the old row of an update or delete holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaIdentity {
    /// The primary key.
    Default,
    /// Nothing.
    Nothing,
    /// Everything.
    Full,
    /// The columns of an index.
    Index,
}

impl ReplicaIdentity {
    /// Reads `pg_class.relreplident`.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            b'd' => ReplicaIdentity::Default,
            b'n' => ReplicaIdentity::Nothing,
            b'f' => ReplicaIdentity::Full,
            b'i' => ReplicaIdentity::Index,
            _ => return None,
        })
    }
}

pub(super) fn read(r: &mut Reader<'_>) -> Result<Relation, WireError> {
    let oid = r.u32()?;
    let namespace = match r.c_str()? {
        "" => "pg_catalog",
        name => name,
    };
    let name = r.c_str()?;
    let replica_identity = ReplicaIdentity::from_byte(r.u8()?).ok_or_else(|| r.invalid())?;
    let count = r.u16()?;
    let mut columns = Vec::new();
    for _ in 0..count {
        columns.push(ColumnInfo {
            is_key: r.u8()? & 1 != 0,
            name: r.c_str()?.to_owned(),
            type_oid: r.u32()?,
            type_modifier: r.i32()?,
        });
    }
    Ok(Relation {
        oid,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        replica_identity,
        columns,
    })
}
