//! From plans to the graph that runs. Equal parts of plans are built once.

use std::collections::HashMap;
use std::sync::Arc;

use tailwater_connector_api::{OldRows as SourceOldRows, Publication, SinkPlan, SourcePlan};
use tailwater_expr::Expr;
use tailwater_operators::{
    Aggregate, AggregateFunction, AggregateSpec, Calc, ChangelogNormalize, Emission, Join,
    JoinKind, JoinSide, OldRows, RememberedCalc, StatePrefix, UnknownRows, UpsertMaterialize,
};
use tailwater_runtime::{GraphSink, GraphSource, JobGraph, NodeId, SinkKey};
use tailwater_sql::describe::explain;
use tailwater_sql::{AggregateCall, CatalogTable, InsertPlan, Plan, PlanNode};
use tailwater_types::ChangelogMode;

use crate::registry::Registry;
use crate::values::ValuesPlan;

/// Where a query's rows go.
#[derive(Clone)]
pub(crate) struct Output {
    /// The rows.
    pub(crate) plan: Plan,
    /// The table's name.
    pub(crate) table: String,
    /// What identifies the sink in a checkpoint.
    pub(crate) identity: String,
    /// The sink.
    pub(crate) sink: Arc<dyn SinkPlan>,
    /// The sink's key, empty without one.
    pub(crate) key: Vec<usize>,
    /// Whether rows of different unique keys may share a sink key.
    pub(crate) materializes: bool,
}

impl Output {
    /// The output of an INSERT; `None` if its declaration has been refused.
    pub(crate) fn of_insert(insert: &InsertPlan, registry: &Registry) -> Option<Self> {
        Some(Self {
            plan: tailwater_sql::prune(insert.plan.clone()),
            table: insert.path().to_string(),
            identity: format!("sink {}", table_identity(&insert.table)),
            sink: registry.sink(&insert.table).ok()?.into(),
            key: insert.sink_key.clone(),
            materializes: insert.materializes,
        })
    }
}

impl Output {
    /// Whether a retraction at the top is good enough if its key is right: the sink looks at
    /// nothing else, and the key does not depend on a clock.
    fn retracts_by_key(&self) -> bool {
        let PlanNode::Calc { filter, projection: Some(projection), .. } = &self.plan.node else {
            return false;
        };
        let is_stable = |c: &usize| projection.get(*c).is_some_and(|e| !e.is_volatile());
        self.sink.accepts() == ChangelogMode::Upsert
            && !self.materializes
            && !filter.as_ref().is_some_and(Expr::is_volatile)
            && self.key.iter().all(is_stable)
    }
}

/// A job's outputs, from which its graph can be built any number of times.
#[derive(Clone)]
pub(crate) struct Lowering {
    outputs: Arc<Vec<Output>>,
    sources: Arc<HashMap<String, Arc<dyn SourcePlan>>>,
    is_batch: bool,
}

impl Lowering {
    /// Prepares outputs whose declarations have been found right.
    pub(crate) fn new(outputs: Vec<Output>, registry: &Registry, is_batch: bool) -> Self {
        let mut sources = HashMap::new();
        for output in &outputs {
            collect_sources(&output.plan, registry, &mut sources);
        }
        Self { outputs: Arc::new(outputs), sources: Arc::new(sources), is_batch }
    }

    /// Whether the job reads something that never ends and can go on after a restart.
    pub(crate) fn is_resumable(&self) -> bool {
        self.sources.values().any(|s| !s.is_bounded() && s.is_resumable())
    }

    /// Whether some sink publishes behind checkpoints, which the job then must have.
    pub(crate) fn is_transactional(&self) -> bool {
        self.outputs.iter().any(|o| o.sink.publication() == Publication::Transactional)
    }

    /// Builds the graph.
    pub(crate) fn graph(&self) -> JobGraph {
        let by_key = |o: &Output| {
            o.sink.accepts() == ChangelogMode::Upsert
                && o.sink.publication() != Publication::Transient
        };
        let emission =
            if self.outputs.iter().all(by_key) { Emission::PerStep } else { Emission::PerRecord };
        let mut builder = Builder {
            graph: JobGraph::default(),
            built: HashMap::new(),
            sources: &self.sources,
            emission,
            is_batch: self.is_batch,
        };
        for output in self.outputs.iter() {
            builder.output(output);
        }
        builder.graph
    }
}

/// The declaration's name and options, as far as they tell tables apart.
fn table_identity(table: &CatalogTable) -> String {
    let options: Vec<String> = table
        .options
        .iter()
        .filter(|(k, _)| !tailwater_sql::describe::is_secret(k))
        .map(|(k, v)| format!("{k}={}", tailwater_sql::describe::shown(k, v)))
        .collect();
    format!("{}#{:016x}", table.path, xxhash_rust::xxh3::xxh3_64(options.join("\n").as_bytes()))
}

