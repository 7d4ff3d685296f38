//! Taking and keeping the lock of one target.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::environment::RunFacts;
use crate::error::TargetError;
use crate::link::{Link, Reply};
use crate::state::{Holder, TargetState, holder};

/// How long a target stays ours without a word from us.
pub const LEASE_SECONDS: u64 = 60;
/// How often we give word.
pub const RENEW_SECONDS: u64 = 15;
/// No effect is started so shortly before the lease ends.
pub const MARGIN_SECONDS: u64 = 20;
/// Between two looks at a lock that somebody else holds.
const LOOK_SECONDS: u64 = 1;

/// For telling a target that nobody waits any more; the place is lost by itself soon after.
const LEAVING: Duration = Duration::from_secs(3);

/// What happens while locks are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockEvent {
    /// Somebody else holds the target; told when it begins, and when the holder or the place changes.
    Waiting {
        /// The target.
        target: String,
        /// Who holds it.
        holder: Holder,
        /// The place among those who wait.
        place: Option<QueuePlace>,
    },
    /// The lock is ours.
    Taken {
        /// The target.
        target: String,
        /// Our epoch.
        epoch: u64,
    },
    /// The lock was stale, and is ours with a higher epoch.
    TakenOver {
        /// The target.
        target: String,
        /// Our epoch.
        epoch: u64,
        /// Who held it.
        before: Holder,
    },
    /// The lock was this run's already, from another process, and is ours with a higher epoch.
    Resumed {
        /// The target.
        target: String,
        /// Our epoch.
        epoch: u64,
    },
}

/// A place among the runs that wait for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuePlace {
    /// From 1.
    pub position: u32,
    /// How many wait.
    pub of: u32,
    /// The run right before this one, when one is.
    pub behind: Option<String>,
}

/// What a target answered to the wish to lock it.
pub(crate) enum LockAnswer {
    Ours(Box<Locked>, LockEvent),
    /// Somebody else has it, or is to have it first.
    Theirs(Holder, Option<QueuePlace>),
}

/// Until when a target is certainly ours, counted from before the request was sent.
#[derive(Debug)]
pub(crate) struct Lease(Mutex<Instant>);

impl Lease {
    pub(crate) fn since(sent: Instant) -> Self {
        Self(Mutex::new(sent + Duration::from_secs(LEASE_SECONDS)))
    }

    pub(crate) fn renew(&self, sent: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sent + Duration::from_secs(LEASE_SECONDS);
    }

    pub(crate) fn left(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).saturating_duration_since(Instant::now())
    }

    pub(crate) fn allows_effects(&self) -> bool {
        self.left() > Duration::from_secs(MARGIN_SECONDS)
    }
}

/// Whether who does not get the lock waits for it, in the order of coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Takes its place, and comes again.
    Wait,
    /// Asks once, whoever waits.
    Once,
}

/// Asks for the lock. The target's fence must not be below `epoch`, with which the run has held it before.
pub(crate) async fn ask(
    link: &Link,
    facts: &RunFacts,
    token: &str,
    epoch: u64,
    turn: Turn,
) -> Result<LockAnswer, TargetError> {
    let turn = if turn == Turn::Wait { "wait" } else { "once" };
    let sent = Instant::now();
    let who: String = facts.who.chars().filter(|c| !c.is_control()).collect();
    let words = ["lock", &facts.run, token, &LEASE_SECONDS.to_string(), &who, &epoch.to_string(), turn];
    let reply = link.ask(&words, Bytes::new()).await?;
    let state = match TargetState::read(&link.name, &reply) {
        Ok(state) => state,
        Err(error) => {
            give_back(link, &reply, &facts.run).await;
            return Err(error);
        }
    };
    match reply.status.as_str() {
        "ok" => ours(link, &reply, state, sent),
        "held" => Ok(LockAnswer::Theirs(state.holder.unwrap_or_default(), place(&reply).map(|(place, _)| place))),
        "queued" => {
            let (place, first) = place(&reply).ok_or_else(|| link.refusal("damaged", "a place that cannot be read"))?;
            Ok(LockAnswer::Theirs(first, Some(place)))
        }
        other => Err(link.refusal(other, &reply.text)),
    }
}

/// From `POSITION OF BEHIND SINCE WHO`: the place, and who stands before it.
fn place(reply: &Reply) -> Option<(QueuePlace, Holder)> {
    let (_, text) = reply.lines.iter().find(|(name, _)| name == "place")?;
    let mut words = text.splitn(5, ' ');
    let (position, of) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (run, since) = (words.next()?, words.next()?.parse().ok()?);
    let who = words.next().unwrap_or_default().to_owned();
    let behind = (run != "-").then(|| run.to_owned());
    let before = Holder { run: run.to_owned(), who, since, ..Holder::default() };
    Some((QueuePlace { position, of, behind }, before))
}

