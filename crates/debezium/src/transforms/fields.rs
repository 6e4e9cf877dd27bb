//! `ReplaceField`, `InsertField`, `ExtractField`, `ValueToKey`: fields of a key or value.

use super::Record;
use super::tree::Tree;

/// Which part of a record is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Key,
    Value,
}

impl Side {
    /// The part, if it has one that is not null.
    pub(super) fn read(self, record: &Record) -> Option<Tree> {
        let bytes = match self {
            Side::Key => record.key.as_deref(),
            Side::Value => record.value.as_deref(),
        };
        Tree::parse(bytes?)
    }

    /// Puts another part in its place.
    pub(super) fn write(self, tree: &Tree, record: &mut Record) {
        let json = Some(tree.to_json());
        match self {
            Side::Key => record.key = json,
            Side::Value => record.value = json,
        }
    }
}

/// What is done to the fields of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldEdit {
    Replace {
        include: Vec<String>,
        exclude: Vec<String>,
        renames: Vec<(String, String)>,
    },
    /// A field of a constant, or of the record's topic.
    Insert {
        constant: Option<(String, String)>,
        topic: Option<String>,
    },
    /// The field instead of the object.
    Extract(String),
    /// The value's fields as the key.
    ToKey(Vec<String>),
}

impl FieldEdit {
    /// Changes a record; one whose part is null, or no object, stays as it is.
    pub(super) fn apply(&self, side: Side, record: &mut Record) {
        let Some(mut tree) = side.read(record) else {
            return;
        };
        let Tree::Object(members) = &mut tree else {
            return;
        };
        match self {
            FieldEdit::Replace { include, exclude, renames } => {
                members.retain(|(name, _)| {
                    (include.is_empty() || include.contains(name)) && !exclude.contains(name)
                });
                for (name, _) in members.iter_mut() {
                    if let Some((_, new)) = renames.iter().find(|(old, _)| old == name) {
                        name.clone_from(new);
                    }
                }
            }
            FieldEdit::Insert { constant, topic } => {
                let topic = topic.as_ref().map(|name| (name.clone(), record.topic.clone()));
                for (name, text) in topic.into_iter().chain(constant.clone()) {
                    members.retain(|(other, _)| *other != name);
                    members.push((name, Tree::Text(text)));
                }
            }
            FieldEdit::Extract(name) => {
                let found = tree.get(name).cloned().unwrap_or(Tree::Null);
                return side.write(&found, record);
            }
            FieldEdit::ToKey(names) => {
                let field =
                    |name: &String| (name.clone(), tree.get(name).cloned().unwrap_or(Tree::Null));
                let key = Tree::Object(names.iter().map(field).collect());
                return Side::Key.write(&key, record);
            }
        }
        side.write(&tree, record);
    }
}