fn collect_sources(
    plan: &Plan,
    registry: &Registry,
    sources: &mut HashMap<String, Arc<dyn SourcePlan>>,
) {
    if let PlanNode::Scan(table) = &plan.node
        && let Ok(source) = registry.source(table)
    {
        sources.entry(table_identity(table)).or_insert_with(|| source.into());
    }
    for input in plan.inputs() {
        collect_sources(input, registry, sources);
    }
}

struct Builder<'l> {
    graph: JobGraph,
    /// What has been built, by the text of the plan.
    built: HashMap<String, NodeId>,
    sources: &'l HashMap<String, Arc<dyn SourcePlan>>,
    emission: Emission,
    is_batch: bool,
}

impl Builder<'_> {
    fn output(&mut self, output: &Output) {
        let mut node = if output.retracts_by_key() {
            self.calc(&output.plan)
        } else {
            self.node(&output.plan)
        };
        self.graph.reads_clock |= output.plan.is_volatile();
        let layouts = output.plan.schema.layouts();
        if output.materializes {
            let prefix = self.state(&format!("UpsertMaterialize {}", output.identity));
            let operator = UpsertMaterialize::new(output.key.clone(), Arc::clone(&layouts), prefix);
            node = self.graph.add_operator(Box::new(operator), &[node]);
        }
        let sink = GraphSink {
            identity: output.identity.clone(),
            table: output.table.clone(),
            plan: Arc::clone(&output.sink),
            key: SinkKey { columns: output.key.clone(), layouts },
        };
        self.graph.add_sink(sink, node);
    }

    /// The prefix of a new stateful operator's keys.
    fn state(&mut self, identity: &str) -> StatePrefix {
        let hash = xxhash_rust::xxh3::xxh3_64(identity.as_bytes());
        let kind = identity.split(['(', ' ']).next().unwrap_or_default();
        self.graph.stateful.push(format!("{kind}#{hash:016x}"));
        StatePrefix((self.graph.stateful.len() - 1) as u16)
    }

    fn node(&mut self, plan: &Plan) -> NodeId {
        let text = format!("{}{}", explain(plan), scans(plan));
        if let Some(node) = self.built.get(&text) {
            return *node;
        }
        let node = self.build(plan, &text);
        self.built.insert(text, node);
        node
    }

    fn build(&mut self, plan: &Plan, text: &str) -> NodeId {
        match &plan.node {
            PlanNode::Scan(table) => {
                let identity = table_identity(table);
                let source: Arc<dyn SourcePlan> = match self.sources.get(&identity) {
                    Some(source) => Arc::clone(source),
                    None => Arc::new(ValuesPlan::nothing()),
                };
                let (old_rows, origin) = (source.old_rows(), source.origin_columns());
                let name = table.path.to_string();
                let identity = format!("source {identity}");
                let node =
                    self.graph.add_source(GraphSource { identity, table: name, plan: source });
                let unknown = match old_rows {
                    SourceOldRows::Sent => return node,
                    SourceOldRows::PerhapsKeys => UnknownRows::Absent,
                    SourceOldRows::PerhapsKeysFromTheMiddle => UnknownRows::AsTold,
                };
                let fields = plan.schema.fields();
                let place = |name: &String| fields.iter().position(|f| *f.name == **name);
                let key: Vec<usize> =
                    table.key_columns().iter().chain(&origin).filter_map(place).collect();
                let by = if origin.is_empty() { String::new() } else { origin.join(",") + " " };
                let prefix = self.state(&format!("OldRows {by}{text}"));
                let normalize = ChangelogNormalize::new(key, plan.schema.layouts(), prefix)
                    .with_unknown(unknown);
                self.graph.add_operator(Box::new(OldRows::new(normalize, prefix)), &[node])
            }
            PlanNode::Values(rows) => {
                let source = ValuesPlan::new(rows.clone(), plan.schema.layouts());
                let identity =
                    format!("values {:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()));
                let table = "VALUES".to_owned();
                self.graph.add_source(GraphSource { identity, table, plan: Arc::new(source) })
            }
            PlanNode::Calc { input, filter, projection } => {
                let mut exprs = filter.iter().chain(projection.iter().flatten());
                let is_volatile = exprs.any(Expr::is_volatile);
                if !is_volatile || input.mode == ChangelogMode::InsertOnly {
                    return self.calc(plan);
                }
                let columns = || plan.schema.fields().iter().enumerate();
                let all = || columns().map(|(i, f)| Expr::column(i, f.data_type.clone())).collect();
                let projection = projection.clone().unwrap_or_else(all);
                let (filter, input) = (filter.clone(), self.node(input));
                let prefix = self.state(text);
                let operator = RememberedCalc::new(filter, projection, prefix);
                self.graph.add_operator(Box::new(operator), &[input])
            }
            PlanNode::Union(inputs) => {
                let inputs: Vec<NodeId> = inputs.iter().map(|i| self.node(i)).collect();
                self.graph.add_union(&inputs)
            }
            PlanNode::Join { .. } => self.join(plan, text),
            PlanNode::Aggregate { input, group, calls } => {
                let spec = AggregateSpec {
                    group: group.clone(),
                    calls: calls.iter().map(aggregate_call).collect(),
                    input_retracts: input.mode != ChangelogMode::InsertOnly,
                    emission: self.emission,
                    tells_empty: self.is_batch,
                };
                let input = self.node(input);
                let prefix = self.state(text);
                self.graph.add_operator(Box::new(Aggregate::new(spec, prefix)), &[input])
            }
            PlanNode::Normalize { input, key } => {
                let layouts = input.schema.layouts();
                let input = self.node(input);
                let prefix = self.state(text);
                let operator = ChangelogNormalize::new(key.clone(), layouts, prefix);
                self.graph.add_operator(Box::new(operator), &[input])
            }
        }
    }

    /// A filter and projection that need not remember what they told.
    fn calc(&mut self, plan: &Plan) -> NodeId {
        let PlanNode::Calc { input, filter, projection } = &plan.node else {
            return self.node(plan);
        };
        let is_same = |exprs: &Vec<Expr>| {
            let is_own = |(i, expr): (usize, &Expr)| expr.as_column() == Some(i);
            exprs.len() == input.schema.len() && exprs.iter().enumerate().all(is_own)
        };
        if filter.is_none() && projection.as_ref().is_none_or(is_same) {
            return self.node(input);
        }
        let input = self.node(input);
        let calc = Calc::new(filter.clone(), projection.clone());
        self.graph.add_operator(Box::new(calc), &[input])
    }

    fn join(&mut self, plan: &Plan, text: &str) -> NodeId {
        let PlanNode::Join { left, right, kind, left_keys, right_keys, nulls_match, condition } =
            &plan.node
        else {
            return self.graph.add_union(&[]);
        };
        let kind = match kind {
            tailwater_sql::JoinKind::Inner => JoinKind::Inner,
            tailwater_sql::JoinKind::Left => JoinKind::Left,
            tailwater_sql::JoinKind::Right => JoinKind::Right,
            tailwater_sql::JoinKind::Full => JoinKind::Full,
            tailwater_sql::JoinKind::Semi => JoinKind::Semi,
            tailwater_sql::JoinKind::Anti => JoinKind::Anti,
        };
        let side = |input: &Plan, key: &[tailwater_expr::Expr]| JoinSide {
            key: key.to_vec(),
            nulls_match: nulls_match.clone(),
            layouts: input.schema.layouts(),
        };
        let sides = (side(left, left_keys), side(right, right_keys));
        let inputs = [self.node(left), self.node(right)];
        let prefix = self.state(text);
        let operator = Join::new(kind, sides.0, sides.1, condition.clone(), prefix);
        self.graph.add_operator(Box::new(operator), &inputs)
    }
}

