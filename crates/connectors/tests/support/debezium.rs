//! What a real Debezium told, and what we tell, as JSON whose order counts.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use futures_util::StreamExt;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use tailwater_connector_api::{
    ConnectorError, ReadFrom, SourceContext, SourceEvent, SourcePlan, SourceReader,
};
use tailwater_connectors::postgres::records::PostgresRecordPlan;
use tailwater_debezium::config::validate;
use tailwater_debezium::record::RecordRef;
use tailwater_types::Position;

use super::{Fixture, LIMIT};

/// JSON whose members keep their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Integer(i128),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    pub fn text(text: &str) -> Self {
        Json::Text(text.to_owned())
    }

    pub fn get(&self, name: &str) -> Option<&Json> {
        let Json::Object(members) = self else { return None };
        members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut Json> {
        let Json::Object(members) = self else { return None };
        members.iter_mut().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub fn as_text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    /// Visits every member of every object.
    pub fn each(&mut self, visit: &mut dyn FnMut(&str, &mut Json)) {
        match self {
            Json::List(items) => items.iter_mut().for_each(|item| item.each(visit)),
            Json::Object(members) => {
                for (name, value) in members {
                    visit(name, value);
                    value.each(visit);
                }
            }
            _ => {}
        }
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(JsonVisitor)
    }
}

/// A record, told or captured.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub topic: String,
    pub headers: Vec<(String, Json)>,
    pub key: Json,
    pub value: Json,
}

impl Event {
    /// Key and value without their schemas.
    pub fn payload(side: &Json) -> &Json {
        side.get("payload").unwrap_or(side)
    }
}

/// The events that a real Debezium told.
pub fn captured(gzip: &[u8]) -> Vec<Event> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(gzip).read_to_string(&mut text).expect("a compressed capture");
    let event = |line: &str| {
        let line = Json::parse(line);
        let get = |name: &str| line.get(name).cloned().unwrap_or(Json::Null);
        let Json::List(headers) = get("headers") else { panic!("no headers") };
        let headers = headers.into_iter().map(|header| {
            let Json::Object(mut members) = header else { panic!("no header") };
            let (name, value) = members.remove(0);
            (name, Json::parse(value.as_text().unwrap_or("null")))
        });
        Event {
            topic: get("topic").as_text().unwrap_or_default().to_owned(),
            headers: headers.collect(),
            key: get("key"),
            value: get("value"),
        }
    };
    text.lines().map(event).collect()
}

/// A connector that is being read.
pub struct Connector {
    pub reader: SourceReader,
    pub events: Vec<Event>,
    pub position: Option<Position>,
    /// Every place with the number of events in front of it.
    pub cuts: Vec<(usize, Position)>,
    pub is_over: bool,
}

/// The options of a connector on a database of its own.
pub fn options(db: &Fixture, more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let port = db.cluster.port().to_string();
    let slot = format!("slot_{}", db.database);
    let base = [
        ("name", "eng"),
        ("connector.class", "io.debezium.connector.postgresql.PostgresConnector"),
        ("database.hostname", "127.0.0.1"),
        ("database.port", &port),
        ("database.user", "postgres"),
        ("database.password", db.cluster.password()),
        ("database.dbname", &db.database),
        ("topic.prefix", "srv1"),
        ("plugin.name", "pgoutput"),
        ("slot.name", &slot),
        ("publication.name", "pub_str"),
        ("header.converter", "org.apache.kafka.connect.json.JsonConverter"),
    ];
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in base.iter().chain(more) {
        // The embedded engine has one converter for keys, values and headers.
        let sides = ["key.", "value.", "header."];
        match key.strip_prefix("converter.") {
            Some(rest) => {
                let keys = sides.map(|side| format!("{side}converter.{rest}"));
                all.extend(keys.map(|key| (key, (*value).to_owned())));
            }
            None => drop(all.insert((*key).to_owned(), (*value).to_owned())),
        }
    }
    all
}

