//! The operators of one job and how they feed each other.

use std::sync::Arc;

use tailwater_connector_api::{SinkPlan, SourcePlan};
use tailwater_operators::{Operator, OperatorError, StepContext};
use tailwater_state::StateStore;
use tailwater_types::{ChangeBatch, ChangelogMode, Layout, Timestamp};

/// A node of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(usize);

/// A source of a job.
pub struct GraphSource {
    /// What identifies it in a checkpoint: the same declaration gives the same text.
    pub identity: String,
    /// The table's name, for people.
    pub table: String,
    /// How to connect.
    pub plan: Arc<dyn SourcePlan>,
}

/// A sink of a job.
pub struct GraphSink {
    /// What identifies it in a checkpoint.
    pub identity: String,
    /// The table's name, for people.
    pub table: String,
    /// How to connect.
    pub plan: Arc<dyn SinkPlan>,
    /// By what it tells rows apart.
    pub key: SinkKey,
}

/// By what a sink tells rows apart.
#[derive(Clone, Debug)]
pub struct SinkKey {
    /// The key's columns, empty without a key.
    pub columns: Vec<usize>,
    /// All columns.
    pub layouts: Arc<[Layout]>,
}

enum Node {
    Source,
    Operator(Box<dyn Operator>),
    Union,
    Sink(usize),
}

/// What runs: sources, operators in an order in which nobody feeds an earlier one, sinks.
#[derive(Default)]
pub struct JobGraph {
    nodes: Vec<Node>,
    /// For each node who takes its output, and as which input.
    consumers: Vec<Vec<(usize, usize)>>,
    queues: Vec<Vec<(usize, Arc<ChangeBatch>)>>,
    source_nodes: Vec<usize>,
    /// The sources, in the order in which they were added.
    pub sources: Vec<GraphSource>,
    /// The sinks, in the order in which they were added.
    pub sinks: Vec<GraphSink>,
    /// Identities of the operators that keep state, by the number of their state prefix.
    pub stateful: Vec<String>,
    /// Some expression reads the clock.
    pub reads_clock: bool,
}

impl JobGraph {
    /// Adds a source.
    pub fn add_source(&mut self, source: GraphSource) -> NodeId {
        self.sources.push(source);
        let id = self.add(Node::Source, &[]);
        self.source_nodes.push(id.0);
        id
    }

    /// Adds an operator over these inputs.
    pub fn add_operator(&mut self, operator: Box<dyn Operator>, inputs: &[NodeId]) -> NodeId {
        self.add(Node::Operator(operator), inputs)
    }

    /// Adds the union of these inputs: everything in the order of arrival.
    pub fn add_union(&mut self, inputs: &[NodeId]) -> NodeId {
        self.add(Node::Union, inputs)
    }

    /// Adds a sink.
    pub fn add_sink(&mut self, sink: GraphSink, input: NodeId) {
        self.sinks.push(sink);
        self.add(Node::Sink(self.sinks.len() - 1), &[input]);
    }

    fn add(&mut self, node: Node, inputs: &[NodeId]) -> NodeId {
        let id = self.nodes.len();
        self.nodes.push(node);
        self.consumers.push(Vec::new());
        self.queues.push(Vec::new());
        for (i, input) in inputs.iter().enumerate() {
            self.consumers[input.0].push((id, i));
        }
        NodeId(id)
    }

    /// Runs the rows of one source through all operators; gives what reaches each sink.
    ///
    /// # Errors
    /// The first operator's that fails.
    pub fn step(
        &mut self,
        source: usize,
        rows: ChangeBatch,
        state: &mut StateStore,
        now: Timestamp,
    ) -> Result<Vec<(usize, Arc<ChangeBatch>)>, OperatorError> {
        let node = self.source_nodes[source];
        self.hand_on(node, rows);
        self.drain(node + 1, false, state, now)
    }

    /// Tells the operators directly behind a source what its rows are like.
    ///
    /// # Errors
    /// An operator's whose state does not go with it.
    pub fn source_mode(
        &mut self,
        source: usize,
        mode: ChangelogMode,
        state: &mut StateStore,
    ) -> Result<(), OperatorError> {
        for (consumer, _) in self.consumers[self.source_nodes[source]].clone() {
            if let Node::Operator(operator) = &mut self.nodes[consumer] {
                operator.source_mode(mode, state)?;
            }
        }
        Ok(())
    }

    /// Tells all operators that nothing follows; gives what reaches each sink.
    ///
    /// # Errors
    /// The first operator's that fails.
    pub fn end_input(
        &mut self,
        state: &mut StateStore,
        now: Timestamp,
    ) -> Result<Vec<(usize, Arc<ChangeBatch>)>, OperatorError> {
        self.drain(0, true, state, now)
    }

    fn drain(
        &mut self,
        from: usize,
        ends: bool,
        state: &mut StateStore,
        now: Timestamp,
    ) -> Result<Vec<(usize, Arc<ChangeBatch>)>, OperatorError> {
        let mut sunk = Vec::new();
        for id in from..self.nodes.len() {
            let waiting = std::mem::take(&mut self.queues[id]);
            if waiting.is_empty() && !ends {
                continue;
            }
            let mut out = ChangeBatch::default();
            match &mut self.nodes[id] {
                Node::Source => {}
                Node::Operator(operator) if operator.passes_through() => {
                    for (_, batch) in waiting {
                        self.hand_on_shared(id, batch);
                    }
                }
                Node::Operator(operator) => {
                    let mut context = StepContext { state, now };
                    for (input, batch) in &waiting {
                        operator.step(*input, batch, &mut context, &mut out)?;
                    }
                    if ends {
                        operator.end_input(&mut context, &mut out)?;
                    }
                }
                Node::Union => {
                    for (_, batch) in waiting {
                        self.hand_on_shared(id, batch);
                    }
                }
                Node::Sink(sink) => {
                    sunk.extend(waiting.into_iter().map(|(_, batch)| (*sink, batch)));
                }
            }
            self.hand_on(id, out);
        }
        Ok(sunk)
    }

    fn hand_on(&mut self, from: usize, batch: ChangeBatch) {
        if !batch.is_empty() {
            self.hand_on_shared(from, Arc::new(batch));
        }
    }

    fn hand_on_shared(&mut self, from: usize, batch: Arc<ChangeBatch>) {
        for (consumer, input) in &self.consumers[from] {
            self.queues[*consumer].push((*input, Arc::clone(&batch)));
        }
    }
}
