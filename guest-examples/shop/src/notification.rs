//! What the three notifications have in common.

use stepwell_sdk::prelude::*;

use crate::order_file::OrderFile;
use crate::stable_number;

/// A message that was handed to its channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notification<Body> {
    /// The message's number; the same in every attempt, so that the channel
    /// delivers it once.
    pub message_id: String,
    /// How it goes: `email`, `pick-list` or `journal`.
    pub channel: &'static str,
    /// Who gets it.
    pub recipient: String,
    /// What it says.
    pub body: Body,
}

/// A channel that takes no messages; trying again helps.
#[derive(Debug, PartialEq, Eq, thiserror::Error, TaskError)]
#[error("channel {channel} is down in attempt {attempt}: try again")]
pub struct ChannelDown {
    /// The channel's name.
    pub channel: &'static str,
    /// The attempt that found it down.
    pub attempt: u32,
}

impl<Body> Notification<Body> {
    /// Hands a message to its channel.
    ///
    /// # Errors
    ///
    /// [`ChannelDown`] in the first attempts, as many as the order file asks for.
    pub fn hand_over(
        ctx: &Context,
        file: &OrderFile,
        channel: &'static str,
        recipient: String,
        body: Body,
    ) -> Result<Self, ChannelDown> {
        let attempt = ctx.attempt();
        if attempt <= file.simulate.channel_outages {
            warn!(channel, attempt, "the channel is down");
            return Err(ChannelDown { channel, attempt });
        }
        let message_id = format!("msg-{:016x}", stable_number(ctx.idempotency_key()));
        info!(channel, recipient, message_id, "handed over");
        Ok(Self {
            message_id,
            channel,
            recipient,
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_file::Simulate;

    #[test]
    fn a_channel_is_up_in_the_attempt_that_was_asked_for() {
        let simulate = Simulate {
            channel_outages: 1,
            ..Simulate::default()
        };
        let file = OrderFile {
            simulate,
            ..OrderFile::example()
        };
        let attempt = |number| {
            let fake = Context::fake().attempt(number).build();
            Notification::hand_over(&fake, &file, "email", "ada@example.com".to_owned(), ())
        };
        assert_eq!(
            attempt(1),
            Err(ChannelDown {
                channel: "email",
                attempt: 1
            })
        );
        assert_eq!(
            attempt(2).unwrap().message_id,
            attempt(3).unwrap().message_id
        );
    }
}
