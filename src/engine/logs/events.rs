//! Lines as events: by page, by time, by stream, by pattern.

use std::collections::BTreeSet;

use super::{
    FilterLogEvents, FilterLogEventsOutput, FilteredLogEvent, GetLogEvents, GetLogEventsOutput, LogLine, LogsError,
    OutputLogEvent, filter::FilterPattern, group::Place, groups::group_name, invalid, no_such_group,
    settings::no_such_stream, store::Store,
};

/// Events of one page (CloudWatch Logs API reference).
const PAGE_MAX_EVENTS: usize = 10_000;
/// Bytes of one page: 1 MB, as CloudWatch Logs counts them.
const PAGE_MAX_BYTES: usize = 1024 * 1024;
/// What CloudWatch Logs counts for an event beside its message.
const EVENT_OVERHEAD_BYTES: usize = 26;
/// Lines that one request looks at. What lies further is behind the page's token: a page may be empty.
const SCAN_MAX_LINES: usize = 50_000;
/// Stream names of one request.
const STREAM_NAMES_MAX: usize = 100;

/// Lines of a group in the order of time, of all its streams or of some.
pub(super) fn filter_events(store: &Store, request: &FilterLogEvents) -> Result<FilterLogEventsOutput, LogsError> {
    let page_max = request.limit.unwrap_or(PAGE_MAX_EVENTS);
    let name = group_name(request.log_group_name.as_deref(), request.log_group_identifier.as_deref())?;
    let pattern = FilterPattern::parse(request.filter_pattern.as_deref().unwrap_or_default()).map_err(invalid)?;
    let streams = Streams::of(request)?;
    let (from_ms, until_ms) = (request.start_time.unwrap_or(0), request.end_time.unwrap_or(u64::MAX));
    let token = request.next_token.as_deref().map(Place::parse).transpose()?;
    let group = store.group(name).ok_or_else(no_such_group)?;

    let start = group.number_of_time(from_ms).max(token.map_or(0, |place| group.number_of(place)));
    let end = group.number_of_time(until_ms.saturating_add(1));
    let (mut events, mut bytes, mut next_token) = (Vec::new(), 0, None);
    for (looked_at, line) in store.lines(group.places(start.min(end), end)).enumerate() {
        let matches = streams.want(&line.source.stream) && pattern.matches(&line.message);
        bytes += if matches { line.message.len() + EVENT_OVERHEAD_BYTES } else { 0 };
        let page_is_full = matches && !events.is_empty() && (events.len() == page_max || bytes > PAGE_MAX_BYTES);
        if page_is_full || looked_at == SCAN_MAX_LINES {
            next_token = Some(Place::of(line).text());
            break;
        }
        if matches {
            events.push(filtered(line));
        }
    }
    Ok(FilterLogEventsOutput { events, searched_log_streams: Vec::new(), next_token })
}

/// Lines of one stream, forwards or backwards, always in the order of time.
pub(super) fn get_events(store: &Store, request: &GetLogEvents) -> Result<GetLogEventsOutput, LogsError> {
    let page_max = request.limit.unwrap_or(PAGE_MAX_EVENTS);
    let name = group_name(request.log_group_name.as_deref(), request.log_group_identifier.as_deref())?;
    let (from_ms, until_ms) = (request.start_time.unwrap_or(0), request.end_time.unwrap_or(u64::MAX));
    let turn = request.next_token.as_deref().map(Turn::parse).transpose()?;
    let stream_name = request.log_stream_name.as_str();
    let group = store.group(name).ok_or_else(no_such_group)?;
    let places = group.places_of(stream_name).ok_or_else(no_such_stream)?;

    let number_of = |place: Place| places.partition_point(|other| *other < place);
    let number_of_time = |time_ms: u64| places.partition_point(|place| place.timestamp_ms < time_ms);
    let first = number_of_time(from_ms);
    let end = number_of_time(until_ms).max(first);
    let from_head = request.start_from_head.unwrap_or(false);
    let behind_all = places.last().map_or_else(Place::default, |last| last.after());
    let turn = turn.unwrap_or(if from_head { Turn::From(Place::default()) } else { Turn::Before(behind_all) });
    let range = match turn {
        Turn::From(place) => {
            let start = number_of(place).clamp(first, end);
            start..start + fitting(store, places[start..end].iter(), page_max)
        }
        Turn::Before(place) => {
            let stop = number_of(place).clamp(first, end);
            stop - fitting(store, places[first..stop].iter().rev(), page_max)..stop
        }
    };
    let page = places[range].iter().copied();
    // Without events both tokens stay where they are: whoever asks again with the same one gets it back.
    let (next_forward, next_backward) = match (page.clone().next(), page.clone().next_back()) {
        (Some(first), Some(last)) => (Turn::From(last.after()), Turn::Before(first)),
        _ => (Turn::From(turn.place()), Turn::Before(turn.place())),
    };
    Ok(GetLogEventsOutput {
        events: store.lines(page).map(|line| output(line)).collect(),
        next_forward_token: next_forward.token(),
        next_backward_token: next_backward.token(),
    })
}

