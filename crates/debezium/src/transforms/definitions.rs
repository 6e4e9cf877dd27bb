//! From options to a chain.

use std::collections::BTreeMap;

use super::condition::Expression;
use super::fields::{FieldEdit, Side};
use super::logical::{KeyField, LogicalRoute};
use super::outbox::Outbox;
use super::predicate::{Condition, Predicate};
use super::route::Route;
use super::timestamp::{Target, TimestampEdit, parse_format};
use super::{Action, Chain, Step, unwrap};
use crate::event::{FlatSettings, HeaderForm};

/// The options of all transforms.
pub(crate) struct Definitions {
    pub(crate) transforms: Vec<String>,
    pub(crate) predicates: Vec<String>,
    /// `transforms.*` and `predicates.*` without their prefixes.
    pub(crate) transform_options: BTreeMap<String, String>,
    pub(crate) predicate_options: BTreeMap<String, String>,
    /// Of keys and of values: whether they come with schemas, and whether they are plain text.
    pub(crate) has_schemas: (bool, bool),
    pub(crate) is_text: (bool, bool),
    pub(crate) header_form: HeaderForm,
}

/// Keys that are wrong, each with why.
type Issues = Vec<(String, String)>;

impl Definitions {
    fn get(&self, name: &str, option: &str) -> Option<&str> {
        self.transform_options.get(&format!("{name}.{option}")).map(String::as_str)
    }

    fn required(&self, name: &str, option: &str) -> Result<&str, Issues> {
        let missing = || vec![(at(name, option), "A value is required".to_owned())];
        self.get(name, option).ok_or_else(missing)
    }

    /// Compiles the chain; a transform that takes the envelope off is part of the events.
    pub(crate) fn compile(&self) -> Result<(Option<FlatSettings>, Chain), Issues> {
        let mut issues = Issues::new();
        let (mut flat, mut chain) = (None, Chain::default());
        for name in &self.transforms {
            match self.step(name, flat.is_none()) {
                Ok(Compiled::Flat(settings)) if flat.is_none() => flat = Some(settings),
                Ok(Compiled::Flat(_)) => {
                    let why = "the envelope is already taken off";
                    issues.push((at(name, "type"), why.to_owned()));
                }
                Ok(Compiled::Step(step)) => chain.steps.push(step),
                Err(mut wrong) => issues.append(&mut wrong),
            }
        }
        if chain.changes_records() && chain.has_logical_route() {
            let sides = [("key", self.has_schemas.0), ("value", self.has_schemas.1)];
            for (side, _) in sides.iter().filter(|(_, has_schemas)| *has_schemas) {
                let why = format!(
                    "beside ByLogicalTableRouter and a transform that looks at each record, schemas \
                     are not supported: set '{side}.converter.schemas.enable' to false"
                );
                issues.push(("transforms".to_owned(), why));
            }
        }
        if issues.is_empty() { Ok((flat, chain)) } else { Err(issues) }
    }

    fn step(&self, name: &str, has_envelope: bool) -> Result<Compiled, Issues> {
        let class = self.required(name, "type")?;
        let condition = self.condition(name)?;
        let short = class.rsplit('.').next().unwrap_or_default();
        let invalid = |option: &'static str| move |why: String| vec![(at(name, option), why)];
        let action = match short {
            "ExtractNewRecordState" => {
                if condition.is_some() {
                    let why = "a predicate is not supported here: messages, heartbeats and events of \
                               transactions pass through in any case";
                    return Err(vec![(at(name, "predicate"), why.to_owned())]);
                }
                return unwrap::read(name, &self.transform_options).map(Compiled::Flat);
            }
            "RegexRouter" => {
                let regex = self.required(name, "regex")?;
                let replacement = self.required(name, "replacement")?;
                Action::Route(Route::new(regex, replacement).map_err(invalid("regex"))?)
            }
            "ByLogicalTableRouter" | "ToLogicalTopicRouter" => {
                let regex = self.required(name, "topic.regex")?;
                let replacement = self.required(name, "topic.replacement")?;
                let route = Route::new(regex, replacement).map_err(invalid("topic.regex"))?;
                let key_field = self.key_field(name, short)?;
                Action::Logical(LogicalRoute { route, key_field, has_envelope })
            }
            _ => self.record_action(name, class)?,
        };
        Ok(Compiled::Step(Step { condition, action }))
    }