/// Nothing can be done with a target whose state cannot be read: nobody has to wait for it.
async fn give_back(link: &Link, reply: &Reply, run: &str) {
    let epoch = reply.text.split(' ').next().unwrap_or_default();
    if reply.status == "ok" && link.tell(&["unlock", epoch, run, "keep"], Bytes::new()).await.is_err() {
        tracing::warn!(target = link.name, "a target was not told that it is free");
    }
}

fn ours(link: &Link, reply: &Reply, state: TargetState, sent: Instant) -> Result<LockAnswer, TargetError> {
    let (epoch, how) = reply.text.split_once(' ').unwrap_or((&reply.text, ""));
    let epoch: u64 = epoch.parse().map_err(|_| link.refusal("damaged", "an epoch that is no number"))?;
    let target = link.name.clone();
    let event = match how {
        "stale" => {
            let before = reply.lines.iter().filter(|(name, _)| name == "before").map(|(_, text)| text.as_str());
            LockEvent::TakenOver { target, epoch, before: holder(before, "", 0).unwrap_or_default() }
        }
        "resumed" => LockEvent::Resumed { target, epoch },
        _ => LockEvent::Taken { target, epoch },
    };
    let is_resumed = matches!(event, LockEvent::Resumed { .. });
    Ok(LockAnswer::Ours(Box::new(Locked { epoch, state, lease: Lease::since(sent), is_resumed }), event))
}

/// A target that is ours.
pub(crate) struct Locked {
    pub(crate) epoch: u64,
    pub(crate) state: TargetState,
    pub(crate) lease: Lease,
    /// Whether another process of the same run held it before.
    pub(crate) is_resumed: bool,
}

/// What one run wants of all its targets.
pub(crate) struct Wish<'a> {
    pub(crate) facts: &'a RunFacts,
    pub(crate) token: String,
    /// With which epoch the run has held targets before.
    pub(crate) fences: &'a [(String, u64)],
    /// Nobody is waited for any longer.
    pub(crate) until: Instant,
    pub(crate) cancelled: &'a CancellationToken,
}

/// Waits for the lock until it is ours, the patience is over, or `cancelled` fires. Among several that wait it goes to who
/// came first, by the ticket that each keeps on the target for as long as it looks. Who is cancelled while it asks does not
/// hear whether it got the lock: it leaves, and the target keeps neither ticket nor lock of it.
pub(crate) async fn wait(
    link: &Link,
    wish: &Wish<'_>,
    tell: &(dyn Fn(LockEvent) + Send + Sync),
) -> Result<Locked, TargetError> {
    let waited = wait_in_turn(link, wish, tell).await;
    if matches!(waited, Err(TargetError::Cancelled { .. } | TargetError::Locked { .. })) {
        let words = ["leave", &wish.facts.run, &wish.token];
        let leaving = link.tell(&words, Bytes::new());
        if !matches!(tokio::time::timeout(LEAVING, leaving).await, Ok(Ok(_))) {
            tracing::warn!(target = link.name, "a target was not told that nobody waits for it any more");
        }
    }
    waited
}

async fn wait_in_turn(
    link: &Link,
    wish: &Wish<'_>,
    tell: &(dyn Fn(LockEvent) + Send + Sync),
) -> Result<Locked, TargetError> {
    let Wish { facts, token, until, cancelled, fences } = wish;
    let before = fences.iter().find(|(name, _)| *name == link.name).map_or(0, |(_, epoch)| *epoch);
    let mut told = None;
    loop {
        let asked = cancelled.run_until_cancelled(ask(link, facts, token, before, Turn::Wait)).await;
        match asked.ok_or_else(|| TargetError::Cancelled { target: link.name.clone() })?? {
            LockAnswer::Ours(locked, event) => {
                tell(event);
                return Ok(*locked);
            }
            LockAnswer::Theirs(holder, place) => {
                if Instant::now() >= *until {
                    return Err(locked(link, holder));
                }
                // Who joins behind changes nothing for this one.
                let position = place.as_ref().map(|place| (place.position, place.behind.clone()));
                let seen = Some((holder.run.clone(), holder.epoch, position));
                // A target that is free for a moment is held by nobody worth a line.
                if told != seen && holder.left_seconds.is_some() {
                    told = seen;
                    tell(LockEvent::Waiting { target: link.name.clone(), holder, place });
                }
            }
        }
        let pausing = tokio::time::sleep(Duration::from_secs(LOOK_SECONDS));
        if cancelled.run_until_cancelled(pausing).await.is_none() {
            return Err(TargetError::Cancelled { target: link.name.clone() });
        }
    }
}

/// Somebody else has the target.
pub(crate) fn locked(link: &Link, holder: Holder) -> TargetError {
    let Holder { run, who, since, left_seconds, .. } = holder;
    TargetError::Locked { target: link.name.clone(), run, who, since, left_seconds: left_seconds.unwrap_or(0) }
}
