//! `larum demo`: a story of three collectors through a real engine.
//!
//! Owns how the story is sent and watched. What happens in it is `scenario`'s job, how it looks
//! `screen`'s; nothing here knows why an alert fires.
//! Invariant: the engine, its store and its rules are the ones that `larum serve` runs, so the
//! demo never shows what the product cannot do.

mod collectors;
pub mod random;
mod scenario;
mod screen;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use larum_engine::{
    EmitError, EmitOptions, EmitReceipt, Engine, EngineConfig, EventDelivery, EventInterest,
    Metric, Subscription,
};
use larum_engine::{MonotonicTime, RuntimeClock};
use larum_event::{Alert, Event, RuleFile, Span, TenantId, Timestamp, TopicPattern};
use larum_http::HttpConfig;
use larum_view::{ColourMode, TextStyle, tree_to_text};

use crate::error::{CliError, CommandExit, format_causes};
use crate::lifecycle;
use crate::settings::LISTEN;

use scenario::DemoStory;
use screen::DemoScreen;

/// Events sent in one request.
const BATCH_EVENTS: usize = 64;
/// Longest wait for the last alert to come through the subscription.
const LAST_ALERT_PATIENCE: Duration = Duration::from_secs(5);

/// The starter rules and the links of our own kinds of events, as in the rules folder.
const RULES: [(&str, &str); 5] = [
    (
        "authentication/repeated_failed_logins/rule.rhai",
        include_str!("../../rules/authentication/repeated_failed_logins/rule.rhai"),
    ),
    (
        "incident/host_with_several_alerts/rule.rhai",
        include_str!("../../rules/incident/host_with_several_alerts/rule.rhai"),
    ),
    (
        "links/events/links.rhai",
        include_str!("../../rules/links/events/links.rhai"),
    ),
    (
        "network/upload_to_unknown_address/rule.rhai",
        include_str!("../../rules/network/upload_to_unknown_address/rule.rhai"),
    ),
    (
        "process/program_from_temporary_folder/rule.rhai",
        include_str!("../../rules/process/program_from_temporary_folder/rule.rhai"),
    ),
];

/// Play an incident into a real engine and watch it being found
#[derive(Debug, Args)]
#[command(after_help = "\
An hour of three collectors (sshd, a process monitor, a network monitor): people work, a scanner knocks, \
and an attacker breaks in. The engine, its store (in a temporary folder) and the rules are the real ones.

Examples:
  larum demo
  larum demo --keep        and then, in another terminal: larum alerts
  larum demo --speed 120   two minutes of the story per second")]
pub struct DemoCommand {
    /// Serve HTTP afterwards until interrupted, so that you can look around
    #[arg(long)]
    keep: bool,
    /// Where --keep listens
    #[arg(long, value_name = "ADDRESS", default_value = LISTEN)]
    listen: SocketAddr,
    /// Another seed plays the same story with other people, times and numbers
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// Seconds of the story per second; without it, as fast as the engine takes it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    speed: Option<u32>,
}

impl DemoCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        let folder = tempfile::tempdir().map_err(|source| CliError::Write {
            path: std::env::temp_dir(),
            source,
        })?;
        let played = lifecycle::block_on(self.play_story(folder.path()));
        // Closed explicitly, so that a folder that cannot be removed is an error.
        let path = folder.path().to_owned();
        folder
            .close()
            .map_err(|source| CliError::Write { path, source })?;
        played
    }

    async fn play_story(self, store: &Path) -> Result<CommandExit, CliError> {
        let rules = RULES.iter().map(|(path, text)| RuleFile {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        });
        let config = EngineConfig {
            rules: rules.collect(),
            ..EngineConfig::new(store.to_owned())
        };
        let engine = lifecycle::start_engine(config).await?;
        let interest = EventInterest {
            patterns: vec![TopicPattern::new("alerts.#").expect("the pattern is a correct one")],
            ..EventInterest::default()
        };
        let subscription = engine
            .subscribe(interest)
            .await
            .map_err(|error| CliError::Engine(format_causes(&error)))?;

        let story = scenario::build_story(self.seed);
        let mut screen = DemoScreen::open();
        screen.show_heading(story.events.len(), self.seed)?;
        let clock = RuntimeClock::system();
        let begun = clock.monotonic();
        let mut watch = AlertWatch {
            subscription,
            screen: &mut screen,
            seen: 0,
        };
        let pace = StoryPace {
            clock: &clock,
            begun,
            speed: self.speed,
        };
        send_story(&engine, &story, &pace, &mut watch).await?;
        engine.wait_until_evaluated().await;
        let took = clock.monotonic().since(begun);
        watch
            .show_until(engine.metrics().value(Metric::AlertRevisions))
            .await?;
        drop(watch);

        let tenant = TenantId::default_tenant();
        let tree = engine
            .whole_tree(tenant.clone(), story.incident.clone())
            .await
            .map_err(|error| CliError::Engine(format_causes(&error)))?;
        let style = TextStyle {
            colour: ColourMode::Ansi,
            ..TextStyle::default()
        };
        let tree = tree
            .map(|tree| tree_to_text(&tree, style))
            .unwrap_or_default();
        screen.show_tree(&story.incident, &tree)?;
        let found = engine.incident(tenant, story.incident.clone()).await;
        let incident = found.map_err(|error| CliError::Engine(format_causes(&error)))?;
        screen.show_incident(&incident)?;
        screen.show_summary(&engine.metrics(), took)?;
        if self.keep {
            let door = HttpConfig::listen_on(self.listen);
            let ready = |address| {
                // A closed standard output does not end the engine.
                let _ = screen.show_address(address, &incident.id, &story.incident);
            };
            return lifecycle::serve_engine(engine, door, ready).await;
        }
        screen.show_next_steps()?;
        engine.shutdown().await;
        Ok(CommandExit::Done)
    }
}

