//! The order in which a shard takes its messages: in turn between tenants.
//!
//! A shard is one thread, and a decision on a Map of thousands takes it for milliseconds. So
//! what has arrived waits in a line for each tenant, by the time that its messages take. What
//! is said of one execution stays in the order in which it was said.

use std::collections::BTreeMap;

use stepwell_store::{ExecutionKey, Turns};

use super::Message;

/// The line of what is nobody's, and of executions that are not in memory.
const HOST: i64 = 0;

/// Messages that have arrived.
#[derive(Default)]
pub(super) struct Lines {
    turns: Turns<Message>,
    /// The lines that messages of executions wait in, and how many.
    keys: BTreeMap<ExecutionKey, (i64, u32)>,
}

impl Lines {
    /// Appends a message; `owner` knows whose an execution in memory is.
    pub(super) fn push(&mut self, message: Message, owner: impl Fn(ExecutionKey) -> Option<i64>) {
        let tenant = match message.about() {
            About::Nobody => HOST,
            About::Tenant(tenant) => tenant,
            About::Execution(key) => {
                let known = || match &message {
                    Message::TakeOver { child, .. } => child.tenant.id,
                    _ => owner(key).unwrap_or(HOST),
                };
                let line = self.keys.entry(key).or_insert_with(|| (known(), 0));
                line.1 += 1;
                line.0
            }
        };
        self.turns.push(tenant, message);
    }

    /// Takes the message whose turn it is, and whose that is.
    pub(super) fn take(&mut self) -> Option<(i64, Message)> {
        let (tenant, message) = self.turns.take(|_, _| true)?;
        if let About::Execution(key) = message.about()
            && let Some(line) = self.keys.get_mut(&key)
        {
            line.1 -= 1;
            if line.1 == 0 {
                self.keys.remove(&key);
            }
        }
        Some((tenant, message))
    }

    /// The message took so many microseconds.
    pub(super) fn done(&mut self, tenant: i64, cost_us: u64) {
        self.turns.done(tenant, cost_us);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }
}

/// What a message is about.
enum About {
    Nobody,
    Tenant(i64),
    Execution(ExecutionKey),
}

impl Message {
    fn about(&self) -> About {
        match self {
            // The first that is said of an execution.
            Self::Start(order) => About::Tenant(order.tenant.id),
            Self::StartExpress(order) => About::Tenant(order.tenant.id),
            Self::Input { key, .. }
            | Self::MapRunFinished { key, .. }
            | Self::TakeOver { key, .. }
            | Self::TimersDue { key }
            | Self::TryAgain { key, .. }
            | Self::Retry { key, .. }
            | Self::Committed { key, .. } => About::Execution(*key),
            Self::LookForWork | Self::Stop { .. } => About::Nobody,
        }
    }
}
