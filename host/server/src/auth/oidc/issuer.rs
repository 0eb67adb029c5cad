//! One identity provider: its keys, fetched when they are needed and kept for a while.
//!
//! ```text
//!   keys younger than their lifetime ──> used
//!   older ──> fetched anew ──> that fails ──> the old ones go on, for some hours
//!   a key id that is not among them ──> fetched anew, at most once in some seconds
//! ```
//!
//! One fetch is under way at a time, on a thread where it may block, and it ends in the
//! cache also if whoever asked for it has gone away.

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;
use stepwell_engine::Timestamp;
use tokio::sync::{Mutex, Semaphore};

use super::fetch::Fetch;
use super::keys::KeySet;
use super::refusal::{Refusal, Told};
use super::settings::{IssuerSettings, check_url};
use super::token::Token;

/// How long keys are used before they are fetched anew, in seconds, where their server says
/// nothing of it.
const LIFETIME_SECONDS: u64 = 15 * 60;
/// The least and the most of what the server may say.
const LIFETIME_SECONDS_BOUNDS: (u64, u64) = (60, 6 * 60 * 60);

/// How long keys go on beyond that while the issuer cannot be reached, in seconds. What is
/// signed in this time and what was revoked in it cannot be told apart.
const OVERTIME_SECONDS: u64 = 4 * 60 * 60;

/// The least time between two fetches, in seconds; it doubles with each that fails.
const PAUSE_SECONDS: u64 = 10;
/// The most that it becomes.
const PAUSE_SECONDS_MAX: u64 = 80;

/// Requests that may wait for a fetch. More get an answer without it, so that slow issuers
/// do not fill the host with whoever sends it tokens that nobody signed.
const WAITING_MAX: usize = 64;

/// One identity provider.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) settings: IssuerSettings,
    fetch: Arc<dyn Fetch>,
    state: RwLock<State>,
    turn: Arc<Mutex<()>>,
    waiting: Semaphore,
}

/// What is known of the issuer's keys.
#[derive(Debug, Default)]
struct State {
    keys: Option<Known>,
    /// When the last fetch began.
    tried_at: Option<Timestamp>,
    /// Fetches that failed since one that did not.
    failures: u32,
    /// What the last of them met with.
    problem: Option<String>,
}

#[derive(Debug, Clone)]
struct Known {
    keys: Arc<KeySet>,
    fresh_until: Timestamp,
    good_until: Timestamp,
}

impl State {
    /// Whether the issuer may be asked again.
    fn may_fetch(&self, now: Timestamp) -> bool {
        let doubled = PAUSE_SECONDS << self.failures.saturating_sub(1).min(8);
        let pause = doubled.min(PAUSE_SECONDS_MAX);
        self.tried_at
            .is_none_or(|tried| now >= plus_seconds(tried, pause) || now < tried)
    }
}

impl Issuer {
    pub(super) fn new(settings: IssuerSettings, fetch: Arc<dyn Fetch>) -> Self {
        Self {
            settings,
            fetch,
            state: RwLock::default(),
            turn: Arc::default(),
            waiting: Semaphore::new(WAITING_MAX),
        }
    }

    /// Verifies that the issuer signed a token.
    ///
    /// # Errors
    /// It did not, or its keys are not known and cannot be fetched.
    pub(super) async fn verify(
        self: &Arc<Self>,
        token: &Token,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let keys = self.keys(now).await?;
        let refused = match keys.verify(&self.settings.issuer, token) {
            Err(refused @ Refusal::UnknownKey { .. }) => refused,
            done => return done,
        };
        // The issuer may have begun to use another key.
        self.refresh(now, Some(&keys)).await;
        let newer = self.known(now).map(|known| known.keys);
        match newer.filter(|newer| !Arc::ptr_eq(newer, &keys)) {
            Some(newer) => newer.verify(&self.settings.issuer, token),
            // Nobody can tell whether the key is a new one.
            None if self.read_state(|state| state.failures > 0) => Err(self.unreachable()),
            None => Err(refused),
        }
    }

    /// Returns the keys, fetched if that is due.
    pub(super) async fn keys(self: &Arc<Self>, now: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        let known = self.known(now);
        if let Some(known) = &known
            // While another request sees to it, the old ones do.
            && (now < known.fresh_until || self.turn.try_lock().is_err())
        {
            return Ok(Arc::clone(&known.keys));
        }
        self.refresh(now, known.as_ref().map(|known| &known.keys))
            .await;
        let known = self.known(now);
        known
            .map(|known| known.keys)
            .ok_or_else(|| self.unreachable())
    }