/// How many of the places' lines fit on a page.
fn fitting<'a>(store: &Store, places: impl Iterator<Item = &'a Place>, page_max: usize) -> usize {
    let mut bytes = 0;
    let fits = |(count, place): &(usize, &Place)| {
        bytes += store.line(**place).map_or(0, |line| line.message.len() + EVENT_OVERHEAD_BYTES);
        *count == 0 || bytes <= PAGE_MAX_BYTES
    };
    places.take(page_max).enumerate().take_while(fits).count()
}

/// Where a page of a stream begins or ends. In a token numbers have a fixed width, so that a token compares equal to the
/// same place's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// With the line of that place, forwards.
    From(Place),
    /// Before the line of that place, backwards.
    Before(Place),
}

impl Turn {
    fn parse(token: &str) -> Result<Self, LogsError> {
        let (direction, place) = token.split_once('/').ok_or_else(invalid_token)?;
        let place = Place::parse(place)?;
        match direction {
            "f" => Ok(Self::From(place)),
            "b" => Ok(Self::Before(place)),
            _ => Err(invalid_token()),
        }
    }

    fn place(self) -> Place {
        match self {
            Self::From(place) | Self::Before(place) => place,
        }
    }

    fn token(self) -> String {
        match self {
            Self::From(place) => format!("f/{}", place.text()),
            Self::Before(place) => format!("b/{}", place.text()),
        }
    }
}

impl Place {
    fn parse(text: &str) -> Result<Self, LogsError> {
        let numbers = text.split_once('-').and_then(|(time, id)| Some((time.parse().ok()?, id.parse().ok()?)));
        numbers.map(|(timestamp_ms, id)| Self { timestamp_ms, id }).ok_or_else(invalid_token)
    }

    fn text(self) -> String {
        format!("{:016}-{:016}", self.timestamp_ms, self.id)
    }
}

/// Which streams a request asks for.
enum Streams<'a> {
    All,
    Named(BTreeSet<&'a str>),
    Prefixed(&'a str),
}

impl<'a> Streams<'a> {
    fn of(request: &'a FilterLogEvents) -> Result<Self, LogsError> {
        match (request.log_stream_names.as_slice(), request.log_stream_name_prefix.as_deref()) {
            ([], None) => Ok(Self::All),
            ([], Some(prefix)) => Ok(Self::Prefixed(prefix)),
            (_, Some(_)) => Err(invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")),
            (names, None) if names.len() > STREAM_NAMES_MAX => {
                Err(invalid(format!("`logStreamNames` holds at most {STREAM_NAMES_MAX} names")))
            }
            (names, None) => Ok(Self::Named(names.iter().map(String::as_str).collect())),
        }
    }

    fn want(&self, stream: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(stream),
            Self::Prefixed(prefix) => stream.starts_with(prefix),
        }
    }
}

fn invalid_token() -> LogsError {
    invalid("The specified nextToken is invalid.")
}

fn filtered(line: &LogLine) -> FilteredLogEvent {
    FilteredLogEvent {
        log_stream_name: line.source.stream.to_string(),
        timestamp: line.timestamp_ms,
        message: line.message.clone(),
        ingestion_time: line.ingested_ms,
        event_id: line.id.to_string(),
    }
}

fn output(line: &LogLine) -> OutputLogEvent {
    OutputLogEvent { timestamp: line.timestamp_ms, message: line.message.clone(), ingestion_time: line.ingested_ms }
}