/// Which tables a plan reads: EXPLAIN shows names only.
fn scans(plan: &Plan) -> String {
    let own = match &plan.node {
        PlanNode::Scan(table) => table_identity(table),
        PlanNode::Values(rows) => rows
            .iter()
            .flatten()
            .map(|e| format!("{e}:{}", e.data_type))
            .collect::<Vec<_>>()
            .join(","),
        _ => String::new(),
    };
    plan.inputs().into_iter().map(scans).fold(own, |all, one| format!("{all};{one}"))
}

fn aggregate_call(call: &AggregateCall) -> tailwater_operators::AggregateCall {
    let counts_all = call.argument.as_ref().is_none_or(|a| !a.data_type.nullable);
    let function = match call.name.as_str() {
        "COUNT" if counts_all && !call.is_distinct => AggregateFunction::CountRows,
        "COUNT" => AggregateFunction::Count,
        "SUM" => AggregateFunction::Sum,
        "AVG" => AggregateFunction::Avg,
        "MIN" => AggregateFunction::Min,
        _ => AggregateFunction::Max,
    };
    let argument = call.argument.clone().filter(|_| function != AggregateFunction::CountRows);
    tailwater_operators::AggregateCall {
        function,
        argument,
        // The least and the greatest are the same of distinct values.
        is_distinct: call.is_distinct
            && !matches!(function, AggregateFunction::Min | AggregateFunction::Max),
        filter: call.filter.clone(),
        data_type: call.data_type.clone(),
    }
}