    /// Fetches the keys, unless that was done a moment ago or is done meanwhile. `have` are
    /// those that do not suffice.
    async fn refresh(self: &Arc<Self>, now: Timestamp, have: Option<&Arc<KeySet>>) {
        let Ok(_place) = self.waiting.try_acquire() else {
            return;
        };
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let is_needed = self.read_state(|state| {
            let present = state.keys.as_ref().map(|known| &known.keys);
            let is_same = match (present, have) {
                (Some(present), Some(have)) => Arc::ptr_eq(present, have),
                (present, _) => present.is_none() || have.is_none(),
            };
            is_same && state.may_fetch(now)
        });
        if !is_needed {
            return;
        }
        let issuer = Arc::clone(self);
        let fetching = tokio::task::spawn_blocking(move || {
            issuer.fetch_keys(now);
            drop(turn);
        });
        // A panic in there leaves the keys as they were.
        drop(fetching.await);
    }

    fn fetch_keys(&self, now: Timestamp) {
        self.write_state(|state| state.tried_at = Some(now));
        let fetched = self.fetch_known(now);
        let issuer = self.settings.issuer.as_str();
        self.write_state(|state| match fetched {
            Ok(known) => {
                tracing::info!(issuer, keys = ?known.keys.ids(), "keys of an issuer fetched");
                state.keys = Some(known);
                state.failures = 0;
                state.problem = None;
            }
            Err(problem) => {
                tracing::warn!(issuer, problem, "the keys of an issuer cannot be fetched");
                state.failures = state.failures.saturating_add(1);
                state.problem = Some(problem);
            }
        });
    }

    fn fetch_known(&self, now: Timestamp) -> Result<Known, String> {
        let uri = match &self.settings.jwks_uri {
            Some(uri) => uri.clone(),
            None => self.discover()?,
        };
        let document = self.fetch.get(&uri)?;
        let keys = KeySet::read(&document.body).map_err(|reason| format!("{uri}: {reason}"))?;
        let (least, most) = LIFETIME_SECONDS_BOUNDS;
        let lifetime = document.max_age_seconds.unwrap_or(LIFETIME_SECONDS);
        let fresh_until = plus_seconds(now, lifetime.clamp(least, most));
        Ok(Known {
            keys: Arc::new(keys),
            fresh_until,
            good_until: plus_seconds(fresh_until, OVERTIME_SECONDS),
        })
    }

    /// Asks the issuer where its keys are.
    fn discover(&self) -> Result<String, String> {
        let url = self.settings.discovery_url();
        let document = self.fetch.get(&url)?;
        let Ok(document) = serde_json::from_slice::<Value>(&document.body) else {
            return Err(format!("{url} is no JSON"));
        };
        // Another issuer's document would bring another issuer's keys.
        let issuer = document.get("issuer").and_then(Value::as_str);
        if issuer != Some(&self.settings.issuer) {
            let named = Told::new(issuer.unwrap_or_default());
            return Err(format!(
                "{url} is the document of the issuer {named}: configure that one, if it is right"
            ));
        }
        let uri = document.get("jwks_uri").and_then(Value::as_str);
        let uri = uri.ok_or_else(|| format!("{url} names no jwks_uri"))?;
        check_url(uri).map_err(|reason| format!("{url}: jwks_uri {reason}"))?;
        Ok(uri.to_owned())
    }

    /// The keys that may be used, if there are any.
    fn known(&self, now: Timestamp) -> Option<Known> {
        let known = self.read_state(|state| state.keys.clone());
        known.filter(|known| now < known.good_until)
    }

    fn unreachable(&self) -> Refusal {
        let problem = self.read_state(|state| state.problem.clone());
        Refusal::Unreachable {
            issuer: Told::new(&self.settings.issuer),
            reason: Told::new(problem.as_deref().unwrap_or("a fetch is under way")),
        }
    }

    fn read_state<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        // What is written there is whole at any time, also if a thread broke down.
        read(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write_state(&self, write: impl FnOnce(&mut State)) {
        write(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
    }
}

fn plus_seconds(at: Timestamp, seconds: u64) -> Timestamp {
    at.plus_ms(seconds.saturating_mul(1_000))
}
