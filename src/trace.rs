//! Events for logs, with the feature `tracing`: what was opened and wrapped, by which key ids, and
//! how it ended. Never a secret, and nothing of a context.

/// Emits an event on the level `DEBUG`, its values as `Display` shows them. Without the feature it
/// does nothing, and computes no value.
#[cfg(feature = "tracing")]
macro_rules! event {
    ($message:literal, $($name:ident = $value:expr),+ $(,)?) => {
        tracing::debug!(target: "keystead", $($name = %$value),+, $message)
    };
}

#[cfg(not(feature = "tracing"))]
macro_rules! event {
    ($message:literal, $($name:ident = $value:expr),+ $(,)?) => {
        { $(let _ = || { let _ = &$value; };)+ }
    };
}

pub(crate) use event;