impl Connector {
    pub async fn start(
        options: &BTreeMap<String, String>,
        from: ReadFrom,
    ) -> Result<Self, ConnectorError> {
        Self::start_as(options, from, SourceContext::default()).await
    }

    pub async fn start_as(
        options: &BTreeMap<String, String>,
        from: ReadFrom,
        context: SourceContext,
    ) -> Result<Self, ConnectorError> {
        let validation = validate(options);
        assert_eq!(validation.errors, []);
        let config = validation.config.expect("a configuration without errors");
        let plan = PostgresRecordPlan::new(config).expect("parameters of TLS");
        let source = plan.connect(context).await?;
        Ok(Self {
            reader: source.read(from),
            events: Vec::new(),
            position: None,
            cuts: Vec::new(),
            is_over: false,
        })
    }

    pub async fn step(&mut self) -> Result<(), ConnectorError> {
        let event = tokio::time::timeout(LIMIT, self.reader.events.next()).await;
        let event = event.unwrap_or_else(|_| {
            let last = self.events.iter().rev().find(|e| !e.topic.starts_with("__"));
            panic!("no event behind {}: {last:?}", self.events.len())
        });
        match event {
            None | Some(Ok(SourceEvent::End)) => self.is_over = true,
            Some(Err(error)) => return Err(error),
            Some(Ok(SourceEvent::Progress(position))) => self.take_position(position),
            Some(Ok(SourceEvent::Batch { rows, position })) => {
                for (_, row) in rows.iter() {
                    self.events.push(event_of(RecordRef::new(row)));
                }
                if let Some(position) = position {
                    self.take_position(position);
                }
            }
        }
        Ok(())
    }

    fn take_position(&mut self, position: Position) {
        self.cuts.push((self.events.len(), position.clone()));
        self.position = Some(position);
    }

    /// Reads until there are `count` events that are no heartbeats.
    pub async fn read(&mut self, count: usize) -> Vec<Event> {
        let is_beat = |event: &&Event| !event.topic.starts_with("__debezium-heartbeat");
        let is_again = |event: &Event| {
            let source = Event::payload(&event.value).get("source");
            let snapshot = source.and_then(|source| source.get("snapshot"));
            snapshot.and_then(Json::as_text) == Some("incremental")
        };
        let begun = std::time::Instant::now();
        let is_first = |event: &&Event| is_beat(event) && !is_again(event);
        while self.events.iter().filter(is_first).count() < count && !self.is_over {
            self.step().await.unwrap_or_else(|e| panic!("{e} {:?} {e:?}", e.hint()));
            let told: Vec<&Event> = self.events.iter().filter(is_beat).collect();
            assert!(begun.elapsed() < LIMIT, "{} of {count} events: {told:#?}", told.len());
        }
        self.events.iter().filter(is_beat).cloned().collect()
    }
}

fn event_of(record: RecordRef<'_>) -> Event {
    let json = |bytes: Option<&[u8]>| match bytes {
        None => Json::Null,
        Some(bytes) => Json::parse(std::str::from_utf8(bytes).expect("UTF-8")),
    };
    Event {
        topic: record.topic().to_owned(),
        headers: record.headers().into_iter().map(|(k, v)| (k.to_owned(), json(v))).collect(),
        key: json(record.key()),
        value: json(record.value()),
    }
}

/// The statements of a script, each by itself as `psql` sends them.
pub fn statements(script: &str) -> Vec<String> {
    let script: String =
        script.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
    let mut all = vec![String::new()];
    let mut is_quoted = false;
    for c in script.chars() {
        is_quoted ^= c == '\'';
        if c == ';' && !is_quoted {
            all.push(String::new());
        } else if let Some(last) = all.last_mut() {
            last.push(c);
        }
    }
    all.retain(|statement| !statement.trim().is_empty());
    all
}