    /// What `ByLogicalTableRouter` adds to keys.
    fn key_field(&self, name: &str, class: &str) -> Result<Option<KeyField>, Issues> {
        match self.get(name, "key.enforce.uniqueness").map(str::trim) {
            Some(word) if word.eq_ignore_ascii_case("false") => return Ok(None),
            Some(word) if !word.eq_ignore_ascii_case("true") => {
                let why = "Expected value to be either true or false".to_owned();
                return Err(vec![(at(name, "key.enforce.uniqueness"), why)]);
            }
            _ => {}
        }
        let usual = match class {
            "ByLogicalTableRouter" => "__dbz__physicalTableIdentifier",
            _ => "__dbz__sourceIdentifier",
        };
        let given = |option| self.get(name, option).filter(|text| !text.is_empty());
        let (regex, replacement) = (given("key.field.regex"), given("key.field.replacement"));
        let derived = match (regex, replacement) {
            (None, None) => None,
            (Some(regex), Some(replacement)) => {
                let wrong = |why| vec![(at(name, "key.field.regex"), why)];
                Some(Route::new(regex, replacement).map_err(wrong)?)
            }
            (Some(_), None) => {
                let why = "it must not be empty where key.field.regex is set".to_owned();
                return Err(vec![(at(name, "key.field.replacement"), why)]);
            }
            (None, Some(_)) => {
                let why = "it must not be empty where key.field.replacement is set".to_owned();
                return Err(vec![(at(name, "key.field.regex"), why)]);
            }
        };
        let field = given("key.field.name").unwrap_or(usual).to_owned();
        Ok(Some(KeyField { name: field, derived }))
    }

    /// A transform that looks at records one by one.
    fn record_action(&self, name: &str, class: &str) -> Result<Action, Issues> {
        let (class_name, side) = match class.rsplit_once('$') {
            Some((class_name, "Key")) => (class_name, Side::Key),
            Some((class_name, _)) => (class_name, Side::Value),
            None => (class, Side::Value),
        };
        let action = match class_name.rsplit_once('.').map_or(class_name, |(_, short)| short) {
            "Filter" if class_name.starts_with("org.apache") => return Ok(Action::Drop),
            "Filter" => self.filter(name)?,
            "ReplaceField" => Action::Edit(side, self.replace_field(name)?),
            "InsertField" => Action::Edit(side, self.insert_field(name)?),
            "ExtractField" => {
                Action::Edit(side, FieldEdit::Extract(self.required(name, "field")?.to_owned()))
            }
            "ValueToKey" => {
                let fields = list(self.required(name, "fields")?);
                self.needs_no_schemas(name, Side::Key)?;
                Action::Edit(Side::Value, FieldEdit::ToKey(fields))
            }
            "TimestampConverter" => Action::Timestamp(side, self.timestamp(name)?),
            "InsertHeader" => {
                let (header, value) =
                    (self.required(name, "header")?, self.required(name, "value.literal")?);
                return Ok(Action::InsertHeader(header.to_owned(), self.header_form.string(value)));
            }
            "DropHeaders" => return Ok(Action::DropHeaders(list(self.required(name, "headers")?))),
            "EventRouter" => {
                let options = &self.transform_options;
                let outbox = Outbox::new(name, options, self.is_text, self.header_form);
                self.needs_no_schemas(name, Side::Key)?;
                Action::Outbox(Box::new(outbox.map_err(|issue| vec![issue])?))
            }
            _ => {
                let why = format!(
                    "{class} is not supported: there are ExtractNewRecordState, RegexRouter, \
                     ByLogicalTableRouter, Filter, ReplaceField, InsertField, ExtractField, ValueToKey, \
                     TimestampConverter, InsertHeader, DropHeaders and EventRouter"
                );
                return Err(vec![(at(name, "type"), why)]);
            }
        };
        self.needs_no_schemas(name, side)?;
        Ok(action)
    }

    fn needs_no_schemas(&self, name: &str, side: Side) -> Result<(), Issues> {
        let (word, has_schemas) = match side {
            Side::Key => ("key", self.has_schemas.0 && !self.is_text.0),
            Side::Value => ("value", self.has_schemas.1 && !self.is_text.1),
        };
        if !has_schemas {
            return Ok(());
        }
        let why = format!("it needs '{word}.converter.schemas.enable' to be false");
        Err(vec![(at(name, "type"), why)])
    }

