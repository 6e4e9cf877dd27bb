//! From options to a chain.

use std::collections::BTreeMap;

use super::predicate::{Condition, Predicate};
use super::route::Route;
use super::{Chain, Step, unwrap};
use crate::event::FlatSettings;

/// The options of all transforms.
pub(crate) struct Definitions {
    pub(crate) transforms: Vec<String>,
    pub(crate) predicates: Vec<String>,
    /// `transforms.*` and `predicates.*` without their prefixes.
    pub(crate) transform_options: BTreeMap<String, String>,
    pub(crate) predicate_options: BTreeMap<String, String>,
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
            match self.step(name) {
                Ok(Compiled::Flat(settings)) if flat.is_none() => flat = Some(settings),
                Ok(Compiled::Flat(_)) => {
                    let why = "the envelope is already taken off";
                    issues.push((at(name, "type"), why.to_owned()));
                }
                Ok(Compiled::Step(step)) => chain.steps.push(step),
                Err(mut wrong) => issues.append(&mut wrong),
            }
        }
        if issues.is_empty() { Ok((flat, chain)) } else { Err(issues) }
    }

    fn step(&self, name: &str) -> Result<Compiled, Issues> {
        let class = self.required(name, "type")?;
        let condition = self.condition(name)?;
        let short = class.rsplit('.').next().unwrap_or_default();
        let invalid = |option: &'static str| move |why: String| vec![(at(name, option), why)];
        let route = match short {
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
                Route::new(regex, replacement).map_err(invalid("regex"))?
            }
            "ByLogicalTableRouter" | "ToLogicalTopicRouter" => {
                if self.get(name, "key.enforce.uniqueness") != Some("false") {
                    let why = "only false is supported: keys are not changed";
                    return Err(vec![(at(name, "key.enforce.uniqueness"), why.to_owned())]);
                }
                let regex = self.required(name, "topic.regex")?;
                let replacement = self.required(name, "topic.replacement")?;
                Route::new(regex, replacement).map_err(invalid("topic.regex"))?
            }
            _ => {
                let why = format!(
                    "{class} is not supported: there are ExtractNewRecordState, RegexRouter and \
                     ByLogicalTableRouter"
                );
                return Err(vec![(at(name, "type"), why)]);
            }
        };
        Ok(Compiled::Step(Step { condition, route }))
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

fn at(name: &str, option: &str) -> String {
    format!("transforms.{name}.{option}")
}
