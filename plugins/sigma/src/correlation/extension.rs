//! The custom attribute `larum` of a correlation: what Sigma has no words for.

use larum_event::{FiringPolicy, Span};

use crate::error::{DocumentProblem, SigmaResult};
use crate::yaml::YamlNode;

/// Its name in documents.
pub(crate) const ATTRIBUTE: &str = "larum";
/// The longest lateness.
const LATENESS: Span = Span::from_seconds(24 * 60 * 60);

/// What the attribute says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CorrelationExtension {
    /// When an alert is raised; `edge` where it does not say.
    pub policy: FiringPolicy,
    /// How far behind an event may come and still count; `None` for the setting.
    pub lateness: Option<Span>,
    /// How time is cut.
    pub window: WindowCut,
}

/// How time is cut into windows of the timespan's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WindowCut {
    /// Behind every event.
    #[default]
    Sliding,
    /// One after the other.
    Tumbling,
    /// One every so often.
    Hopping(Span),
    /// As long as no silence is longer than the timespan.
    Session,
}

impl CorrelationExtension {
    /// Of a document whose timespan is `timespan`.
    pub(super) fn read_attribute(document: &YamlNode, timespan: Span) -> SigmaResult<Self> {
        let mut extension = Self::default();
        let Some(node) = document.get(ATTRIBUTE) else {
            return Ok(extension);
        };
        for (key, value) in node.members(ATTRIBUTE)? {
            let text = value.text(key)?;
            let problem = |reason: String| DocumentProblem::new(value.line, reason);
            match key.as_str() {
                "policy" => {
                    let policy = FiringPolicy::parse(text, timespan);
                    extension.policy = policy.map_err(|error| problem(error.to_string()))?;
                }
                "lateness" => {
                    let lateness = Span::parse(text).map_err(|error| problem(error.to_string()))?;
                    if lateness > LATENESS {
                        return Err(problem(format!("a lateness is at most {LATENESS}")));
                    }
                    extension.lateness = Some(lateness);
                }
                "window" => extension.window = WindowCut::parse(text, timespan).map_err(problem)?,
                _ => {
                    let reason = format!("{ATTRIBUTE} cannot have {key:?}");
                    return Err(problem(reason));
                }
            }
        }
        Ok(extension)
    }
}

impl WindowCut {
    /// Most windows that one event is in.
    const HOPS: i64 = 1_440;

    fn parse(text: &str, timespan: Span) -> Result<Self, String> {
        let unknown =
            || format!("{text:?} is no window; use sliding, tumbling, \"hopping 1m\" or session");
        let mut words = text.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("sliding"), None, None) => Ok(Self::Sliding),
            (Some("tumbling"), None, None) => Ok(Self::Tumbling),
            (Some("session"), None, None) => Ok(Self::Session),
            (Some("hopping"), Some(hop), None) => {
                let hop = Span::parse(hop).map_err(|error| error.to_string())?;
                let fits = !hop.is_zero()
                    && timespan.as_nanos() % hop.as_nanos() == 0
                    && timespan.as_nanos() / hop.as_nanos() <= Self::HOPS;
                if !fits {
                    return Err(format!(
                        "the timespan {timespan} is no multiple of {hop}, up to {} times",
                        Self::HOPS
                    ));
                }
                Ok(Self::Hopping(hop))
            }
            _ => Err(unknown()),
        }
    }
}