/// How fast the story is played.
struct StoryPace<'a> {
    clock: &'a RuntimeClock,
    begun: MonotonicTime,
    speed: Option<u32>,
}

impl StoryPace<'_> {
    /// How long to wait before what happened `story_time` after the beginning.
    fn remaining_wait(&self, story_time: Span) -> Span {
        let Some(speed) = self.speed else {
            return Span::ZERO;
        };
        let due = story_time.as_nanos() / i64::from(speed.max(1));
        let passed = self.clock.monotonic().since(self.begun).as_nanos();
        Span::from_nanos(due - passed)
    }
}

/// Sends the story and shows alerts meanwhile.
async fn send_story(
    engine: &Engine,
    story: &DemoStory,
    pace: &StoryPace<'_>,
    watch: &mut AlertWatch<'_>,
) -> Result<(), CliError> {
    let begin = story
        .events
        .first()
        .map_or(Timestamp::MIN, |(time, _)| *time);
    // With a pace, events are sent when they are due and not with those after them.
    let batch = if pace.speed.is_some() {
        1
    } else {
        BATCH_EVENTS
    };
    for planned in story.events.chunks(batch) {
        let due = planned.first().map_or(begin, |(time, _)| *time);
        let wait = pace.remaining_wait(due.duration_since(begin));
        watch.show_during(pace.clock.sleep(wait)).await?;
        let parsed: Result<Vec<Event>, _> = engine.with_fill(None, |fill| {
            let events = planned.iter();
            events
                .map(|(_, event)| Event::parse(event.to_string().as_bytes(), fill))
                .collect()
        });
        let events = parsed.map_err(|rejection| rejection_error(&rejection))?;
        watch
            .show_during_result(emit_events(engine, events, pace.clock))
            .await?;
    }
    Ok(())
}

/// Sends events until the engine takes them.
async fn emit_events(
    engine: &Engine,
    events: Vec<Event>,
    clock: &RuntimeClock,
) -> Result<(), CliError> {
    loop {
        let options = EmitOptions::default();
        match engine.emit_with_guarantee(events.clone(), options).await {
            Ok(receipts) => {
                for receipt in receipts {
                    if let EmitReceipt::Rejected(rejection) = receipt {
                        return Err(rejection_error(&rejection));
                    }
                }
                return Ok(());
            }
            Err(EmitError::Overloaded { retry_after, .. }) => {
                let nanos = i64::try_from(retry_after.as_nanos()).unwrap_or(i64::MAX);
                clock.sleep(Span::from_nanos(nanos)).await;
            }
            Err(error) => return Err(CliError::Engine(format_causes(&error))),
        }
    }
}

fn rejection_error(rejection: &larum_event::Rejection) -> CliError {
    CliError::Engine(format!(
        "the engine refuses an event of the demo: {rejection}"
    ))
}

/// The alerts as they come.
struct AlertWatch<'a> {
    subscription: Subscription,
    screen: &'a mut DemoScreen,
    seen: u64,
}

impl AlertWatch<'_> {
    /// Shows alerts until `work` is done.
    async fn show_during(&mut self, work: impl Future<Output = ()>) -> Result<(), CliError> {
        self.show_during_result(async {
            work.await;
            Ok(())
        })
        .await
    }

    /// Shows alerts until `work` is done, and gives its answer.
    async fn show_during_result(
        &mut self,
        work: impl Future<Output = Result<(), CliError>>,
    ) -> Result<(), CliError> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                delivery = self.subscription.next() => match delivery {
                    Some(delivery) => self.show_delivery(delivery)?,
                    None => return work.await,
                },
                done = &mut work => return done,
            }
        }
    }

    /// Shows alerts until as many were seen as the engine has written.
    async fn show_until(&mut self, written: u64) -> Result<(), CliError> {
        while self.seen < written {
            let next = tokio::time::timeout(LAST_ALERT_PATIENCE, self.subscription.next());
            match next.await {
                Ok(Some(delivery)) => self.show_delivery(delivery)?,
                // The alerts are in the log all the same; the summary counts them.
                Ok(None) | Err(_) => break,
            }
        }
        Ok(())
    }

    fn show_delivery(&mut self, delivery: EventDelivery) -> Result<(), CliError> {
        match delivery {
            EventDelivery::Event(delivered) => {
                self.seen += 1;
                if let Some(alert) = Alert::from_event(&delivered.event) {
                    self.screen
                        .show_alert(delivered.event.envelope().time, &alert)?;
                }
            }
            EventDelivery::Gap { missed } => self.seen += missed,
        }
        Ok(())
    }
}