    fn filter(&self, name: &str) -> Result<Action, Issues> {
        let text = self.required(name, "condition")?;
        let expression = Expression::parse(text).ok_or_else(|| {
            let why =
                "only comparisons of fields and constants, joined by &&, || and !, are supported";
            vec![(at(name, "condition"), why.to_owned())]
        })?;
        let topics = match self.get(name, "topic.regex") {
            Some(text) => Some(regex::Regex::new(&format!("^(?:{text})$")).map_err(|_| {
                let why = format!("\"{text}\" is not a regular expression");
                vec![(at(name, "topic.regex"), why)]
            })?),
            None => None,
        };
        Ok(Action::Filter { topics, expression })
    }

    fn replace_field(&self, name: &str) -> Result<FieldEdit, Issues> {
        let get = |option, old| list(self.get(name, option).or(self.get(name, old)).unwrap_or(""));
        let mut renames = Vec::new();
        for entry in get("renames", "renames") {
            let Some((old, new)) = entry.split_once(':') else {
                let why = format!("{entry} is not of the form old:new");
                return Err(vec![(at(name, "renames"), why)]);
            };
            renames.push((old.to_owned(), new.to_owned()));
        }
        let (include, exclude) = (get("include", "whitelist"), get("exclude", "blacklist"));
        Ok(FieldEdit::Replace { include, exclude, renames })
    }

    fn insert_field(&self, name: &str) -> Result<FieldEdit, Issues> {
        for option in ["offset.field", "partition.field", "timestamp.field"] {
            if self.get(name, option).is_some() {
                let why = "it is not known before the record is written".to_owned();
                return Err(vec![(at(name, option), why)]);
            }
        }
        let plain = |field: &str| field.trim_end_matches(['!', '?']).to_owned();
        let constant = match self.get(name, "static.field") {
            Some(field) => Some((plain(field), self.required(name, "static.value")?.to_owned())),
            None => None,
        };
        Ok(FieldEdit::Insert { constant, topic: self.get(name, "topic.field").map(plain) })
    }

    fn timestamp(&self, name: &str) -> Result<TimestampEdit, Issues> {
        let target = match self.required(name, "target.type")? {
            "string" => Target::Text,
            "unix" => Target::Unix,
            "Date" => Target::Date,
            "Time" => Target::Time,
            "Timestamp" => Target::Timestamp,
            _ => {
                let why = "Value must be one of string, unix, Date, Time, Timestamp".to_owned();
                return Err(vec![(at(name, "target.type"), why)]);
            }
        };
        let pattern = self.get(name, "format").unwrap_or("");
        if target == Target::Text && pattern.is_empty() {
            return Err(vec![(at(name, "format"), "A value is required".to_owned())]);
        }
        let format = parse_format(pattern).ok_or_else(|| {
            let why = format!("\"{pattern}\" has a letter other than y, M, d, H, m, s, S, X and Z");
            vec![(at(name, "format"), why)]
        })?;
        let per_second = match self.get(name, "unix.precision").unwrap_or("milliseconds") {
            "seconds" => 1,
            "milliseconds" => 1000,
            "microseconds" => 1_000_000,
            "nanoseconds" => 1_000_000_000,
            _ => {
                let why = "Value must be one of nanoseconds, microseconds, milliseconds, seconds";
                return Err(vec![(at(name, "unix.precision"), why.to_owned())]);
            }
        };
        let field = self.get(name, "field").filter(|field| !field.is_empty()).map(str::to_owned);
        Ok(TimestampEdit { field, target, format, per_second })
    }

    fn condition(&self, name: &str) -> Result<Option<Condition>, Issues> {
        let Some(predicate) = self.get(name, "predicate") else {
            return Ok(None);
        };
        if !self.predicates.iter().any(|known| known == predicate) {
            let why = format!("\"{predicate}\" is not in 'predicates'");
            return Err(vec![(at(name, "predicate"), why)]);
        }
        let is_negated = self.get(name, "negate") == Some("true");
        let predicate = Predicate::new(predicate, &self.predicate_options);
        let predicate = predicate.map_err(|issue| vec![issue])?;
        Ok(Some(Condition { predicate, is_negated }))
    }
}

enum Compiled {
    Flat(FlatSettings),
    Step(Step),
}

fn list(text: &str) -> Vec<String> {
    let parts = text.split(',').map(|part| part.trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

fn at(name: &str, option: &str) -> String {
    format!("transforms.{name}.{option}")
}
